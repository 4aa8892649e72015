r"""Networks that are shown nothing of a measurement: an image F_theta(z) of parameters, from a z that stays as it was drawn.

    SkipNet            an hourglass of convolutions on noise z ~ U(0, .1), with thin skip connections   (Ulyanov et al., CVPR 2018)
    DeepDecoder        products of channels and bilinear up-sampling, fewer parameters than pixels      (Heckel and Hand, ICLR 2019)
    FourierFeatures    a perceptron of each pixel's coordinates v, z = sin, cos(2 pi B v)               (Tancik et al., NeurIPS 2020)
    FreePixels         theta itself, the image of any pixels: no prior, for comparison

What they can make easily are images, and noise only slowly or not at all, but for the last. Every one is normalised over the pixels of each feature, or
needs no norm; no output is bounded.
"""

import math
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv, Lowering
from unsup_jax.networks.critic import leaky
from unsup_jax.networks.modulation import instance_normalized
from unsup_jax.networks.strided import Strided

Shape = tuple[int, ...]


class FixedInput(Network):
    """F_theta(z, S): an image [*S, channels], 2-D or 3-D. A subclass gives `code`. Raises `InputError` on a size below 1."""

    fit: ClassVar[str]
    """The name of the method that fits it to a measurement."""

    def __post_init__(self):
        super().__post_init__()
        given = {name: value for name in ("width", "depth", "channels") if (value := getattr(self, name, None)) is not None}
        if min(given.values()) < 1:
            raise InputError(f"{type(self).__name__} needs values of 1 or more, not {', '.join(f'{k} {v}' for k, v in given.items())}")

    def code(self, key: Array, shape: Shape) -> Array:
        """z, of images of that shape [*S]."""
        raise NotImplementedError

    def shaken(self, key: Array, z: Array) -> Array:
        """z as a step of training sees it: itself, unless overridden."""
        return z


