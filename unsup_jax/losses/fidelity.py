"""Distances between an estimate and its target."""

import jax.numpy as jnp
from jax import Array


def mean_square_error(estimate: Array, target: Array) -> Array:
    """(1/m) ||estimate - target||^2 over all m entries; moduli for complex arrays."""
    return jnp.mean(jnp.square(jnp.abs(estimate - target)))


def normalized_error(estimate: Array, target: Array) -> Array:
    """||e - t||_2 / (2 ||t||_2) + ||e - t||_1 / (2 ||t||_1), the loss of SSDU in k-space; of real and imaginary parts."""
    e, t = (jnp.stack([a.real, a.imag]) if jnp.iscomplexobj(a) else a for a in (estimate - target, target))
    euclidean = jnp.sqrt(jnp.sum(jnp.square(e)) / jnp.maximum(jnp.sum(jnp.square(t)), 1e-30) + 1e-12)
    return 0.5 * (euclidean + jnp.sum(jnp.abs(e)) / jnp.maximum(jnp.sum(jnp.abs(t)), 1e-30))


def mean_absolute_error(estimate: Array, target: Array) -> Array:
    """(1/m) ||estimate - target||_1 over all m entries; moduli for complex arrays."""
    return jnp.mean(jnp.abs(estimate - target))
