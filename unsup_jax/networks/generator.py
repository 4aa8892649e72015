r"""Generators: a vector of latents z [L] to an image [*S, channels], G(z, S), without normalisation over a batch.

The coarsest map is affine in z; each level repeats pixels and convolves (`UpConv`), which draws no checkerboard. The output is
in units of grey of the data, unbounded.
"""

import math

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv, Lowering, UpConv
from unsup_jax.networks.critic import ResidualBlock, leaky
from unsup_jax.networks.modulation import AdaIN, SelfAttention


class Generator(Network):
    """What all generators share: none of their sizes is below 1."""

    def __post_init__(self):
        super().__post_init__()
        given = {name: getattr(self, name) for name in ("width", "depth", "channels")}
        if min(given.values()) < 1:
            raise InputError(f"{type(self).__name__} needs values of 1 or more, not {', '.join(f'{k} {v}' for k, v in given.items())}")

    def tiny(self) -> "Generator":
        return self.clone(width=4, depth=min(self.depth, 2))

    def coarsest(self, z: Array, shape: tuple[int, ...]) -> Array:
        """The map [*S / 2^depth, width 2^depth] that is affine in z."""
        coarse, features = [-(-n // 2**self.depth) for n in shape], self.width * 2**self.depth
        return nn.Dense(math.prod(coarse) * features, name="in")(z).reshape(*coarse, features)


class ConvGenerator(Generator):
    """A convolution a level (DCGAN, Radford 2016). Raises `InputError` on a field below 1."""

    width: int = 32
    """Features of the finest level; doubled at each level below."""
    depth: int = 2
    """Up-samplings by 2."""
    channels: int = 1
    """Channels of the image."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    @nn.compact
    def __call__(self, z: Array, shape: tuple[int, ...]) -> Array:
        h = leaky(self.coarsest(z, shape))
        for level in reversed(range(self.depth)):
            h = leaky(UpConv(self.width * 2**level, lowering=self.lowering, name=f"{level}")(h, nothing(h)))
        h = Conv(self.channels, lowering=self.lowering, name="out", gain=0.5)(h)
        return h[tuple(slice(n) for n in shape)]


class ResidualGenerator(Generator):
    """Two residual convolutions a level, of whose features z tells the scale and offset too. Raises `InputError` on a field below 1."""

    width: int = 32
    """Features of the finest level; doubled at each level below."""
    depth: int = 2
    """Up-samplings by 2."""
    channels: int = 1
    """Channels of the image."""
    styled: bool = False
    """Features of each level are normalised, and modulated by z (AdaIN)."""
    attention: bool = False
    """Self-attention on the coarsest level."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    @nn.compact
    def __call__(self, z: Array, shape: tuple[int, ...]) -> Array:
        settings = {"lowering": self.lowering}
        h = ResidualBlock(**settings, name="first")(self.coarsest(z, shape))
        if self.attention:
            h = SelfAttention(name="attention")(h)
        for level in reversed(range(self.depth)):
            h = UpConv(self.width * 2**level, **settings, name=f"{level}up")(h, nothing(h))
            if self.styled:
                h = AdaIN(name=f"{level}style")(h, z)
            h = ResidualBlock(**settings, name=f"{level}")(h)
        h = Conv(self.channels, **settings, name="out", gain=0.5)(leaky(h))
        return h[tuple(slice(n) for n in shape)]


class DenseGenerator(Generator):
    """A perceptron (f-GAN, Nowozin 2016). Raises `InputError` on a field below 1."""

    width: int = 128
    """Units of a hidden layer."""
    depth: int = 2
    """Hidden layers."""
    channels: int = 1
    """Channels of the image."""

    @nn.compact
    def __call__(self, z: Array, shape: tuple[int, ...]) -> Array:
        for layer in range(self.depth):
            z = leaky(nn.Dense(self.width, name=f"{layer}")(z))
        return nn.Dense(math.prod(shape) * self.channels, name="out")(z).reshape(*shape, self.channels)


def nothing(coarse: Array) -> Array:
    """The skip connection of no channels that `UpConv` takes beside a coarse map."""
    return jnp.zeros((*(2 * n for n in coarse.shape[:-1]), 0), coarse.dtype)
