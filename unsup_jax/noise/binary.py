"""Binary images: y = high with probability (H(x) - low) / (high - low), else low; E[y | x] = H(x)."""

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core.measurement import Scale
from unsup_jax.noise.base import NoiseModel


class Bernoulli(NoiseModel):
    """Binary images of which the signal is the mean. A grey y counts as the part of a binary one that it is."""

    low: float = 0.0
    """Grey value of no event."""
    high: float = 255.0
    """Grey value of an event."""

    def sample(self, key: Array, clean: Array) -> Array:
        low, high = (jnp.asarray(v, clean.dtype) for v in (self.low, self.high))
        return jnp.where(jax.random.bernoulli(key, jnp.clip((clean - low) / (high - low), 0, 1)), high, low)

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """y log p + (1 - y) log(1 - p), p kept 1e-6 away from 0 and 1: a mass, whatever the unit of grey."""
        p = jnp.clip((clean - self.low) / (self.high - self.low), 1e-6, 1 - 1e-6)
        y = (noisy - self.low) / (self.high - self.low)
        return y * jnp.log(p) + (1 - y) * jnp.log1p(-p)

    def variance(self, clean: Array) -> Array:
        return jnp.maximum((clean - self.low) * (self.high - clean), 0)

    def normalize(self, scale: Scale) -> "Bernoulli":
        return Bernoulli(scale.normalize(self.low), scale.normalize(self.high))

    def signal(self, free: Array) -> Array:
        """Between low and high: the logistic function."""
        return self.low + (self.high - self.low) * jax.nn.sigmoid(free)
