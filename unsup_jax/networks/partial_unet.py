r"""The network of Self2Self (Quan et al., CVPR 2020): a U-Net that knows which of its pixels are missing.

Its encoder is made of partial convolutions (Liu et al., ECCV 2018): with the mask m of the pixels that are there,

    x'(p) = k^d / (sum_t m(p + t)) sum_t w(t) m(p + t) x(p + t) + b      m'(p) = 1 where any m(p + t) is,

and its decoder drops features at random, at inference too, which makes one trained network an ensemble.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.convolution import Conv, convolve, fold, repeat, same_padding
from unsup_jax.networks.unet import align


class PartialConv(nn.Module):
    """3-tap partial convolution of [*S, C] with the mask [*S, 1]: (features [*S, F], mask [*S, 1])."""

    features: int

    @nn.compact
    def __call__(self, x: Array, mask: Array) -> tuple[Array, Array]:
        taps = (3,) * (x.ndim - 1)
        count = convolve(mask[None], jnp.ones((*taps, 1, 1), mask.dtype), padding=same_padding(taps))[0]
        there = (count > 0).astype(x.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,)).reshape(*(1,) * len(taps), -1)
        sums = Conv(self.features, use_bias=False)(x * mask)
        return there * (sums * (3.0 ** len(taps) / jnp.maximum(count, 1)) + bias), there


class PartialUNet(Network):
    """F_theta(y, mask): the image [*S, C] of which the mask [*S, 1] tells what is there, to [*S, C].

    Draws its dropped features from the key of the collection "dropout". Raises `InputError` on a depth or width
    below 1, or a dropout outside [0, 1).
    """

    depth: int = 5
    """Number of halvings."""
    width: int = 48
    """Features of the encoder; twice as many in the decoder."""
    dropout: float = 0.3
    """Part of the decoder's features that are dropped."""

    def __post_init__(self):
        super().__post_init__()
        if self.depth < 1 or self.width < 1 or not 0 <= self.dropout < 1:
            raise InputError(f"PartialUNet needs depth, width >= 1 and dropout in [0, 1), not {self.depth}, {self.width}, {self.dropout}")

    def tiny(self) -> "PartialUNet":
        return self.clone(width=4, depth=min(self.depth, 2))

    @nn.compact
    def __call__(self, y: Array, mask: Array) -> Array:
        frame = tuple(slice(n) for n in y.shape[:-1])
        x, mask = align(y, 2**self.depth), align(mask, 2**self.depth)
        skips = [x * mask]
        x, mask = PartialConv(self.width)(x, mask)
        for level in range(self.depth):
            x, mask = PartialConv(self.width)(_leaky(x), mask)
            x, mask = largest(_leaky(x)), largest(mask)
            if level < self.depth - 1:
                skips.append(x)
        x = _leaky(PartialConv(self.width)(x, mask)[0])
        for level in reversed(range(self.depth)):
            x = jnp.concatenate([repeat(x), skips[level]], -1)
            last = level == 0
            for width in (4 * self.width // 3, 2 * self.width // 3) if last else (2 * self.width, 2 * self.width):
                x = _leaky(Conv(width)(self._dropped(x)))
        return Conv(y.shape[-1], gain=0.1)(self._dropped(x))[frame]

    def _dropped(self, x):
        return nn.Dropout(self.dropout)(x, deterministic=False)


def _leaky(x):
    return jax.nn.leaky_relu(x, 0.1)


def largest(x):
    """Maximum of each 2^d block: [*S, C] -> [*S / 2, C].

    Two by two: the gradient of `max` over an axis divides by the number of entries that equal it, which is zero where
    the compiler computes the entries once more with another rounding.
    """
    return functools.reduce(jnp.maximum, jnp.split(fold(x), 2 ** (x.ndim - 1), -1))
