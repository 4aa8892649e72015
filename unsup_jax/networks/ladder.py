r"""The ladder of hierarchical DivNoising (Prakash et al., ICLR 2022; after Sonderby et al., NeurIPS 2016).

    d_i = B_i(d_{i-1}),   d_0 of y,   i = 1 ... n                      bottom-up, each level half as fine as the one before
    p(z_n) = N(0, 1),                          q(z_n | y) of d_n        top-down, from the coarsest level n
    p(z_i | z_{>i}) of t_{i+1},                q(z_i | z_{>i}, y) of (d_i, t_{i+1})
    t_i = T_i(t_{i+1}, z_i),   t_{n+1} = 0                              at the resolution of level i - 1
    G_theta(z) = t_1 to channels                                        which sees y through z alone

All p and q are normal, pixel by pixel of their maps. Fully convolutional, 2-D or 3-D, images of any size.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv, Down, UpConv
from unsup_jax.networks.unet import align


class Level(NamedTuple):
    """The latents of one level [*S / 2^i, L]: a draw of q, and the means and log variances of q and p."""

    z: Array
    mean: Array
    log_variance: Array
    prior_mean: Array
    prior_log_variance: Array


class Ladder(Network):
    """Encoder and decoder in one, since q of a level looks at what was drawn above. Raises `InputError` on a field below 1."""

    levels: int = 3
    """n, each of half the resolution of the one before, the first of half that of the image."""
    latents: int = 16
    """Maps of latents of each level."""
    width: int = 32
    """Features of every level."""
    channels: int = 1
    """Channels of the output."""

    def __post_init__(self):
        super().__post_init__()
        given = {name: getattr(self, name) for name in ("levels", "latents", "width", "channels")}
        if min(given.values()) < 1:
            raise InputError(f"Ladder needs values of 1 or more, not {', '.join(f'{k} {v}' for k, v in given.items())}")

    def tiny(self) -> "Ladder":
        return self.clone(levels=min(self.levels, 2), latents=2, width=4)

    @nn.compact
    def __call__(self, key: Array, y: Array) -> tuple[Array, tuple[Level, ...]]:
        """G_theta(z) [*S, channels] of one draw z ~ q(z|y), and its levels 1 ... n."""
        d = nn.relu(Conv(self.width, name="first")(align(y, 2**self.levels)))
        up = []
        for i in range(1, self.levels + 1):
            d = Residual(self.width, name=f"up{i}")(nn.relu(Down(self.width, name=f"down{i}")(d)))
            up.append(d)
        levels, t = [], None
        for i in range(self.levels, 0, -1):
            level = self._level(jax.random.fold_in(key, i), i, up[i - 1], t)
            levels.insert(0, level)
            h = Conv(self.width, name=f"z{i}")(level.z)
            h = Residual(self.width, name=f"top{i}")(nn.relu(h if t is None else t + h))
            nothing = jnp.zeros((*(2 * n for n in h.shape[:-1]), 0), h.dtype)
            t = nn.relu(UpConv(self.width, name=f"fine{i}")(h, nothing))
        out = Conv(self.channels, kernel_size=1, name="out", gain=0.1)(nn.relu(Conv(self.width, name="last")(t)))
        return out[tuple(slice(n) for n in y.shape[:-1])], tuple(levels)

    def _level(self, key, i, d, t):
        """p, q and a draw of level i of d_i and t_{i+1}."""
        h = d if t is None else nn.relu(Conv(self.width, name=f"merge{i}")(jnp.concatenate([d, t], -1)))
        mean = Conv(self.latents, name=f"mean{i}")(h)
        log_variance = bounded(Conv(self.latents, name=f"log_variance{i}", gain=0.0)(h) - 4)     # narrow at first: z tells of y
        prior_mean = prior_log_variance = jnp.zeros_like(mean)
        if t is not None:
            prior_mean, prior_log_variance = jnp.split(Conv(2 * self.latents, name=f"prior{i}", gain=0.0)(t), 2, -1)
        z = mean + jnp.exp(0.5 * log_variance) * jax.random.normal(key, mean.shape, mean.dtype)
        return Level(z, mean, log_variance, prior_mean, bounded(prior_log_variance))


class Residual(nn.Module):
    """x + conv(relu(conv(x))), through a rectifier, from x on: the second kernel is small at first."""

    width: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        return nn.relu(x + Conv(self.width, name="b", gain=0.1)(nn.relu(Conv(self.width, name="a")(x))))


def bounded(log_variance: Array) -> Array:
    """Within what float32 tells apart from nothing and from everything."""
    return jnp.clip(log_variance, -12, 6)
