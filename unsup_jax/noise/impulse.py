"""Impulsive noise: y = low or high with probability `rate`, else H(x)."""

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core.measurement import Scale
from unsup_jax.errors import InputError
from unsup_jax.noise.base import NoiseModel


class SaltAndPepper(NoiseModel):
    """Pixels replaced by `low` or `high`, each with probability rate / 2. It has no density: `log_prob` raises."""

    rate: float = 0.05
    """Part of the pixels replaced."""
    low: float = 0.0
    """Grey value of pepper."""
    high: float = 255.0
    """Grey value of salt."""

    def sample(self, key: Array, clean: Array) -> Array:
        u = jax.random.uniform(key, clean.shape, clean.dtype)
        low, high = (jnp.asarray(v, clean.dtype) for v in (self.low, self.high))
        return jnp.where(u < self.rate / 2, low, jnp.where(u < self.rate, high, clean))

    def reparametrized(self, key: Array, clean: Array) -> Array:
        return self.sample(key, clean)                              # a pixel that is replaced has no derivative

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        raise InputError("SaltAndPepper has no density")

    def variance(self, clean: Array) -> Array:
        mean = (1 - self.rate) * clean + self.rate * (self.low + self.high) / 2
        second = (1 - self.rate) * jnp.square(clean) + self.rate * (self.low**2 + self.high**2) / 2
        return second - jnp.square(mean)

    def normalize(self, scale: Scale) -> "SaltAndPepper":
        return SaltAndPepper(self.rate, scale.normalize(self.low), scale.normalize(self.high))
