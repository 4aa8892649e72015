r"""Encoders and decoders of variational autoencoders.

    encoder(y)     -> [mu_phi(y), log sigma_phi(y)^2]    along the last axis, of the latents z of q(z|y)
    decoder(z, S)  -> G_theta(z) [*S, channels]

of one image y [*S, C]. Latents are a vector [L], of perceptrons or convolutions, or maps [*S / 2^depth, L] of
`MapEncoder` and `MapDecoder`, which are fully convolutional and take images of any size. `CoordinateDecoder` takes a
vector [3 + L] of an angle, a shift and a content, and draws the content at turned and shifted coordinates t (eq. (25)):

    x_i = G_theta(t_i R(angle) + shift, content),     R = [cos, -sin; sin, cos],     t in [-1, 1]^2, (column, row)
    x_i = b                                           where |t_i| > radius, if there is one: the background, a parameter
"""

import math

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv, Down, UpConv
from unsup_jax.networks.unet import align


class _Part(Network):
    """An encoder or a decoder, none of whose sizes is below 1."""

    def __post_init__(self):
        super().__post_init__()
        given = {name: getattr(self, name) for name in ("latents", "width", "depth", "channels") if hasattr(self, name)}
        if min(given.values()) < 1:
            raise InputError(f"{type(self).__name__} needs values of 1 or more, not {', '.join(f'{k} {v}' for k, v in given.items())}")

    def tiny(self) -> "_Part":
        return self.clone(width=4, depth=min(self.depth, 2))


class DenseEncoder(_Part):
    """A perceptron (Kingma and Welling 2014). Raises `InputError` on a field below 1."""

    latents: int = 10
    """L."""
    width: int = 500
    """Units of a hidden layer."""
    depth: int = 1
    """Hidden layers, of tanh."""

    @nn.compact
    def __call__(self, y: Array) -> Array:
        return nn.Dense(2 * self.latents, name="out")(_hidden(y.ravel(), self.width, self.depth))


class DenseDecoder(_Part):
    """A perceptron. Raises `InputError` on a field below 1."""

    width: int = 500
    """Units of a hidden layer."""
    depth: int = 1
    """Hidden layers, of tanh."""
    channels: int = 1
    """Channels of the output."""

    @nn.compact
    def __call__(self, z: Array, shape: tuple[int, ...]) -> Array:
        return nn.Dense(math.prod(shape) * self.channels, name="out")(_hidden(z, self.width, self.depth)).reshape(*shape, self.channels)


class ConvEncoder(_Part):
    """Strided convolutions down to a vector, of images of one shape. Raises `InputError` on a field below 1."""

    latents: int = 16
    """L."""
    width: int = 16
    """Features of the first level; doubled at each level below."""
    depth: int = 3
    """Down-samplings by 2."""

    @nn.compact
    def __call__(self, y: Array) -> Array:
        coarse = Descent(self.width, self.depth, name="down")(align(y, 2**self.depth))
        return nn.Dense(2 * self.latents, name="out")(coarse.ravel())


