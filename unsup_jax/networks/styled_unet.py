r"""A U-Net of two directions (Gu and Ye, IEEE Trans. Comput. Imag. 7, 73 (2021)): a code says in which of them an image goes, and how far.

    F(u, a) = m + s { v - f(v, a) },      v = (u - m) / s,      m, s the mean and the deviation of u over its pixels
    f:  h <- relu( (1 + a gamma) N(conv h) + a beta ),      gamma, beta of each layer from one constant vector by a perceptron

N takes from each feature its mean and its deviation over the image (AdaIN). At a = 0 it is left so; at a = 1 it has the style that was learnt, and
between them a part of it. Normalisation alone would lose the grey levels of u, its contrast and its mean; they are set apart first and given back,
so that F(b u + c, a) = b F(u, a) + c for b > 0.
"""

from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv, Down, Lowering, UpConv
from unsup_jax.networks.modulation import AdaIN
from unsup_jax.networks.unet import align


class StyledUNet(Network):
    """F: one image [*S, C] -> [*S, C], in the direction and as far as a number says. Raises `InputError` on a size below 1."""

    switchable: ClassVar[bool] = True

    depth: int = 2
    """Number of down-samplings by 2."""
    width: int = 16
    """Features of the first level; doubled at each level below."""
    code: int = 64
    """Units of the four layers that make gamma and beta of a constant vector of 128 ones."""
    strength: float = 1.0
    """a where a caller gives none: what a trained network is applied with, between 0 and 1."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    def __post_init__(self):
        super().__post_init__()
        if min(self.depth, self.width, self.code) < 1:
            raise InputError(f"StyledUNet needs depth, width and code of 1 or more, not {self.depth}, {self.width} and {self.code}")

    @property
    def alignment(self) -> int:
        """The network commutes with shifts by multiples of this many pixels."""
        return 2**self.depth

    def tiny(self) -> "StyledUNet":
        return self.clone(width=4, depth=1, code=4)

    @nn.compact
    def __call__(self, u: Array, strength: Array | float | None = None) -> Array:
        a = self.strength if strength is None else strength
        axes = tuple(range(u.ndim - 1))
        mean, deviation = u.mean(axes, keepdims=True), jnp.sqrt(u.var(axes, keepdims=True) + 1e-12)
        v = (u - mean) / deviation
        style = jnp.ones(128, u.dtype)
        for layer in range(4):
            style = nn.relu(nn.Dense(self.code, name=f"code{layer}")(style))
        settings = {"use_bias": False, "lowering": self.lowering}

        def styled(h, name):
            return nn.relu(AdaIN(name=f"{name}style")(h, style, a))

        h, skips = align(v, self.alignment), []
        for level in range(self.depth):
            for part in "ab":
                h = styled(Conv(self.width * 2**level, name=f"down{level}{part}", **settings)(h), f"down{level}{part}")
            skips.append(h)
            h = Down(self.width * 2**level, lowering=self.lowering, name=f"down{level}")(h)
        h = styled(Conv(self.width * 2**self.depth, name="bottom", **settings)(h), "bottom")
        for level in reversed(range(self.depth)):
            h = styled(UpConv(self.width * 2**level, lowering=self.lowering, name=f"up{level}a")(h, skips[level]), f"up{level}a")
            h = styled(Conv(self.width * 2**level, name=f"up{level}b", **settings)(h), f"up{level}b")
        change = Conv(u.shape[-1], kernel_size=1, gain=0.1, lowering=self.lowering, name="out")(h)
        return mean + deviation * (v - change[tuple(slice(n) for n in u.shape[:-1])])
