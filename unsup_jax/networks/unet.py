"""U-Net (Ronneberger 2015) for 2-D and 3-D images: strided convolution down, repetition up, no normalisation.

Every level holds two 3-tap convolutions; down-sampling is a strided convolution and up-sampling a
repetition, so that the network exports at dynamic sizes, and its receptive field is finite, so that an
image of any size is processed in overlapping tiles without a seam.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array, export, lax

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv, Down, Lowering, Precision, UpConv


class UNet(Network):
    """F_theta: one image [*S, C] -> [*S, channels], any S that reaches `2**depth` pixels an axis.

    Raises `InputError` on a depth or width below 1.
    """

    depth: int = 2
    """Number of down-samplings by 2."""
    width: int = 32
    """Features of the first level; doubled at each level below."""
    channels: int | None = None
    """Channels of the output; None for those of the input."""
    residual: bool = False
    """Predict the noise and subtract it from the input."""
    skip_first: bool = True
    """Keep the skip connection of the full-resolution level (N2V2 drops it)."""
    precision: Precision = "float32"
    """Type of the arithmetic; parameters and output stay float32."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    def __post_init__(self):
        super().__post_init__()
        if self.depth < 1 or self.width < 1:
            raise InputError(f"UNet needs depth and width of at least 1, not {self.depth} and {self.width}")

    @property
    def alignment(self) -> int:
        """The network commutes with shifts by multiples of this many pixels."""
        return 2**self.depth

    @property
    def radius(self) -> int:
        """Pixels beyond which an input pixel cannot change an output pixel, a multiple of `alignment`."""
        levels = sum(4 * 2**level for level in range(self.depth))  # four 3-tap convolutions a level
        reach = levels + 2 * self.alignment + self.alignment - 1  # two at the bottom, and the block grid
        return -(-reach // self.alignment) * self.alignment

    def tiny(self) -> "UNet":
        return self.clone(width=4, depth=min(self.depth, 2))

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = x.shape[:-1]
        image = x = align(x, self.alignment)
        settings = {"precision": self.precision, "lowering": self.lowering}
        skips = []
        for level in range(self.depth):
            width = self.width * 2**level
            x = nn.relu(Conv(width, name=f"down{level}a", **settings)(x))
            x = nn.relu(Conv(width, name=f"down{level}b", **settings)(x))
            skips.append(x)
            x = Down(width, name=f"down{level}", **settings)(x)
        width = self.width * 2**self.depth
        x = nn.relu(Conv(width, name="bottom_a", **settings)(x))
        x = nn.relu(Conv(width // 2, name="bottom_b", **settings)(x))
        for level in reversed(range(self.depth)):
            width = self.width * 2**level
            skip = skips[level] if level or self.skip_first else skips[level][..., :0]
            x = nn.relu(UpConv(width, name=f"up{level}a", **settings)(x, skip))
            x = nn.relu(Conv(max(width // 2, self.width), name=f"up{level}b", **settings)(x))
        x = Conv(self.channels or image.shape[-1], kernel_size=1, name="out", gain=0.1, **settings)(x).astype(jnp.float32)
        if self.residual:
            x = image - x
        return x[tuple(slice(n) for n in shape)]


def align(x: Array, multiple: int) -> Array:
    """`x` [*S, C] extended by reflection at the end of each axis to a multiple of `multiple` pixels."""
    if not any(map(export.is_symbolic_dim, x.shape)):
        return jnp.pad(x, [(0, -n % multiple) for n in x.shape[:-1]] + [(0, 0)], mode="reflect")
    for axis, n in enumerate(x.shape[:-1] if multiple > 1 else ()):  # the same of sizes that are symbols
        missing = multiple * ((n + multiple - 1) // multiple) - n
        x = jnp.concatenate([x, jnp.flip(lax.slice_in_dim(x, n - 1 - missing, n - 1, axis=axis), axis)], axis)
    return x
