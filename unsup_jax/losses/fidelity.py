"""Distances between an estimate and its target."""

import jax.numpy as jnp
from jax import Array


def mean_square_error(estimate: Array, target: Array) -> Array:
    """(1/m) ||estimate - target||^2 over all m entries; moduli for complex arrays."""
    return jnp.mean(jnp.square(jnp.abs(estimate - target)))


def mean_absolute_error(estimate: Array, target: Array) -> Array:
    """(1/m) ||estimate - target||_1 over all m entries; moduli for complex arrays."""
    return jnp.mean(jnp.abs(estimate - target))
