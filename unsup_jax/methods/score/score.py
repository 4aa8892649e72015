r"""A score model: one denoiser of all noise levels, learnt from clean images (Karras et al., NeurIPS 2022; article, refs. [34]-[38]).

    D(x; sigma) = E[x_0 | x_0 + sigma n = x],       min_theta E w(sigma) ||D(x_0 + sigma n; sigma) - x_0||^2

in units of grey that give the images a mean of 0 and a deviation d = 1/2. What the network is of D, and w, is a `Parameterization`: EDM, NCSN,
DDPM, flow matching. D knows nothing of any measurement: p(x | y) is drawn from by a `Sampler` that takes H and the noise of each, so that
one training serves every operator, and a trained state every sampler.
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
from unsup_jax.methods.score.mmps import MMPS
from unsup_jax.methods.score.observed import Observed, whole
from unsup_jax.methods.score.parameterization import DEVIATION, EDM, Parameterization
from unsup_jax.methods.score.posterior_sampling import PosteriorSampling
from unsup_jax.methods.score.sampler import Sampler
from unsup_jax.methods.score.unconditional import Heun, Unconditional
from unsup_jax.networks import Network, ScoreUNet
from unsup_jax.networks.unrolled import as_channels

class ScoreState(LearnedState):
    """theta, the units of x as real numbers, and what an image is like."""

    shape: tuple[int, ...] = struct.field(pytree_node=False)
    """[*S, C] of the images of the training."""
    is_complex: bool = struct.field(pytree_node=False)


@dataclass(frozen=True)
class Score(Learned):
    """D, and draws of x given y by any sampler, of 2-D and 3-D images, real or complex.

    Raises `InputError` on no draws, on measurements that the sampler does not take, and on images of
    other channels than those of the training.
    """

    sees: ClassVar[frozenset[str]] = frozenset({"unpaired"})
    reference: ClassVar[str] = "Karras 2022"

    network: Network = ScoreUNet()
    """F_theta."""
    optimizer: Optimizer = Adam(learning_rate=1e-3, clip=1.0, average=0.999)
    """Optimiser of theta, with its moving average, which samples."""
    parameterization: Parameterization = EDM()
    """What F_theta is of D, and the noise levels of the training."""
    sampler: Sampler = MMPS()
    """How p(x | y) is drawn from."""
    unconditional: Unconditional = Heun()
    """How images are drawn from nothing."""
    draws: int = 8
    """Draws of x given y, whose mean is the estimate."""

    def __post_init__(self):
        super().__post_init__()
        if self.draws < 1:
            raise InputError(f"Score needs draws >= 1, not {self.draws}")

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

    @property
    def learns(self) -> "Score":
        """The same with the default samplers, which have no part in the training."""
        return replace(self, sampler=MMPS(), unconditional=Heun(), draws=8)

    def with_prior(self, prior: Any) -> PosteriorSampling:
        """Its sampler by another run's score model, in place of one of its own."""
        return PosteriorSampling(prior, self.sampler, self.draws)

    def tiny(self) -> "Score":
        return replace(super().tiny(), sampler=replace(self.sampler, levels=3), unconditional=replace(self.unconditional, levels=3), draws=2)

    def init(self, key: Array, example: Measurement) -> ScoreState:
        first = jax.tree.map(lambda leaf: leaf[0], example)
        self.require(first)
        x = as_channels(example.unpaired)
        offset = Scale.of_images(x).offset
        return self.begun(key, offset, jnp.sqrt(jnp.mean(jnp.square(x - offset[None]))), first.unpaired)

    def begun(self, key: Array, offset: Array, deviation: Array, like: Array) -> ScoreState:
        """An untrained D of images [*S, C] like ONE, of the mean [1, ..., 1, C] and the deviation of their real numbers, all channels together."""
        scale = Scale(offset, jnp.where(deviation > 0, deviation, 1) / DEVIATION)
        params = self.init_params(key, scale.normalize(as_channels(jnp.zeros(like.shape, like.dtype))))
        is_complex = jnp.issubdtype(like.dtype, jnp.complexfloating)
        return ScoreState(Trained.start(params, self.optimizer), scale, like.shape, bool(is_complex))

    def init_params(self, key: Array, x: Array) -> Any:
        return self.network.init(key, x, jnp.zeros(()))

    def D(self, params: Any, x: Array, sigma: Array) -> Array:
        """D(x; sigma) of a normalised image."""
        return self.parameterization.denoise(self._F(params), x, sigma)

    def loss(self, key: Array, params, one: Measurement):
        return self.parameterization.loss(key, self._F(params), one.unpaired), {}

    def denoiser(self, state: ScoreState) -> Denoiser:
        """D in grey levels."""
        offset, unit = state.scale.offset, state.scale.unit
        restored = lambda x, sigma: state.scale.restore(self.D(state.params, state.scale.normalize(x), sigma / unit))
        return Denoiser(restored, offset, DEVIATION * unit)

    def posterior(self, key: Array, state: ScoreState, measurement: Measurement) -> Array:
        D, seen = self._known(state, measurement)
        return jax.vmap(seen.restored)(self.sampler.draw_many(key, D, seen, self.draws))

    def reconstruct(self, key: Array, state: ScoreState, measurement: Measurement) -> Array:
        D, seen = self._known(state, measurement)
        return seen.restored(Denoising.mean(D, seen) if seen.is_level else self.sampler.estimate(key, D, seen, self.draws))

    def sample(self, key: Array, state: ScoreState, count: int) -> Array:
        shape = (*state.shape[:-1], state.scale.offset.shape[-1])
        draw = lambda key: self.unconditional.sample(key, self.denoiser(state), shape)
        return jax.lax.map(lambda key: whole(draw(key), state.is_complex), jax.random.split(key, count), batch_size=8)

    def _F(self, params):
        return lambda x, code: self.network.apply(params, x, code)

    def _known(self, state, measurement):
        self.require(measurement)
        D = self.denoiser(state)
        Observed.require_kind(measurement, D, self.label)
        return D, self.sampler.observed(measurement)

    def _in_units(self, scale: Scale) -> Callable:
        def loss(key, params, one):
            return self.loss(key, params, one.replace(unpaired=scale.normalize(as_channels(one.unpaired))))

        return loss
