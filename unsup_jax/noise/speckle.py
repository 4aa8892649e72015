r"""Speckle, noise that multiplies: y = H(x) g, g ~ Gamma(looks, 1 / looks), of `looks` looks; E[y | x] = H(x)."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln

from unsup_jax.core.measurement import Scale
from unsup_jax.noise.base import NoiseModel


class Gamma(NoiseModel):
    """Multiplicative noise of unit mean and variance 1 / looks. Signals below the offset count as no signal."""

    looks: float = 4.0
    """Shape of the Gamma distribution."""
    offset: float = 0.0
    """Grey value of no signal."""

    def sample(self, key: Array, clean: Array) -> Array:
        looks, offset = (jnp.asarray(v, clean.dtype) for v in (self.looks, self.offset))
        return offset + jnp.maximum(clean - offset, 0) * jax.random.gamma(key, looks, clean.shape, clean.dtype) / looks

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """The density of y > offset; -inf below. A pixel of no signal at all, which has none, counts as a millionth of its mean."""
        looks, signal = jnp.asarray(self.looks, clean.dtype), jnp.maximum(clean - self.offset, 1e-12)
        rounding = 8 * jnp.finfo(clean.dtype).eps * (jnp.abs(noisy) + jnp.abs(self.offset))
        above = noisy - self.offset
        positive = jnp.maximum(above, 1e-6 * signal)
        density = looks * jnp.log(looks / signal) + (looks - 1) * jnp.log(positive) - looks * positive / signal - gammaln(looks)
        return jnp.where(above >= -rounding, density, -jnp.inf)

    def variance(self, clean: Array) -> Array:
        return jnp.square(jnp.maximum(clean - self.offset, 0)) / self.looks

    def normalize(self, scale: Scale) -> "Gamma":
        return Gamma(self.looks, scale.normalize(self.offset))

    def estimated_variance(self, noisy: Array) -> Array:
        """(y - offset)^2 / (looks + 1), since E (y - offset)^2 = (1 + 1 / looks) signal^2."""
        return jnp.square(noisy - self.offset) / (self.looks + 1)

    def recorrupted(self, key: Array, noisy: Array, alpha: float) -> tuple[Array, Array]:
        """A share of each intensity goes to y2, drawn from Beta(alpha looks, (1 - alpha) looks): both parts are Gamma."""
        looks, signal = jnp.asarray(self.looks, noisy.dtype), noisy - self.offset
        share = jax.random.beta(key, alpha * looks, (1 - alpha) * looks, noisy.shape, noisy.dtype)
        return self.offset + signal * (1 - share) / (1 - alpha), self.offset + signal * share / alpha

    def posterior_mean(self, noisy: Array, score: Array) -> Array:
        """looks y / (looks - 1 - y s(y)), y counted from the offset."""
        above = noisy - self.offset
        return self.offset + self.looks * above / jnp.maximum(self.looks - 1 - above * score, 0.1)

    def signal(self, free: Array) -> Array:
        """Above the offset: softplus."""
        return self.offset + jax.nn.softplus(free - self.offset) + 1e-6
