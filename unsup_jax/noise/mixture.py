r"""Noise learned as a mixture: p(y | s) = sum_k a_k(s) N(y; m_k(s), sigma_k(s)^2), s = H(x) (Prakash et al., ISBI 2020).

It is fitted to pairs of noisy observations and signals, as `Histogram` is, which needs more of them.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import logsumexp

from unsup_jax.core.measurement import Scale
from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy
from unsup_jax.noise.base import NoiseModel, normal_log_density

optax = Lazy("optax")


class GaussianMixture(NoiseModel):
    """p(y | s) of `components` Gaussians whose weights, means and variances are polynomials of the signal.

    With u = (s - centre) / extent and rows of `coefficients` [3, component, degree + 1]:

        a = softmax(poly_0(u)),   m = s + extent (poly_1(u) - sum a poly_1(u)),   log sigma^2 = 2 log extent + poly_2(u)

    so that the mean of the mixture is the signal.
    """

    coefficients: Array
    """Of the three polynomials of each component, [3, component, degree + 1]."""
    centre: Array | float = 0.0
    """Grey value at u = 0."""
    extent: Array | float = 1.0
    """Grey values of one unit of u."""

    @classmethod
    def fit(
        cls, key: Array, noisy: np.ndarray, clean: np.ndarray, *, components: int = 3, degree: int = 2, steps: int = 1500, learning_rate: float = 0.03,
    ) -> "GaussianMixture":
        """Maximum likelihood of pairs of an observation and its signal, by Adam over batches of 4096 pairs.

        Raises `InputError` where the shapes differ.
        """
        if np.shape(noisy) != np.shape(clean):
            raise InputError(f"GaussianMixture.fit: observations {np.shape(noisy)} and signals {np.shape(clean)} differ in shape")
        y, s = (jnp.ravel(jnp.asarray(a, jnp.float32)) for a in (noisy, clean))
        deviation = float(jnp.std(y - s))
        extent = float(jnp.std(s)) or 1.0
        start = jnp.zeros((3, components, degree + 1))
        start = start.at[1, :, 0].set(jnp.linspace(-0.5, 0.5, components) * deviation / extent)
        start = start.at[2, :, 0].set(2 * jnp.log(deviation / extent + 1e-6))
        model = cls(start, jnp.mean(s), jnp.float32(extent))
        with jax.numpy_dtype_promotion("standard"):  # optax mixes types
            return _most_likely(model, key, y, s, steps=steps, learning_rate=learning_rate)

    def sample(self, key: Array, clean: Array) -> Array:
        choose, draw = jax.random.split(key)
        log_weight, mean, variance = self._parts(clean)
        component = jax.random.categorical(choose, log_weight)[..., None]
        m, v = (jnp.take_along_axis(a, component, -1)[..., 0] for a in (mean, variance))
        return m + jnp.sqrt(v) * jax.random.normal(draw, clean.shape, clean.dtype)

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        log_weight, mean, variance = self._parts(clean)
        return logsumexp(log_weight + normal_log_density(noisy[..., None] - mean, variance), axis=-1)

    def variance(self, clean: Array) -> Array:
        log_weight, mean, variance = self._parts(clean)
        return jnp.sum(jnp.exp(log_weight) * (variance + jnp.square(mean - clean[..., None])), -1)

    def normalize(self, scale: Scale) -> "GaussianMixture":
        return GaussianMixture(self.coefficients, scale.normalize(self.centre), self.extent / scale.unit)

    def _parts(self, clean):
        u = jnp.clip((clean - self.centre) / self.extent, -4, 4)[..., None]
        extent = jnp.broadcast_to(jnp.asarray(self.extent, clean.dtype), clean.shape)[..., None]
        rows = self.coefficients.astype(clean.dtype).reshape(3, *(1,) * clean.ndim, *self.coefficients.shape[1:])
        polynomial = lambda row: sum(row[..., power] * u**power for power in range(rows.shape[-1]))
        log_weight = jax.nn.log_softmax(polynomial(rows[0]), -1)
        offset = polynomial(rows[1])
        offset = offset - jnp.sum(jnp.exp(log_weight) * offset, -1, keepdims=True)
        variance = jnp.square(extent) * jnp.exp(jnp.clip(polynomial(rows[2]), -20, 10))
        return log_weight, clean[..., None] + extent * offset, variance


@partial(jax.jit, static_argnames=("steps", "learning_rate"))
def _most_likely(model, key, y, s, *, steps, learning_rate):
    """`model` with the coefficients that Adam finds for the pairs y, s [n]."""
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

    def loss(coefficients, key):
        chosen = jax.random.randint(key, (4096,), 0, y.shape[0])
        return -jnp.mean(model.replace(coefficients=coefficients).log_prob(y[chosen], s[chosen]))

    def step(carry, i):
        coefficients, memory = carry
        gradient = jax.grad(loss)(coefficients, jax.random.fold_in(key, i))
        update, memory = optimizer.update(gradient, memory)
        return (optax.apply_updates(coefficients, update), memory), None

    start = model.coefficients, optimizer.init(model.coefficients)
    (coefficients, _), _ = jax.lax.scan(step, start, jnp.arange(steps))
    return model.replace(coefficients=coefficients)
