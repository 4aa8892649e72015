r"""What the iterations for the regularised least squares of eq. (2) share: min over x of 1/2 ||y - H(x)||^2 + R(x).

Each method's file has its equations and its reference. With c = 1/2 ||y - H(x)||^2 the factor two of the article's c is
in R. `prior` is any of `unsup_jax.priors`, a denoiser among them (`PlugAndPlay`, `RED`). Unless `relative` is False, for
a linear H the image is counted in units of the largest modulus of its first guess, and c in units of ||H||^2, so that
one weight serves all units and instruments.

Each method's `update` is one iteration, which reports 1/2 ||y - H(x)||^2 (`fidelity`), R (`prior`) and the relative
`change` of x.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import LINEAR, Measurement, Method, Takes
from unsup_jax.core.linear import inner
from unsup_jax.core.method import Metrics
from unsup_jax.priors import PlugAndPlay, Prior, Zero
from unsup_jax.priors.denoiser import DenoiserPrior


class Iterate(struct.PyTreeNode):
    """The state of an iteration."""

    x: Array
    unit: Array
    """The image is x times this."""
    back: Array | None
    """H* y, for a linear H."""
    curvature: Array
    """||H||^2, by 20 power iterations; one where it is not used."""
    memory: Any = None
    """What the method keeps from one iteration to the next."""


@dataclass(frozen=True)
class Iterative(Method):
    """What the iterations share. A subclass writes `start` and `iterate`."""

    scope: ClassVar[Literal["dataset", "measurement"]] = "measurement"
    takes: ClassVar[Takes] = LINEAR

    prior: Prior = Zero()
    """R(x)."""
    steps: int = 100
    """Iterations."""
    relative: bool = True
    """Count the image in units of its first guess and the misfit in units of ||H||^2, where H is linear."""

    def start(self, one: Measurement, at: Iterate) -> Any:
        """The memory before the first iteration, from the state without it."""
        raise NotImplementedError

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        """(x, memory, 1/2 ||y - H v||^2) after one iteration, v the point where the iteration looked."""
        raise NotImplementedError

    def init(self, key: Array, example: Measurement) -> Iterate:
        self.require(example)
        H = example.operator
        x = H.guess(example.y)
        largest = jnp.abs(x).max()
        scaled = H.linear and self.relative
        unit = jnp.where(largest > 0, largest, 1) if scaled else jnp.ones_like(largest)
        one, x = self._in_units(example, unit), x / unit.astype(x.dtype)
        back = H.adjoint(example.y) / unit.astype(x.dtype) if H.linear else None  # the guess's own H* y
        curvature = jnp.ones((), x.real.dtype)
        if H.linear and self._needs_curvature():
            norm = H.norm(one.y)
            curvature = jnp.where(norm > 0, norm, curvature)
        at = Iterate(x, unit, back, curvature)
        return at.replace(memory=self.start(one, at))

    def update(self, key: Array, state: Iterate, batch: Measurement) -> tuple[Iterate, Metrics]:
        at = replace(self, prior=self.prior.in_units(state.unit))
        x, memory, fidelity = at.iterate(self._in_units(batch, state.unit), state)
        change = jnp.sqrt(inner(x - state.x, x - state.x) / jnp.maximum(inner(x, x), 1e-30))
        return state.replace(x=x, memory=memory), {"fidelity": fidelity, "prior": at.prior(x), "change": change}

    def reconstruct(self, key: Array, state: Iterate, measurement: Measurement) -> Array:
        return state.unit.astype(state.x.dtype) * state.x

    def with_prior(self, prior: Any) -> "Iterative":
        """The run as the denoiser of its prior: of plug-and-play, unless it has a denoiser already."""
        own = self.prior if isinstance(self.prior, DenoiserPrior) else PlugAndPlay()
        return replace(self, prior=replace(own, denoiser=prior))

    @property
    def slabwise(self) -> bool:
        return self.prior.slabwise

    @property
    def notes(self) -> tuple[str, ...]:
        return self.prior.notes

    def tiny(self) -> "Iterative":
        return replace(self, steps=2)

    def _needs_curvature(self):
        return True

    def _weight(self, curvature):
        """What R is multiplied by, beside c."""
        return curvature if self.relative else jnp.ones_like(curvature)

    def _in_units(self, one, unit):
        return one.replace(y=one.y / unit.astype(one.y.dtype))


def misfit(one, back, x, normal):
    """1/2 ||y - H x||^2 from H* y and H* H x, without another H."""
    return 0.5 * inner(one.y, one.y) - inner(back, x) + 0.5 * inner(x, normal)
