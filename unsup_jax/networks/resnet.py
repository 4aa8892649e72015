r"""The residual network of self-supervised MRI (Yaman et al., Magn. Reson. Med. 84, 3172 (2020); after Timofte 2017).

    x + conv(h_B + conv(...)),   h_0 = conv(x),   h_b = h_{b-1} + 0.1 conv(relu(conv(h_{b-1})))

without biases, so that the network scales with its input, and from the identity on: the last kernel is zero at first. With `share_block`, the two convolutions of a block have one
kernel: the reference implementation's 592,129 parameters against 1,145,089.
"""

import flax.linen as nn
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv, Lowering, Precision


class ResNet(Network):
    """R_theta: one image [*S, C] -> [*S, C], 2-D or 3-D. Raises `InputError` on fewer than one block or feature."""

    depth: int = 15
    """Number of residual blocks."""
    width: int = 64
    """Features."""
    share_block: bool = False
    """One kernel for both convolutions of a block."""
    scaling: float = 0.1
    """Factor of each block's branch."""
    precision: Precision = "float32"
    """Type of the arithmetic; parameters stay float32, and the output of the type of the input."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    def __post_init__(self):
        super().__post_init__()
        if self.depth < 1 or self.width < 1:
            raise InputError(f"ResNet needs depth and width of at least 1, not {self.depth} and {self.width}")

    def tiny(self) -> "ResNet":
        return self.clone(width=4, depth=min(self.depth, 2))

    @property
    def radius(self) -> int:
        """Pixels beyond which an input pixel cannot change an output pixel."""
        return 2 * self.depth + 3

    @nn.compact
    def __call__(self, x: Array) -> Array:
        settings = {"use_bias": False, "precision": self.precision, "lowering": self.lowering}
        first = h = Conv(self.width, name="first", **settings)(x)
        for block in range(self.depth):
            a = Conv(self.width, name=f"block{block}a", **settings)
            b = a if self.share_block else Conv(self.width, name=f"block{block}b", **settings)
            h = h + self.scaling * b(nn.relu(a(h)))
        h = first + Conv(self.width, name="last", **settings)(h)
        return x + Conv(x.shape[-1], name="out", gain=0.0, **settings)(h).astype(x.dtype)
