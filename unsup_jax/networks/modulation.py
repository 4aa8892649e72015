r"""What a network is told beside its image: feature-wise modulation, and attention over all pixels.

    FiLM             h (1 + a gamma(c)) + a beta(c),  a = 1 unless a part of it is asked  (Perez et al., AAAI 2018)
    AdaIN            the same of h that is normalised over the pixels of its image       (Huang and Belongie, ICCV 2017)
    SelfAttention    h + a softmax(q(h) k(h)^T) v(h)                                     (Zhang et al., ICML 2019)

of feature maps h [*S, C] and a vector c [L]. gamma and beta are affine in c, and start small; a starts at zero.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array


class FiLM(nn.Module):
    """h (1 + a gamma(c)) + a beta(c)."""

    @nn.compact
    def __call__(self, h: Array, c: Array, a: Array | float = 1.0) -> Array:
        start = nn.initializers.variance_scaling(0.1, "fan_in", "normal")
        gamma, beta = jnp.split(nn.Dense(2 * h.shape[-1], kernel_init=start, name="affine")(c), 2)
        wide = lambda vector: vector.reshape(*(1,) * (h.ndim - 1), -1)
        return h * (1 + a * wide(gamma)) + a * wide(beta)


class AdaIN(nn.Module):
    """FiLM of features of mean 0 and deviation 1 over the pixels of the one image."""

    @nn.compact
    def __call__(self, h: Array, c: Array, a: Array | float = 1.0) -> Array:
        return FiLM(name="film")(instance_normalized(h), c, a)


class SelfAttention(nn.Module):
    """Every pixel sees every other one; its memory grows with the square of the pixels, so it is for coarse maps."""

    @nn.compact
    def __call__(self, h: Array) -> Array:
        channels = h.shape[-1]
        pixels = h.reshape(-1, channels)
        dense = lambda features, name: nn.Dense(features, use_bias=False, name=name)
        q, k = (dense(max(channels // 8, 1), name)(pixels) for name in ("query", "key"))
        v = dense(max(channels // 2, 1), "value")(pixels)
        seen = jax.nn.softmax(q @ k.T / q.shape[-1] ** 0.5) @ v
        gate = self.param("gate", nn.initializers.zeros, ())
        return h + gate * dense(channels, "out")(seen).reshape(h.shape)


def instance_normalized(h: Array) -> Array:
    """h [*S, C] less its mean, over its deviation, over the pixels of each feature."""
    axes = tuple(range(h.ndim - 1))
    centred = h - h.mean(axes, keepdims=True)
    return centred / jnp.sqrt(jnp.square(centred).mean(axes, keepdims=True) + 1e-5)
