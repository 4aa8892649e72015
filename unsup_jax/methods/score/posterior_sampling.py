r"""Draws of x given y by a score model that another run has trained: one prior, whatever is measured, and by whatever H.

    x_0 = start,     x_{i+1} = step(x_i; sigma_i, sigma_{i+1})          each draw by itself, all of them a level in one step

The walk is a `Sampler`'s; here its levels are the steps of a method of measurement scope, so that a long one shows how far it is, and is
gone on with where it was left. Beside it, `Score` trains a model of its own for the same samplers.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import Measurement, Method, Takes
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoising import Denoising
from unsup_jax.methods.score.mmps import MMPS
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.sampler import Sampler


class Walk(struct.PyTreeNode):
    """The draws on their way."""

    x: Array
    """[draws, *S, C], in real numbers."""
    level: Array
    """How many levels are behind them."""


@dataclass(frozen=True)
class PosteriorSampling(Method):
    """Draws of x given ONE measurement, and their mean as the estimate.

    Raises `InputError` on no draws, on measurements that the sampler does not take, and on images of another kind than the prior's.
    """

    scope: ClassVar[Literal["dataset", "measurement"]] = "measurement"
    reference: ClassVar[str] = "Daras 2024"
    asks_prior: ClassVar[str | None] = "denoiser"

    prior: Any
    """What has a `denoiser()`, such as the run of a score model (`unsup_jax.trained.Run`): a `Denoiser`, whose mean has the axes of x."""
    sampler: Sampler = MMPS()
    """How p(x | y) is drawn from."""
    draws: int = 8
    """Draws of x given y, whose mean is the estimate."""

    def __post_init__(self):
        if self.draws < 1:
            raise InputError(f"PosteriorSampling needs draws >= 1, not {self.draws}")

    @property
    def label(self) -> str:
        """The sampler's name, and that its prior was learnt elsewhere."""
        return f"{type(self.sampler).__name__} by a run"

    @property
    def steps(self) -> int:
        """The sampler's levels."""
        return self.sampler.levels

    @property
    def takes(self) -> Takes:
        """What its sampler takes."""
        return self.sampler.takes

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        self.sampler.check(measurement)
        Observed.require_kind(measurement, self.prior.denoiser(), f"the prior of {self.label}")

    def with_prior(self, prior: Any) -> "PosteriorSampling":
        return replace(self, prior=prior)

    def tiny(self) -> "PosteriorSampling":
        return replace(self, sampler=replace(self.sampler, levels=3), draws=2)

    def init(self, key: Array, example: Measurement) -> Walk:
        self.require(example)
        D, seen = self.prior.denoiser(), self.sampler.observed(example)
        start = lambda key: self.sampler.start(key, D, seen, self.sampler.sigmas(D, seen)[0])
        return Walk(jax.vmap(start)(jax.random.split(key, self.draws)), jnp.int32(0))

    def update(self, key: Array, state: Walk, batch: Measurement) -> tuple[Walk, Metrics]:
        D, seen = self.prior.denoiser(), self.sampler.observed(batch)
        sigmas = self.sampler.sigmas(D, seen)
        sigma, s = sigmas[state.level], jnp.pad(sigmas[1:], (0, 1))[state.level]
        step = lambda key, x: self.sampler.step(key, D, seen, x, sigma, s)
        x = jax.vmap(step)(jax.random.split(key, self.draws), state.x)
        fidelity = 0.5 * jnp.sum(jnp.square(seen.residual(x.mean(0))))
        return Walk(x, state.level + 1), {"fidelity": fidelity, "sigma": sigma}

    def posterior(self, key: Array, state: Walk, measurement: Measurement) -> Array:
        return jax.vmap(self.sampler.observed(measurement).restored)(state.x)

    def reconstruct(self, key: Array, state: Walk, measurement: Measurement) -> Array:
        seen = self.sampler.observed(measurement)
        return seen.restored(Denoising.mean(self.prior.denoiser(), seen) if seen.is_level else state.x.mean(0))
