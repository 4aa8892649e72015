r"""A generator of volumes of phases: a field of latents z [*S', L] to a volume [*S, channels], G(z, S).

    h_0 = z,     h_l = relu(T_l h_{l-1}),     x = sigmoid(T_d h_{d-1}), or softmax over channels where there are several

T are transposed convolutions that treat every voxel alike (`transposed`), and nothing else knows where a voxel is: a larger z makes a larger
volume of the same law. Where the publication normalises features over a batch, they may be over the voxels of one volume, before the relu.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.networks.convolution import Lowering
from unsup_jax.networks.generator import Generator
from unsup_jax.networks.modulation import AdaIN
from unsup_jax.networks.transposed import Transposed


class VolumeGenerator(Generator):
    """Transposed convolutions alone (sliceGAN, Kench 2021), of images too. Raises `InputError` on a field below 1."""

    width: int = 16
    """Features of the finest level; doubled at each level below."""
    depth: int = 4
    """Transposed convolutions."""
    channels: int = 1
    """Channels of the volume: one, in [0, 1], or one a phase, whose sum is 1."""
    normalized: bool = False
    """Features but the last are taken less their mean over their deviation, with a scale and an offset that are learnt; else a part of z makes
    the same part of the volume."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    def field(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape S' of the field of latents of a volume of that shape S."""
        for _ in range(self.depth):
            shape = tuple(-(-n // 2) + 1 for n in shape)
        return shape

    @nn.compact
    def __call__(self, z: Array, shape: tuple[int, ...]) -> Array:
        h = z
        for level in reversed(range(self.depth)):
            features, gain = (self.width * 2 ** (level - 1), 1.0) if level else (self.channels, 0.5)
            h = Transposed(features, lowering=self.lowering, name=f"{level}", gain=gain)(h)
            if level and self.normalized:
                h = AdaIN(name=f"{level}style")(h, jnp.ones(1, z.dtype))
            h = nn.relu(h) if level else h
        corner = [(n - wanted) // 2 for n, wanted in zip(h.shape, shape)]
        h = h[tuple(slice(c, c + wanted) for c, wanted in zip(corner, shape))]
        return jax.nn.sigmoid(h) if self.channels == 1 else jax.nn.softmax(h, -1)
