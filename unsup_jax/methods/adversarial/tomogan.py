r"""TomoGAN: few or weak projections to a clean slice (Liu et al., J. Opt. Soc. Am. A 37, 422 (2020)).

    G pays  0.5 MSE(x, G(u)) + 2 (1/J) sum_j MSE(phi_j(x), phi_j(G(u))) - 0.008 log D(G(u)),      u the filtered back-projection of y
    D pays  -log D(x) - log(1 - D(G(u))),      two steps for one of G

It is pix2pix of the images u, with other weights, and a D that sees x alone. Published weights are .5, 2 and 20, of 8-bit images;
here grey levels are in units of the deviation of u, for which 50 of those levels are taken, and a squared error is 50^2 times less.
The features phi_j are those of random filters unless a file of a VGG's weights is named (`Perceptual`), and G sees their
gradient, which the authors' code loses.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Adam, Measurement, Optimizer, Takes
from unsup_jax.core.method import Metrics
from unsup_jax.losses import Objective, Perceptual, SupervisedError
from unsup_jax.methods.adversarial.game import Players
from unsup_jax.methods.adversarial.pix2pix import Pix2Pix
from unsup_jax.networks import ConvCritic, Critic, Network, UNet
from unsup_jax.operators import Identity


@dataclass(frozen=True)
class TomoGAN(Pix2Pix):
    """Pix2pix of back-projected slices, with content, perceptual and adversarial terms; images are taken for slices as they are.

    Raises `InputError` as `Pix2Pix` does, and on views that are not back-projected.
    """

    takes: ClassVar[Takes] = Takes(
        "real data of Radon, FanBeam or another operator that projects, or images",
        lambda one: (one.operator.projects or one.operator.identity) and not jnp.issubdtype(one.y.dtype, jnp.complexfloating),
    )
    reference: ClassVar[str] = "Liu 2020, eqs. (6)-(7), (27)"

    generator: Network = UNet(depth=3, residual=True)
    """G."""
    critic: Critic = ConvCritic()
    """D."""
    content: Objective = 0.5 * SupervisedError() + 2 * Perceptual()
    """What G pays for its distance from x, with its weights."""
    adversarial: float = 20 / 50**2
    """Weight of what G pays for D's outputs."""
    n_critic: int = 2
    """Steps of D for one of G."""
    generator_optimizer: Optimizer = Adam(1e-4, average=0.99)
    """Optimiser of G, with its moving average."""
    critic_optimizer: Optimizer = Adam(1e-4)
    """Optimiser of D."""
    window: Literal["ram-lak", "shepp-logan", "hann"] = "ram-lak"
    """What multiplies the ramp of the filter, from the sharpest to the smoothest."""

    @property
    def beside(self) -> bool:
        return False

    def imaged(self, one: Measurement) -> Measurement:
        """The same with u in place of y."""
        if one.operator.identity:
            return one
        return one.replace(y=one.operator.back_project(one.y, window=self.window), operator=Identity(), noise=None)

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        if measurement.operator.projects:
            measurement.operator.check_views()

    def init(self, key: Array, example: Measurement) -> Players:
        return super().init(key, jax.vmap(self.imaged)(example))

    def update(self, key: Array, state: Players, batch: Measurement) -> tuple[Players, Metrics]:
        return super().update(key, state, jax.vmap(self.imaged)(batch))

    def validate(self, key: Array, state: Players, batch: Measurement) -> Metrics:
        return super().validate(key, state, jax.vmap(self.imaged)(batch))

    def reconstruct(self, key: Array, state: Players, measurement: Measurement) -> Array:
        return super().reconstruct(key, state, self.imaged(measurement))
