"""Solve one measurement: the driver of methods of measurement scope."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement, Method


@partial(jax.jit, static_argnames=("method", "steps"))
def solve(method: Method, key: Array, measurement: Measurement, *, steps: int | None = None) -> tuple[Any, dict]:
    """(state, trace) after `steps` updates, by default `method.steps`, as one scan; vmap it over measurements.

    Where the method's metrics hold `held_out`, the state returned is the one of least `held_out`, and
    otherwise the last one. The trace stacks the metrics of all steps. The measurement is passed through
    `only(method.sees)` here, so that no caller can forget it.
    """
    measurement = measurement.only(method.sees)
    steps = method.steps if steps is None else steps
    first = method.init(jax.random.fold_in(key, 0), measurement)
    if steps == 0:
        return first, {}

    def step(carry, i):
        state, best, least = carry
        state, metrics = method.update(jax.random.fold_in(key, i), state, measurement)
        value = metrics.get("held_out", jnp.asarray(-i, jnp.float32))  # without one, every step is the best so far
        better = value < least
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), state, best)
        return (state, best, jnp.where(better, value, least)), metrics

    (_, best, _), trace = jax.lax.scan(step, (first, first, jnp.inf), jnp.arange(1, steps + 1))
    return best, trace
