r"""A network of folded pixels (Zhang, Zuo and Zhang, IEEE Trans. Image Process. 27, 4608 (2018), FFDNet).

    F_theta(y) = U f_theta(U^-1 y),       U^-1: each block of 2^d pixels becomes one of 2^d as many channels

at a quarter of the cost of f_theta on an image's own pixels, and twice the reach.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import fold, interleave
from unsup_jax.networks.unet import UNet, align


class Folded(Network):
    """`network` of the blocks of one image [*S, C] -> [*S, channels]."""

    network: Network = UNet()
    """f_theta, a network with `channels`."""
    channels: int | None = None
    """Channels of the output; None for those of the input."""

    @property
    def alignment(self) -> int:
        """The network commutes with shifts by multiples of this many pixels."""
        return 2 * self.network.alignment

    @property
    def radius(self) -> int | None:
        """Pixels beyond which an input pixel cannot change an output pixel, a multiple of `alignment`."""
        return None if self.network.radius is None else 2 * self.network.radius + self.alignment

    def tiny(self) -> "Folded":
        return self.clone(network=self.network.tiny())

    @nn.compact
    def __call__(self, x: Array) -> Array:
        frame, phases = x.shape[:-1], 2 ** (x.ndim - 1)
        channels = phases * (self.channels or x.shape[-1])
        out = self.network.copy(channels=channels, name="coarse")(fold(align(x, self.alignment)))
        return interleave(jnp.stack(jnp.split(out, phases, -1)))[tuple(slice(n) for n in frame)]
