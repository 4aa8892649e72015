"""The network of Zero-Shot Noise2Noise (Mansour and Heckel, CVPR 2023): three layers that estimate the noise of an image."""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv


class NoiseNetwork(Network):
    """N_theta(y): one image [*S, C] -> its noise [*S, C], by two convolutions of 3 taps an axis and one of a single tap.

    Raises `InputError` on a width below 1.
    """

    width: int = 48
    """Features of the hidden layers."""

    def __post_init__(self):
        super().__post_init__()
        if self.width < 1:
            raise InputError(f"NoiseNetwork needs width >= 1, not {self.width}")

    @property
    def radius(self) -> int:
        """Pixels beyond which an input pixel cannot change an output pixel."""
        return 2

    def tiny(self) -> "NoiseNetwork":
        return self.clone(width=4)

    @nn.compact
    def __call__(self, y: Array) -> Array:
        x = nn.leaky_relu(Conv(self.width, name="conv0")(y), 0.2)
        x = nn.leaky_relu(Conv(self.width, name="conv1")(x), 0.2)
        return Conv(y.shape[-1], kernel_size=1, name="out")(x).astype(jnp.float32)
