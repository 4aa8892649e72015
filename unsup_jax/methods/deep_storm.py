r"""Deep-STORM: super-resolution of frames of dense molecules, learnt from simulated ones (Nehme et al., Optica 5, 458 (2018)).

    min_theta E  (1/n) ||g * F_theta(U y) - g * x||^2 + lambda (1/n) ||F_theta(U y)||_1

x are the molecules, each all its light in one of n pixels finer than the camera's; U repeats a frame's pixels onto those; g is a
Gaussian of 7 x 7 pixels, sigma 1, sum 2, so that an estimate beside the place costs little more than one at it. The second term
leaves few pixels alight. Each molecule has its own light, in units of the brightest pixel of a back-projected frame: in these it
is about as much as the PSF has pixels, and lambda takes little of it. Published: 32-64-128-512-128-64-32 features on eight times
finer pixels, Adam 1e-3, batch 16, 40000 steps.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import FINER_PIXELS, Adam, Learned, Measurement, Optimizer, Takes
from unsup_jax.errors import InputError
from unsup_jax.losses import mean_square_error
from unsup_jax.networks import Network, UNet
from unsup_jax.operators import Convolution, gaussian_psf


@dataclass(frozen=True)
class DeepStorm(Learned):
    """The light of each molecule, in a pixel or two. Raises `InputError` on a negative weight."""

    sees: ClassVar[frozenset[str]] = frozenset({"truth"})
    takes: ClassVar[Takes] = FINER_PIXELS
    reference: ClassVar[str] = "Nehme 2018"

    network: Network = UNet(depth=2, width=16)
    """F_theta, on the pixels of x."""
    optimizer: Optimizer = Adam(1e-3)
    """Optimiser of theta."""
    sparsity: float = 1.0
    """lambda."""

    def __post_init__(self):
        super().__post_init__()
        if self.sparsity < 0:
            raise InputError(f"the weight of sparsity is {self.sparsity}; it is zero or more")

    def shown(self, one: Measurement) -> tuple:
        shape = one.operator.domain(one.y).shape
        finer = shape[0] // one.y.shape[0]
        return (jax.image.resize(one.y, shape, "nearest") / finer**2,)          # light of a fine pixel, not of the camera's

    def loss(self, key: Array, params, one: Measurement):
        g = Convolution(2 * gaussian_psf((7, 7), 1.0), boundary="zero")
        x = self.network.apply(params, *self.shown(one))
        heat, light = mean_square_error(g(x), g(one.truth)), jnp.mean(jnp.abs(x))
        return heat + self.sparsity * light, {"loss": heat + self.sparsity * light, "heat": heat, "light": light}

    def estimate(self, key: Array, params, one: Measurement) -> Array:
        return jax.nn.relu(super().estimate(key, params, one))
