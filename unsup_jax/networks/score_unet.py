r"""A U-Net that is told the noise level: residual blocks whose features FiLM scales and shifts by an embedding of it.

    c = MLP([sin(w_j t), cos(w_j t)])                       t = ln(sigma) / 4, the code of the level    (Karras et al., NeurIPS 2022)
    h <- h + conv(silu(FiLM(conv(silu(h)); c)))             a block

It is F_theta of D(x; sigma) = c_skip x + c_out F_theta(c_in x; t), which is 0 at first.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv, Down, Lowering, UpConv
from unsup_jax.networks.modulation import FiLM, SelfAttention
from unsup_jax.networks.unet import align


class ScoreUNet(Network):
    """F_theta: one image [*S, C] and a number t -> [*S, C], 2-D or 3-D. Raises `InputError` on a field below 1."""

    width: int = 32
    """Features of the first level; each level below has `width` more."""
    depth: int = 2
    """Down-samplings by 2."""
    attention: bool = False
    """Every pixel of the coarsest level sees every other one."""
    lowering: Lowering = "auto"
    """"auto" picks the fast form of each convolution by platform; "native" is for exporters."""

    def __post_init__(self):
        super().__post_init__()
        if self.depth < 1 or self.width < 1:
            raise InputError(f"ScoreUNet needs depth and width of at least 1, not {self.depth} and {self.width}")

    @property
    def alignment(self) -> int:
        """The network commutes with shifts by multiples of this many pixels."""
        return 2**self.depth

    def tiny(self) -> "ScoreUNet":
        return self.clone(width=4, depth=1)

    @nn.compact
    def __call__(self, x: Array, t: Array) -> Array:
        frame, channels = x.shape[:-1], x.shape[-1]
        settings = {"lowering": self.lowering}
        widths = [self.width * (level + 1) for level in range(self.depth + 1)]
        c = LevelEmbedding(2 * self.width, name="level")(t)
        h = Conv(self.width, name="in", **settings)(align(x, self.alignment))
        skips = []
        for level in range(self.depth):
            h = ModulatedBlock(**settings, name=f"down{level}")(h, c)
            skips.append(h)
            h = Down(widths[level + 1], name=f"to{level + 1}", **settings)(h)
        h = ModulatedBlock(**settings, name="bottom")(h, c)
        if self.attention:
            h = SelfAttention(name="attention")(h)
        for level in reversed(range(self.depth)):
            h = UpConv(widths[level], name=f"from{level + 1}", **settings)(h, skips[level])
            h = ModulatedBlock(**settings, name=f"up{level}")(h, c)
        h = Conv(channels, name="out", gain=0.0, **settings)(nn.silu(h))
        return h[tuple(slice(n) for n in frame)]


class ModulatedBlock(nn.Module):
    """h + conv(silu(FiLM(conv(silu(h)); c))), the identity at first."""

    lowering: Lowering = "auto"

    @nn.compact
    def __call__(self, h: Array, c: Array) -> Array:
        features = h.shape[-1]
        inner = FiLM(name="film")(Conv(features, lowering=self.lowering, name="a")(nn.silu(h)), c)
        return h + Conv(features, lowering=self.lowering, gain=0.0, name="b")(nn.silu(inner))


class LevelEmbedding(nn.Module):
    """A vector [features] of a number t of about -2 to 2: two dense layers on its sines and cosines."""

    features: int

    @nn.compact
    def __call__(self, t: Array) -> Array:
        phase = t * jnp.geomspace(1.0, 16.0, 8)
        waves = jnp.concatenate([t[None], jnp.sin(phase), jnp.cos(phase)])
        return nn.silu(nn.Dense(self.features, name="b")(nn.silu(nn.Dense(self.features, name="a")(waves))))
