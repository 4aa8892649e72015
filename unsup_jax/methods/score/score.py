r"""A score model: one denoiser of all noise levels, learnt from clean images (Karras et al., NeurIPS 2022; article, refs. [34]-[38]).

    D(x; sigma) = c_skip x + c_out F_theta(c_in x; ln sigma / 4),
    c_skip = d^2 / (sigma^2 + d^2),   c_out = sigma d / sqrt(sigma^2 + d^2),   c_in = 1 / sqrt(sigma^2 + d^2)
    min_theta E (sigma^2 + d^2) / (sigma d)^2 ||D(x + sigma n; sigma) - x||^2,      ln sigma ~ N(-1.2, 1.2^2)

in units of grey that give the images a mean of 0 and a deviation d = 1/2. D knows nothing of any measurement: p(x | y) is drawn from
by a `Sampler` that takes H and the noise of each, so that one training serves every operator, and a trained state every sampler.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import Adam, Learned, LearnedState, Measurement, Optimizer, Scale, Takes, Trained
from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.denoising import Denoising
from unsup_jax.methods.score.heun import Heun
from unsup_jax.methods.score.mmps import MMPS
from unsup_jax.methods.score.observed import Observed, whole
from unsup_jax.methods.score.sampler import Sampler
from unsup_jax.networks import Network, ScoreUNet
from unsup_jax.networks.unrolled import as_channels

DEVIATION = 0.5
"""d, of normalised images."""


class ScoreState(LearnedState):
    """theta, the units of x as real numbers, and what an image is like."""

    shape: tuple[int, ...] = struct.field(pytree_node=False)
    """[*S, C] of the images of the training."""
    is_complex: bool = struct.field(pytree_node=False)


@dataclass(frozen=True)
class Score(Learned):
    """D in the EDM parameterisation, and draws of x given y by any sampler, of 2-D and 3-D images, real or complex.

    Raises `InputError` on no draws, on a deviation that is not positive, on measurements that the sampler does not take, and on images of
    other channels than those of the training.
    """

    sees: ClassVar[frozenset[str]] = frozenset({"unpaired"})
    reference: ClassVar[str] = "Karras 2022"

    network: Network = ScoreUNet()
    """F_theta."""
    optimizer: Optimizer = Adam(learning_rate=1e-3, clip=1.0, average=0.999)
    """Optimiser of theta, with its moving average, which samples."""
    sampler: Sampler = MMPS()
    """How p(x | y) is drawn from."""
    unconditional: Heun = Heun()
    """How images are drawn from nothing."""
    draws: int = 8
    """Draws of x given y, whose mean is the estimate."""
    log_mean: float = -1.2
    """Mean of ln sigma in the training."""
    log_deviation: float = 1.2
    """Its deviation."""

    def __post_init__(self):
        super().__post_init__()
        if self.draws < 1 or not self.log_deviation > 0:
            raise InputError(f"Score needs draws >= 1 and log_deviation > 0, not {self.draws} and {self.log_deviation}")

    @property
    def takes(self) -> Takes:
        """What its sampler takes."""
        return self.sampler.takes

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        self.sampler.check(measurement)

    @property
    def tiling(self) -> None:
        """None: the noise of a draw is one of the whole image."""
        return None

    def tiny(self) -> "Score":
        return replace(super().tiny(), sampler=replace(self.sampler, levels=3), unconditional=Heun(3), draws=2)

    def init(self, key: Array, example: Measurement) -> ScoreState:
        first = jax.tree.map(lambda leaf: leaf[0], example)
        self.require(first)
        x = as_channels(example.unpaired)
        offset = Scale.of_images(x).offset
        deviation = jnp.sqrt(jnp.mean(jnp.square(x - offset[None])))                # of all channels together, as sigma is one number
        scale = Scale(offset, jnp.where(deviation > 0, deviation, 1) / DEVIATION)
        params = self.network.init(key, scale.normalize(x[0]), jnp.zeros(()))
        return ScoreState(Trained.start(params, self.optimizer), scale, first.unpaired.shape, jnp.iscomplexobj(first.unpaired))

    def D(self, params: Any, x: Array, sigma: Array) -> Array:
        """D(x; sigma) of a normalised image."""
        d = DEVIATION
        total = sigma**2 + d**2
        F = self.network.apply(params, x / jnp.sqrt(total), jnp.log(sigma) / 4)
        return d**2 / total * x + sigma * d / jnp.sqrt(total) * F

    def loss(self, key: Array, params, one: Measurement):
        level, noise = jax.random.split(key)
        x, d = one.unpaired, DEVIATION
        sigma = jnp.exp(self.log_mean + self.log_deviation * jax.random.normal(level))
        weight = (sigma**2 + d**2) / (sigma * d) ** 2
        noisy = x + sigma * jax.random.normal(noise, x.shape, x.dtype)
        return weight * jnp.mean(jnp.square(self.D(params, noisy, sigma) - x)), {}

    def denoiser(self, state: ScoreState) -> Denoiser:
        """D in grey levels."""
        offset, unit = state.scale.offset, state.scale.unit
        restored = lambda x, sigma: state.scale.restore(self.D(state.params, state.scale.normalize(x), sigma / unit))
        return Denoiser(restored, offset, DEVIATION * unit)

    def posterior(self, key: Array, state: ScoreState, measurement: Measurement) -> Array:
        seen = self._observed(state, measurement)
        return jax.vmap(seen.restored)(self.sampler.draw_many(key, self.denoiser(state), seen, self.draws))

    def reconstruct(self, key: Array, state: ScoreState, measurement: Measurement) -> Array:
        seen = self._observed(state, measurement)
        sampler = Denoising() if measurement.operator.identity and seen.variance is not None else self.sampler   # E[x | y] itself
        return seen.restored(sampler.estimate(key, self.denoiser(state), seen, self.draws))

    def sample(self, key: Array, state: ScoreState, count: int) -> Array:
        shape = (*state.shape[:-1], state.scale.offset.shape[-1])
        draw = lambda key: self.unconditional.sample(key, self.denoiser(state), shape)
        return jax.lax.map(lambda key: whole(draw(key), state.is_complex), jax.random.split(key, count), batch_size=8)

    def _observed(self, state, measurement):
        self.require(measurement)
        seen = Observed.of(measurement)
        x, learnt = seen.H.domain(seen.y), state.scale.offset.shape
        if len(x.shape) != len(learnt) or x.shape[-1] != learnt[-1]:
            kind = lambda shape: f"{len(shape) - 1}-D ones of {shape[-1]} real numbers a pixel"
            raise InputError(f"{self.label} learnt from images of another kind, {kind(learnt)}; those of the measurement are {kind(x.shape)}")
        return seen

    def _in_units(self, scale: Scale) -> Callable:
        def loss(key, params, one):
            return self.loss(key, params, one.replace(unpaired=scale.normalize(as_channels(one.unpaired))))

        return loss
