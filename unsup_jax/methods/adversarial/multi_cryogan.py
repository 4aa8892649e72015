r"""Multi-CryoGAN (Gupta et al., ECCV Workshops 2020; article, reference [29]).

    y_i = H_i P_{R_i, t_i} x_i + w_i          particles of ONE kind, each of them in a conformation x_i of its own

    min_G max_D  E_i D(y_i) - E_{i, z, R, t, w} D(H_i P_{R, t} G(z) + w),     z uniform on [-1, 1]^L

It is cryoGAN with a generator of volumes in the place of the one volume: a law of conformations whose projections are those that
were recorded. Neither poses nor conformations of particles are estimated. Volumes are those of `sample`, or along one z of `images`. In
place of the publication's convolutional G, a few volumes are weighed by cosines of z.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Adam, Measurement, Optimizer
from unsup_jax.errors import InputError
from unsup_jax.losses.games import R1, R2, Regularizer
from unsup_jax.methods.adversarial.cryogan import Projected
from unsup_jax.methods.adversarial.game import Player, Players
from unsup_jax.networks import ConvCritic, Critic, Network, VolumeModes
from unsup_jax.networks.volume import inside


@dataclass(frozen=True)
class MultiCryoGAN(Projected):
    """Conformations of all particles together. Raises `InputError` on fewer than one latent."""

    reference: ClassVar[str] = "Gupta 2020, multi-cryoGAN"

    generator: Network = VolumeModes()
    """G, from latents to voxels."""
    critic: Critic = ConvCritic(width=32, depth=3)
    """D."""
    regularizers: tuple[Regularizer, ...] = (R1(0.1), R2(0.1))
    """What keeps D smooth: less than cryoGAN's, which a D that tells conformations apart exceeds."""
    latents: int = 1
    """Entries L of z."""
    generator_optimizer: Optimizer = Adam(1e-2, b1=0.0, b2=0.9, average=0.99)
    """Optimiser of G, with its moving average."""

    def __post_init__(self):
        super().__post_init__()
        if self.latents < 1:
            raise InputError(f"{self.label} needs one latent or more, not {self.latents}")

    @property
    def label(self) -> str:
        """The published name."""
        return "multi-cryoGAN"

    def init_players(self, key: Array, one: Measurement) -> tuple[Any, Any]:
        (of_G, of_D), (G, D) = jax.random.split(key), self.networks(one.y.shape)
        return G.init(of_G, jnp.zeros(self.latents), (one.y.shape[0],) * 3), D.init(of_D, one.y)

    def volume(self, key: Array, G: Player, shape: tuple[int, ...]) -> Array:
        return self.conformation(jax.random.uniform(key, (self.latents,), minval=-1.0), G, shape)

    def conformation(self, z: Array, G: Player, shape: tuple[int, ...]) -> Array:
        """G(z) in the ball that all projections hold, [*S, C]."""
        x = G(z, shape)
        return inside(shape)[..., None].astype(x.dtype) * x

    def sample(self, key: Array, state: Players, count: int) -> Array:
        """Conformations [count, D, D, D, C], by the law that G learned."""
        G, shape = self.generates(state.params, state.shape), (state.shape[0],) * 3
        return jax.vmap(lambda key: state.target.restore(self.volume(key, G, shape)))(jax.random.split(key, count))

    def images(self, state: Players, measurement: Measurement) -> dict[str, Array]:
        """A row a latent: projections along an axis of the volume while that latent goes from -1 to 1 and the others are 0."""
        G, shape = self.generates(state.params, state.shape), (state.shape[0],) * 3
        project = lambda z: self.conformation(z, G, shape).sum(1)
        z = jnp.eye(self.latents)[:, None] * jnp.linspace(-1.0, 1.0, 9)[None, :, None]
        return {"conformations along each latent": jax.vmap(jax.vmap(project))(z)}
