"""Kept NumPy libraries inside jitted and vmapped code."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def on_host(function: Callable[..., np.ndarray], y: Array, *others: Array) -> Array:
    """`function(y, *others)` computed by NumPy code on the host, with the shape and type of `y`."""
    def call(*arrays):
        return np.asarray(function(*(np.asarray(a) for a in arrays)), dtype=y.dtype)

    return jax.pure_callback(call, jax.ShapeDtypeStruct(y.shape, y.dtype), y, *others, vmap_method="sequential")


def numbers_on_host(function: Callable[[np.ndarray], np.ndarray], y: Array, count: int) -> Array:
    """The `count` real numbers that NumPy code finds in `y`, in the precision of `y` and at least single."""
    kind = jnp.promote_types(y.real.dtype, jnp.float32)
    call = lambda y: np.asarray(function(np.asarray(y)), kind).reshape(count)
    return jax.pure_callback(call, jax.ShapeDtypeStruct((count,), kind), y, vmap_method="sequential")


def by_channel(function: Callable[[np.ndarray], np.ndarray], y: np.ndarray) -> np.ndarray:
    """`function` of each channel of [*S, C], in float64."""
    return np.stack([function(channel) for channel in np.moveaxis(y.astype(np.float64), -1, 0)], -1)
