"""Solve one measurement: the drivers of methods of measurement scope.

    state <- init(fold_in(key, 0), one)
    for i = 1 ... steps:  state <- update(fold_in(key, i), state, one)

`iterate` is one scan, to be jitted, vmapped and differentiated. `Solver` runs the same steps in pieces from the host, so
that a long solution shows how far it is, and goes on after a kill where it was saved, to the same bits.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from unsup_jax.core import Measurement, Method
from unsup_jax.train import parallel


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
    """`iterate` of a few measurements of one shape side by side, in pieces of about a second, compiled once."""

    def __init__(self, method: Method, key: Array, *, start_from: Any = None):
        self.method = method.planned(method.steps)
        self._key, self._start_from = key, start_from
        self._drivers = {}                                           # by the slabs that they drive

    def __call__(
        self, measurements: list[Measurement], *, saved: Callable[[Any], Any] | None = None,
        report: Callable[[int, dict[str, float]], None] | None = None, save: Callable[[Any], None] | None = None,
        slabs: parallel.Slabs | None = None,
    ) -> tuple[list[tuple[Solving, dict]], float]:
        """([(solution, trace) of each measurement], seconds for one of them, compilation apart).

        `report(step, metrics of the first)` and `save(solutions)` are called after each piece; `saved(solutions)` may
        give back what an earlier call was last given to save, in place of the solutions before their first step. The devices
        of `slabs` share each measurement, which was placed on them.
        """
        count, total = len(measurements), self.method.steps
        if slabs not in self._drivers:
            spread = parallel.spread if slabs is None else slabs.spread
            self._drivers[slabs] = spread(self._first), spread(self._until)
        begin_, advance = self._drivers[slabs]
        begun = list(begin_(self._key, self._start_from, measurements, count))
        at, seconds = [solution for solution, _ in begun], begun[0][1]
        at = at if saved is None else saved(at)
        done, piece = int(at[0][0].steps), 1
        while done < total:
            until = min(done + piece, total)
            moved = list(advance(self._key, np.int32(until), zip(measurements, at), count))
            at, took = [solution for solution, _ in moved], moved[0][1]
            seconds, rate = seconds + took, (until - done) / max(took * count, 1e-6)
            done, piece = until, min(max(1, round(rate)), 4 * piece)        # the clock is not trusted at once
            if report is not None:
                report(done, {name: float(v[done - 1]) for name, v in at[0][1].items() if v.ndim == 1 and np.isfinite(v[done - 1])})
            if save is not None:
                save(at)
        return at, seconds

    def _first(self, key, start_from, measurement):
        at = begin(self.method, key, measurement, start_from)
        metrics = jax.eval_shape(lambda at: step(self.method, key, measurement, at)[1], at) if self.method.steps else {}
        return at, {name: jnp.zeros((self.method.steps, *m.shape), m.dtype) for name, m in metrics.items()}

    def _until(self, key, until, item):
        measurement, start = item

        def body(carry):
            at, trace = carry
            after, metrics = step(self.method, key, measurement, at)
            return after, {name: values.at[at.steps].set(metrics[name]) for name, values in trace.items()}

        return jax.lax.while_loop(lambda carry: carry[0].steps < until, body, start)