class SkipNet(FixedInput):
    """The hourglass of the deep image prior: a level down and up are two convolutions each, and a skip connection of few features."""

    fit: ClassVar[str] = "Deep image prior"

    width: int = 128
    """Features of each level."""
    depth: int = 5
    """Down-samplings by 2."""
    skip: int = 4
    """Features of a skip connection; of images with missing pixels as many as `width`."""
    inputs: int = 32
    """Channels of z."""
    jitter: float = 1 / 30
    """Standard deviation of the noise that is added to z in each step."""
    channels: int = 1
    """Channels of the image."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    def code(self, key: Array, shape: Shape) -> Array:
        whole = [-(-n // 2**self.depth) * 2**self.depth for n in shape]
        return 0.1 * jax.random.uniform(key, (*whole, self.inputs))

    def shaken(self, key: Array, z: Array) -> Array:
        return z + self.jitter * jax.random.normal(key, z.shape, z.dtype)

    def tiny(self) -> "SkipNet":
        return self.clone(width=4, depth=1, skip=2, inputs=3)

    @nn.compact
    def __call__(self, z: Array, shape: Shape) -> Array:
        h = Conv(self.channels, kernel_size=1, lowering=self.lowering, name="out")(self.level(z, 0))
        return h[tuple(slice(n) for n in shape)]

    def level(self, h: Array, level: int) -> Array:
        """[*S, C] -> [*S, width] by this level and all below it."""
        layer = lambda name, features, size: lambda h: leaky(Normalized(name=f"{name}{level}_norm")(
            self._convolution(f"{name}{level}", features, size)(h)))
        skip = layer("skip", self.skip, 1)(h)
        h = leaky(Normalized(name=f"down{level}a_norm")(Strided(self.width, lowering=self.lowering, name=f"down{level}a")(h)))
        h = layer("within", self.width, 3)(h)
        if level + 1 < self.depth:
            h = self.level(h, level + 1)
        h = Normalized(name=f"both{level}_norm")(jnp.concatenate([skip, doubled(h)], -1))
        return layer("last", self.width, 1)(layer("up", self.width, 3)(h))

    def _convolution(self, name, features, size):
        """A convolution that sees the image continued by reflection, so that its border is none."""
        conv, edge = Conv(features, kernel_size=size, lowering=self.lowering, name=name), size // 2

        def apply(h):
            wide = jnp.pad(h, [(edge, edge)] * (h.ndim - 1) + [(0, 0)], mode="reflect" if min(h.shape[:-1]) > edge else "edge")
            return conv(wide)[tuple(slice(edge, edge + n) for n in h.shape[:-1])]

        return apply


class DeepDecoder(FixedInput):
    """Levels of h <- norm(relu(doubled(h A))), A [width, width], from a coarse z: no convolution, and less to learn than there are pixels."""

    fit: ClassVar[str] = "Deep decoder"

    width: int | None = None
    """Features of each level; None for as many as need `part` of a parameter for each pixel."""
    depth: int = 4
    """Up-samplings by 2."""
    part: float = 0.5
    """Parameters for each value of the image, where the width is left open."""
    channels: int = 1
    """Channels of the image."""

    def features(self, shape: Shape) -> int:
        """The width, for images of that shape [*S]: depth (w^2 + 2 w) + w channels parameters."""
        if self.width is not None:
            return self.width
        most, linear = self.part * math.prod(shape) * self.channels / self.depth, 2 + self.channels / self.depth
        return max(2, int((math.sqrt(linear**2 + 4 * most) - linear) / 2))

    def code(self, key: Array, shape: Shape) -> Array:
        coarse = [-(-n // 2**self.depth) for n in shape]
        return 0.1 * jax.random.uniform(key, (*coarse, self.features(shape)))

    def tiny(self) -> "DeepDecoder":
        return self.clone(width=2, depth=1)

    @nn.compact
    def __call__(self, z: Array, shape: Shape) -> Array:
        h = z
        for level in range(self.depth):
            h = nn.Dense(z.shape[-1], use_bias=False, kernel_init=nn.initializers.he_normal(), name=f"{level}")(h)
            h = Normalized(name=f"{level}_norm")(nn.relu(doubled(h)))
        return nn.Dense(self.channels, use_bias=False, name="out")(h)[tuple(slice(n) for n in shape)]


class FourierFeatures(FixedInput):
    """An implicit neural representation: a perceptron of v in [-1, 1]^d, which it sees as waves of random frequencies B ~ N(0, bandwidth^2).

    Raises `InputError` on a bandwidth that is not positive.
    """

    fit: ClassVar[str] = "Neural representation"

    width: int = 128
    """Units of a hidden layer."""
    depth: int = 3
    """Hidden layers."""
    waves: int = 128
    """Rows of B."""
    bandwidth: float = 3.0
    """Standard deviation of B, in cycles over half of the image: what is finer comes late or not at all."""
    channels: int = 1
    """Channels of the image."""

    def __post_init__(self):
        super().__post_init__()
        if not self.bandwidth > 0 or self.waves < 1:
            raise InputError(f"FourierFeatures needs a positive bandwidth and a wave or more, not {self.bandwidth} and {self.waves}")

    def code(self, key: Array, shape: Shape) -> Array:
        v = jnp.stack(jnp.meshgrid(*((2 * jnp.arange(n) + 1) / n - 1 for n in shape), indexing="ij"), -1)
        phase = 2 * jnp.pi * v @ (self.bandwidth * jax.random.normal(key, (len(shape), self.waves)))
        return jnp.concatenate([jnp.sin(phase), jnp.cos(phase)], -1)

    def tiny(self) -> "FourierFeatures":
        return self.clone(width=4, depth=1, waves=4)

    @nn.compact
    def __call__(self, z: Array, shape: Shape) -> Array:
        for layer in range(self.depth):
            z = nn.relu(nn.Dense(self.width, kernel_init=nn.initializers.he_normal(), name=f"{layer}")(z))
        return nn.Dense(self.channels, name="out")(z)


class FreePixels(FixedInput):
    """An image that is its own parameters, zeros at first."""

    fit: ClassVar[str] = "Free pixels"

    channels: int = 1
    """Channels of the image."""

    def code(self, key: Array, shape: Shape) -> Array:
        return jnp.zeros(())

    def tiny(self) -> "FreePixels":
        return self

    @nn.compact
    def __call__(self, z: Array, shape: Shape) -> Array:
        return self.param("image", nn.initializers.zeros, (*shape, self.channels))


class Normalized(nn.Module):
    """Features of mean 0 and deviation 1 over the pixels, times a factor and plus an offset that are learnt."""

    @nn.compact
    def __call__(self, h: Array) -> Array:
        gain = self.param("gain", nn.initializers.ones, (h.shape[-1],))
        offset = self.param("offset", nn.initializers.zeros, (h.shape[-1],))
        wide = lambda vector: vector.reshape(*(1,) * (h.ndim - 1), -1)
        return wide(gain) * instance_normalized(h) + wide(offset)


def doubled(h: Array) -> Array:
    """[*S, C] -> [*2S, C], linear between pixels."""
    return jax.image.resize(h, (*(2 * n for n in h.shape[:-1]), h.shape[-1]), "linear")
