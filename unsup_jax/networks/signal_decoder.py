"""The signal of an image from the features of its latents: convolutions of 3 taps an axis (Salmon and Krull, arXiv:2310.07887, 2024)."""

import flax.linen as nn
from jax import Array

from unsup_jax.networks.convolution import Conv


class SignalDecoder(nn.Module):
    """s(h) [*S, channels] of features h [*S, F]."""

    width: int
    """Features of the hidden layers."""
    channels: int
    """Channels of the signal."""
    depth: int = 3
    """Convolutions, the last of which begins small."""

    @nn.compact
    def __call__(self, h: Array) -> Array:
        for layer in range(self.depth - 1):
            h = nn.relu(Conv(self.width, name=f"conv{layer}")(h))
        return Conv(self.channels, name="out", gain=0.1)(h)