class ConvDecoder(_Part):
    """The way back from a vector. Raises `InputError` on a field below 1."""

    width: int = 16
    """Features of the last level; doubled at each level below."""
    depth: int = 3
    """Up-samplings by 2."""
    channels: int = 1
    """Channels of the output."""

    @nn.compact
    def __call__(self, z: Array, shape: tuple[int, ...]) -> Array:
        coarse = [-(-n // 2**self.depth) for n in shape]
        features = self.width * 2**self.depth
        h = nn.relu(nn.Dense(math.prod(coarse) * features, name="in")(z)).reshape(*coarse, features)
        return Ascent(self.width, self.depth, self.channels, name="up")(h)[tuple(slice(n) for n in shape)]


class MapEncoder(_Part):
    """Fully convolutional, to maps of latents (Prakash et al., ICLR 2021). Raises `InputError` on a field below 1."""

    latents: int = 16
    """L, maps of latents."""
    width: int = 32
    """Features of the first level; doubled at each level below."""
    depth: int = 1
    """Down-samplings by 2."""

    @nn.compact
    def __call__(self, y: Array) -> Array:
        h = Descent(self.width, self.depth, name="down")(align(y, 2**self.depth))
        h = nn.relu(Conv(self.width * 2**self.depth, name="bottom")(h))
        mean = Conv(self.latents, name="mean")(h)
        log_variance = Conv(self.latents, name="log_variance", gain=0.0)(h) - 4       # narrow at first: z tells of y
        return jnp.concatenate([mean, jnp.clip(log_variance, -12, 6)], -1)


class MapDecoder(_Part):
    """The way back from maps of latents. Raises `InputError` on a field below 1."""

    width: int = 32
    """Features of the last level; doubled at each level below."""
    depth: int = 1
    """Up-samplings by 2, as many as the encoder has down-samplings."""
    channels: int = 1
    """Channels of the output."""

    @nn.compact
    def __call__(self, z: Array, shape: tuple[int, ...]) -> Array:
        h = nn.relu(Conv(self.width * 2**self.depth, name="in")(z))
        return Ascent(self.width, self.depth, self.channels, name="up")(h)[tuple(slice(n) for n in shape)]


class CoordinateDecoder(_Part):
    """A perceptron over turned and shifted coordinates (Bepler et al., NeurIPS 2019), of 2-D images.

    Latents are an angle (rad), a shift (column, row; in half widths of the image) and a content. Raises `InputError`
    on a width, depth or channels below 1, negative frequencies, or a radius that is not positive.
    """

    width: int = 500
    """Units of a hidden layer."""
    depth: int = 2
    """Hidden layers, of tanh."""
    frequencies: int = 0
    """Octaves k < frequencies of sin and cos (2^k pi t) beside the coordinates t; 0 for t alone."""
    channels: int = 1
    """Channels of the output."""
    radius: float | None = None
    """Of the disc that is drawn, in half widths of the image's longer axis (1: the inscribed disc of a square). The pixels outside it
    share one value, whose likelihood makes it the mean of the background; None draws all pixels."""

    def __post_init__(self):
        super().__post_init__()
        if self.frequencies < 0:
            raise InputError(f"CoordinateDecoder has {self.frequencies} frequencies; it takes 0 or more")
        if self.radius is not None and not self.radius > 0:
            raise InputError(f"CoordinateDecoder has a radius of {self.radius}; it takes positive ones, or None")

    @nn.compact
    def __call__(self, z: Array, shape: tuple[int, int]) -> Array:
        angle, shift, content = z[0], z[1:3], z[3:]
        R = jnp.stack([jnp.stack([jnp.cos(angle), -jnp.sin(angle)]), jnp.stack([jnp.sin(angle), jnp.cos(angle)])])
        t = coordinates(shape).astype(z.dtype)
        if self.radius is not None:
            inside = disc(shape, self.radius)
            t = t[inside]
        t = t @ R + shift[None]                                                                           # (25)
        if self.frequencies:
            waves = jnp.asarray(math.pi * 2.0 ** jnp.arange(self.frequencies), z.dtype)[None, None] * t[..., None]
            waves = waves.reshape(len(t), -1)
            t = jnp.concatenate([t, jnp.sin(waves), jnp.cos(waves)], -1)
        h = nn.Dense(self.width, name="place")(t) + nn.Dense(self.width, use_bias=False, name="content")(content)[None]
        for layer in range(1, self.depth):
            h = nn.Dense(self.width, name=f"hidden{layer}")(nn.tanh(h))
        x = nn.Dense(self.channels, name="out")(nn.tanh(h))
        if self.radius is not None:
            background = self.param("background", nn.initializers.zeros_init(), (self.channels,)).astype(x.dtype)
            x = jnp.broadcast_to(background[None], (math.prod(shape), self.channels)).at[inside].set(x, unique_indices=True)
        return x.reshape(*shape, self.channels)


class Autoencoder(Network):
    """An encoder and a decoder."""

    encoder: Network = ConvEncoder()
    """F_phi."""
    decoder: Network = ConvDecoder()
    """G_theta."""

    def tiny(self) -> "Autoencoder":
        return self.clone(encoder=self.encoder.tiny(), decoder=self.decoder.tiny())

    def encode(self, y: Array) -> tuple[Array, Array]:
        """mu_phi(y) and log sigma_phi(y)^2 [..., L]."""
        return tuple(jnp.split(self.encoder(y), 2, -1))

    def decode(self, z: Array, shape: tuple[int, ...]) -> Array:
        """G_theta(z) [*S, channels], for an image of S = `shape`."""
        return self.decoder(z, shape)

    def __call__(self, y: Array) -> Array:
        return self.decode(self.encode(y)[0], y.shape[:-1])


def coordinates(shape: tuple[int, int]) -> Array:
    """t [pixels, 2], (column, row) of each pixel of an image in row-major order, the longer axis from -1 to 1."""
    size = max(shape)
    rows, columns = ((2 * jnp.arange(n) - (n - 1)) / (size - 1) for n in shape)
    return jnp.stack(jnp.meshgrid(columns, rows, indexing="xy"), -1).reshape(-1, 2)


def disc(shape: tuple[int, int], radius: float) -> np.ndarray:
    """Places in row-major order of the pixels with |t| <= radius; `InputError` where there are none."""
    rows, columns = ((2 * np.arange(n) - (n - 1)) / (max(shape) - 1) for n in shape)
    inside = np.flatnonzero(np.square(rows)[:, None] + np.square(columns)[None] <= radius**2)
    if not len(inside):
        raise InputError(f"no pixel of an image of {shape[0]} x {shape[1]} lies within a radius of {radius} half widths")
    return inside


def _hidden(h, width, depth):
    for layer in range(depth):
        h = nn.tanh(nn.Dense(width, name=f"hidden{layer}")(h))
    return h


class Descent(nn.Module):
    """Two convolutions and a strided one a level: [*S, C] -> [*S / 2^depth, width 2^depth]."""

    width: int
    depth: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for level in range(self.depth):
            width = self.width * 2**level
            x = nn.relu(Conv(width, name=f"{level}a")(x))
            x = nn.relu(Conv(width, name=f"{level}b")(x))
            x = nn.relu(Down(2 * width, name=f"{level}")(x))
        return x


class Ascent(nn.Module):
    """The way back: [*S / 2^depth, C] -> [*S, channels], by repetition, two convolutions a level and a last one."""

    width: int
    depth: int
    channels: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for level in reversed(range(self.depth)):
            width = self.width * 2**level
            nothing = jnp.zeros((*(2 * n for n in x.shape[:-1]), 0), x.dtype)
            x = nn.relu(UpConv(width, name=f"{level}a")(x, nothing))
            x = nn.relu(Conv(width, name=f"{level}b")(x))
        return Conv(self.channels, kernel_size=1, name="out", gain=0.1)(x)
