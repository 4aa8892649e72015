r"""A network of a coarse image on the finer pixels of x: super-resolution.

    F_theta(y; H) = R_theta(U y),       U y linear between the pixels of y, on those of the domain of H

so that theta has no part of the interpolation to learn, and nothing of y has passed H* before.
"""

from typing import Any, ClassVar

import flax.linen as nn
import jax
from jax import Array

from unsup_jax.networks.base import Network
from unsup_jax.networks.unet import UNet


class Upsampled(Network):
    """`network` of y on the pixels of x, 2-D or 3-D."""

    takes_operator: ClassVar[bool] = True

    network: Network = UNet(residual=True)
    """R_theta."""

    def tiny(self) -> "Upsampled":
        return self.clone(network=self.network.tiny())

    @nn.compact
    def __call__(self, y: Array, H: Any) -> Array:
        fine = H.domain(y).shape[:-1]
        return self.network.copy(name="fine")(jax.image.resize(y, (*fine, y.shape[-1]), "linear"))
