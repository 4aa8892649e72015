"""DnCNN (Zhang et al., IEEE Trans. Image Process. 26, 3142 (2017)): a plain stack that predicts the noise.

Without the batch normalisation of the paper, whose running statistics would depend on the replica.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv, Lowering, Precision


class DnCNN(Network):
    """F_theta(y) = y - R_theta(y): one image [*S, C] -> [*S, C], 2-D or 3-D.

    Raises `InputError` on a depth below 2 or a width below 1.
    """

    depth: int = 17
    """Number of 3-tap convolutions."""
    width: int = 64
    """Features of each hidden layer."""
    residual: bool = True
    """Predict the noise and subtract it from the input."""
    precision: Precision = "float32"
    """Type of the arithmetic; parameters and output stay float32."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    def __post_init__(self):
        super().__post_init__()
        if self.depth < 2 or self.width < 1:
            raise InputError(f"DnCNN needs depth >= 2 and width >= 1, not {self.depth} and {self.width}")

    def tiny(self) -> "DnCNN":
        return self.clone(width=4, depth=min(self.depth, 2))

    @property
    def radius(self) -> int:
        """Pixels beyond which an input pixel cannot change an output pixel."""
        return self.depth

    @nn.compact
    def __call__(self, y: Array) -> Array:
        settings = {"precision": self.precision, "lowering": self.lowering}
        x = y
        for layer in range(self.depth - 1):
            x = nn.relu(Conv(self.width, name=f"conv{layer}", **settings)(x))
        x = Conv(y.shape[-1], name="out", gain=0.1, **settings)(x).astype(jnp.float32)
        return y - x if self.residual else x
