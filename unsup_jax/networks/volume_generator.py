r"""A generator of volumes of phases: a field of latents z [*S', L] to a volume [*S, channels], G(z, S).

    h_0 = z,     h_l = relu( (1 + gamma_l) N(T_l h_{l-1}) + beta_l ),     x = sigmoid((1 + gamma_d) N(T_d h_{d-1}) + beta_d)

with a softmax over channels in place of the sigmoid where there are several. T are transposed convolutions that treat every voxel alike
(`transposed`), and nothing else knows where a voxel is: a larger z makes a larger volume of the same law. N takes from each feature its mean and
its deviation over the voxels of one volume, where the publication has those over a batch; gamma and beta are learnt.
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
    normalized: bool = True
    """N, gamma and beta; without them a part of z makes the same part of the volume."""
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
            if self.normalized:
                h = AdaIN(name=f"{level}style")(h, jnp.ones(1, z.dtype))
            h = nn.relu(h) if level else h
        corner = [(n - wanted) // 2 for n, wanted in zip(h.shape, shape)]
        h = h[tuple(slice(c, c + wanted) for c, wanted in zip(corner, shape))]
        return jax.nn.sigmoid(h) if self.channels == 1 else jax.nn.softmax(h, -1)
