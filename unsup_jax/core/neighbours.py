"""The points of a grid around a position between them, so that index and weight agree however they are compiled."""

import jax
import jax.numpy as jnp
from jax import Array


def neighbours(position: Array, width: int) -> Array:
    """The `width` integers [..., width] around each position [...]: at j, of those that are j modulo `width`, the nearest one.

    A compiler derives `position` anew wherever it is used, for the index of a grid point and for its weight, and may round
    it differently: a position on the grid is then just above it here and just below it there. Counted from the lowest, all
    integers would be off by one. From j, only the one that is width / 2 away can differ, and there a window vanishes.
    """
    place = jnp.arange(width).astype(position.dtype).reshape((1,) * position.ndim + (width,))
    turns = jnp.round((jax.lax.stop_gradient(position)[..., None] - place) / width)
    return (place + width * turns).astype(jnp.int32)


def linear_weights(position: Array, near: Array) -> Array:
    """1 - |position - near|, the weights [..., 2] of linear interpolation between the two `neighbours` of each position."""
    return jnp.maximum(1 - jnp.abs(position[..., None] - near.astype(position.dtype)), 0)
