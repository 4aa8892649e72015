"""Solve one measurement: the driver of methods of measurement scope."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement, Method


def iterate(
    method: Method, key: Array, measurement: Measurement, *, steps: int | None = None, start_from: Any = None,
) -> tuple[Any, dict]:
    """(state, trace) after `steps` updates, by default `method.steps`, as one scan; vmap it over measurements.

    Where the method's metrics hold `held_out`, the state returned is the one of least `held_out`, and
    otherwise the last one. The trace stacks the metrics of all steps. The measurement is passed through
    `only(method.sees)` here, so that no caller can forget it. `start_from` is theta of another training, from which
    a method that has a network goes on. Fields of the method may be traced, to differentiate with respect to a
    hyperparameter.
    """
    measurement = measurement.only(method.sees)
    steps = method.steps if steps is None else steps
    first = method.init(jax.random.fold_in(key, 0), measurement)
    first = first if start_from is None else method.start_from(first, start_from)
    if steps == 0:
        return first, {}

    def step(state, i):
        return method.update(jax.random.fold_in(key, i), state, measurement)

    def keep_best(carry, i):
        state, best, least = carry
        state, metrics = step(state, i)
        better = metrics["held_out"] < least
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), state, best)
        return (state, best, jnp.where(better, metrics["held_out"], least)), metrics

    numbers = jnp.arange(1, steps + 1)
    if "held_out" in jax.eval_shape(step, first, 1)[1]:
        (_, best, _), trace = jax.lax.scan(keep_best, (first, first, jnp.inf), numbers)
        return best, trace
    return jax.lax.scan(step, first, numbers)


def solve(method: Method, key: Array, measurement: Measurement, *, steps: int | None = None) -> tuple[Any, dict]:
    """`iterate`, compiled once for each method and shape of measurement, whose values are checked first.

    Raises `InputError` on a measurement that the method cannot take.
    """
    if not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(measurement)):
        method.check(measurement)
    return _compiled(method, key, measurement, steps=steps)


_compiled = jax.jit(iterate, static_argnames=("method", "steps"))
