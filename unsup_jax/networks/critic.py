r"""Critics: scores of one image, or of an image with what it was made from.

    critic(x), critic(x, y)  ->  a score [], a map of scores [*S', 1] of patches, or a tuple of maps

No output depends on another sample, and there is no normalisation: the gradient penalty is of one image, and R3GAN (Huang
et al., NeurIPS 2024) needs none. `SpectralNorm` normalises the kernels of any of them from outside.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv, Lowering, fold
from unsup_jax.networks.modulation import SelfAttention
from unsup_jax.networks.slicewise import named, of_slices
from unsup_jax.networks.strided import Strided
from unsup_jax.networks.unet import align


class Critic(Network):
    """What all critics share: none of their sizes is below 1."""

    def __post_init__(self):
        super().__post_init__()
        given = {name: getattr(self, name) for name in ("width", "depth", "scales", "every") if hasattr(self, name)}
        if min(given.values()) < 1:
            raise InputError(f"{type(self).__name__} needs values of 1 or more, not {', '.join(f'{k} {v}' for k, v in given.items())}")

    def tiny(self) -> "Critic":
        return self.clone(width=4, depth=min(self.depth, 2))


class ConvCritic(Critic):
    """Strided convolutions to a score, of images of one shape (DCGAN, Radford 2016). Raises `InputError` on a field below 1."""

    width: int = 32
    """Features of the first level; doubled at each level below."""
    depth: int = 3
    """Down-samplings by 2."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    @nn.compact
    def __call__(self, *images: Array) -> Array:
        h = jnp.concatenate(images, -1)
        for level in range(self.depth):
            h = leaky(Strided(self.width * 2**level, lowering=self.lowering, name=f"{level}")(h))
        return nn.Dense(1, name="out")(h.ravel())[0]


class ResidualCritic(Critic):
    """Residual blocks and mean pooling to a score, of images of one shape. Raises `InputError` on a field below 1."""

    width: int = 32
    """Features of the first level; doubled at each level below."""
    depth: int = 3
    """Down-samplings by 2."""
    attention: bool = False
    """Self-attention on the coarsest level."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    @nn.compact
    def __call__(self, *images: Array) -> Array:
        h = Conv(self.width, lowering=self.lowering, name="in")(align(jnp.concatenate(images, -1), 2**self.depth))
        for level in range(self.depth):
            h = ResidualBlock(lowering=self.lowering, name=f"{level}")(h)
            h = Conv(self.width * 2 ** (level + 1), kernel_size=1, lowering=self.lowering, name=f"{level}down")(pooled(h))
        if self.attention:
            h = SelfAttention(name="attention")(h)
        h = ResidualBlock(lowering=self.lowering, name="last")(h)
        return nn.Dense(1, name="out")(leaky(h).ravel())[0]


class PatchCritic(Critic):
    """A map of scores, each of a patch of 70^2 pixels at depth 3 (pix2pix, Isola 2017). Raises `InputError` on a field below 1."""

    width: int = 64
    """Features of the first level; doubled at each level below, up to eight times."""
    depth: int = 3
    """Down-samplings by 2."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    @nn.compact
    def __call__(self, *images: Array) -> Array:
        h = jnp.concatenate(images, -1)
        for level in range(self.depth):
            h = leaky(Strided(self.width * min(2**level, 8), lowering=self.lowering, name=f"{level}")(h))
        h = leaky(Conv(self.width * min(2**self.depth, 8), kernel_size=4, lowering=self.lowering, name="last")(h))
        return Conv(1, kernel_size=4, lowering=self.lowering, name="out", gain=0.5)(h)


class MultiScaleCritic(Critic):
    """One critic an octave, each on the image pooled once more (pix2pixHD, Wang 2018). Raises `InputError` on fewer than one."""

    critic: Critic = PatchCritic(depth=2)
    """The critic of each octave, with parameters of its own."""
    scales: int = 2
    """Octaves."""

    def tiny(self) -> "MultiScaleCritic":
        return self.clone(critic=self.critic.tiny())

    @nn.compact
    def __call__(self, *images: Array) -> tuple[Array, ...]:
        h, scores = jnp.concatenate(images, -1), []
        for scale in range(self.scales):
            scores.append(self.critic.copy(name=f"{scale}")(h))
            h = pooled(align(h, 2))
        return tuple(scores)


class SliceCritic(Critic):
    """A critic of volumes by their slices across each axis: a critic's scores of the slices, for each axis.

    Raises `InputError` on a field below 1.
    """

    critic: Critic = PatchCritic(depth=2)
    """The critic of one slice."""
    isotropic: bool = True
    """Slices across all axes are of one kind, and have one critic; False: a critic for each axis."""
    every: int = 1
    """Distance of the slices that are judged: neighbours say much the same."""

    def tiny(self) -> "SliceCritic":
        return self.clone(critic=self.critic.tiny())

    @nn.compact
    def __call__(self, *volumes: Array) -> tuple[Any, ...]:
        across = lambda axis: (jnp.moveaxis(volume, axis, 0)[:: self.every] for volume in volumes)
        return tuple(of_slices(D, *across(axis)) for axis, D in named(self.critic, (0, 1, 2), self.isotropic))


class ResidualBlock(nn.Module):
    """h + conv(leaky(conv(leaky(h)))), the identity at first (Zhang et al., ICLR 2019)."""

    lowering: Lowering = "auto"

    @nn.compact
    def __call__(self, h: Array) -> Array:
        features = h.shape[-1]
        inner = Conv(features, lowering=self.lowering, name="a")(leaky(h))
        return h + Conv(features, lowering=self.lowering, gain=0.0, name="b")(leaky(inner))


def leaky(h: Array) -> Array:
    """Leaky rectification of slope 0.2."""
    return nn.leaky_relu(h, 0.2)


def pooled(x: Array) -> Array:
    """The mean of each block of 2^d pixels, [*2S, C] -> [*S, C]."""
    blocks = fold(x)
    return blocks.reshape(*blocks.shape[:-1], -1, x.shape[-1]).mean(-2)
