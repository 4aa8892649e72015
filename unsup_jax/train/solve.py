"""Solve one measurement: the drivers of methods of measurement scope.

    state <- init(fold_in(key, 0), one)
    for i = 1 ... steps:  state <- update(fold_in(key, i), state, one)

`iterate` is one scan, to be jitted, vmapped and differentiated. `Solver` runs the same steps in pieces from the host, so
that a long solution shows how far it is, and goes on after a kill where it was saved, to the same bits.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
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
    steps = method.steps if steps is None else steps
    method = method.planned(steps)
    solving = begin(method, key, measurement, start_from)
    if steps == 0:
        return solving.answer, {}
    solving, trace = jax.lax.scan(lambda at, _: step(method, key, measurement, at), solving, length=steps)
    return solving.answer, trace


def solve(method: Method, key: Array, measurement: Measurement, *, steps: int | None = None) -> tuple[Any, dict]:
    """`iterate`, compiled once for each method and shape of measurement, whose values are checked first.

    Raises `InputError` on a measurement that the method cannot take.
    """
    if not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(measurement)):
        method.check(measurement)
    return _compiled(method, key, measurement, steps=steps)


_compiled = jax.jit(iterate, static_argnames=("method", "steps"))


class Solving(struct.PyTreeNode):
    """A solution on its way: the state, the steps that were taken, and the best state of a method that watches itself."""

    state: Any
    steps: Array
    best: Any = None
    least: Array | None = None

    @property
    def answer(self) -> Any:
        """The state of least `held_out`, or the last one."""
        return self.state if self.least is None else self.best


def begin(method: Method, key: Array, measurement: Measurement, start_from: Any = None) -> Solving:
    """Before the first step."""
    measurement = measurement.only(method.sees)
    state = method.init(jax.random.fold_in(key, 0), measurement)
    state = state if start_from is None else method.start_from(state, start_from)
    if "held_out" not in jax.eval_shape(method.update, key, state, measurement)[1]:
        return Solving(state, jnp.int32(0))
    return Solving(state, jnp.int32(0), best=state, least=jnp.float32(jnp.inf))


def step(method: Method, key: Array, measurement: Measurement, at: Solving) -> tuple[Solving, dict]:
    """One update, with its metrics."""
    steps = at.steps + 1
    state, metrics = method.update(jax.random.fold_in(key, steps), at.state, measurement.only(method.sees))
    if at.least is None:
        return Solving(state, steps), metrics
    better = metrics["held_out"] < at.least
    best = jax.tree.map(lambda new, old: jnp.where(better, new, old), state, at.best)
    return Solving(state, steps, best, jnp.where(better, metrics["held_out"], at.least).astype(at.least.dtype)), metrics


class Solver:
    """`iterate` in pieces of about a second, compiled once for each shape of measurement."""

    def __init__(self, method: Method, key: Array, *, start_from: Any = None):
        self.method = method.planned(method.steps)
        self._key, self._start_from = key, start_from
        self._begin = jax.jit(lambda one, start_from: begin(self.method, self._key, one, start_from))
        self._advance = jax.jit(self._steps_until)

    def __call__(
        self, measurement: Measurement, *, saved: tuple[Solving, dict] | None = None,
        report: Callable[[int, dict[str, float]], None] | None = None, save: Callable[[Solving, dict], None] | None = None,
    ) -> tuple[Any, dict[str, Array]]:
        """(state, trace) of one measurement.

        `report(step, metrics)` and `save(solving, trace)` are called after each piece; `saved` is what an earlier call
        was last given to save.
        """
        at = self._begin(measurement, self._start_from) if saved is None else jax.tree.map(jnp.array, saved[0])
        trace = self._empty(at, measurement) if saved is None else jax.tree.map(jnp.array, saved[1])
        done, piece, total = int(at.steps), 1, self.method.steps
        while done < total:
            began = time.monotonic()
            until = min(done + piece, total)
            at, trace = jax.block_until_ready(self._advance(measurement, at, trace, jnp.int32(until)))
            rate = (until - done) / max(time.monotonic() - began, 1e-6)
            done, piece = until, min(max(1, round(rate)), 4 * piece)        # the first piece is slow: it may be compiled
            if report is not None:
                report(done, {name: float(values[done - 1]) for name, values in trace.items() if values.ndim == 1})
            if save is not None:
                save(at, trace)
        return at.answer, trace

    def _empty(self, at, measurement):
        metrics = jax.eval_shape(lambda at: step(self.method, self._key, measurement, at)[1], at)
        return {name: jnp.zeros((self.method.steps, *m.shape), m.dtype) for name, m in metrics.items()}

    def _steps_until(self, measurement, at, trace, until):
        def body(carry):
            at, trace = carry
            after, metrics = step(self.method, self._key, measurement, at)
            return after, {name: values.at[at.steps].set(metrics[name]) for name, values in trace.items()}

        return jax.lax.while_loop(lambda carry: carry[0].steps < until, body, (at, trace))
