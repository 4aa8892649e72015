"""Drawing a fixed number of samples without replacement, each by its weight."""

import jax
import jax.numpy as jnp
from jax import Array


def inclusion(weight: Array, count: Array | float) -> Array:
    """P(sample is among the `count` drawn), to the approximation 1 - exp(-c w) of independent draws; zero where w is."""
    def halve(bounds, _):
        low, high = bounds
        c = jnp.sqrt(low * high)
        more = jnp.sum(1 - jnp.exp(-c * weight)) < count
        return (jnp.where(more, c, low), jnp.where(more, high, c)), None

    (low, _), _ = jax.lax.scan(halve, (jnp.asarray(1e-3, weight.dtype), jnp.asarray(1e6, weight.dtype)), length=40)
    return 1 - jnp.exp(-low * weight)
