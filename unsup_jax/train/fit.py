"""Fit a method to a data set: the driver of methods of dataset scope.

    state <- init(key, example)
    for k = 1 ... steps:  state <- update(fold_in(key, k), state, batch_k.only(sees))

A run is a function of its configuration: killed at any moment and resumed, it ends in the same bits.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax

from unsup_jax.core import Method
from unsup_jax.data.stream import Stream
from unsup_jax.errors import InputError, NonFinite
from unsup_jax.train import parallel
from unsup_jax.train.checkpoint import Checkpoints
from unsup_jax.train.logging import Metrics, ProgressLine


@dataclass(frozen=True)
class Train:
    """How long, on how much, and what is kept.

    Raises `InputError` on a count below 1.
    """

    steps: int = 2000
    """Number of updates."""
    batch: int = 16
    """Samples of an update, shared evenly among as many devices as divide it."""
    seed: int = 0
    """Seed of the measurement, the initialisation, the crops and the masks."""
    log_every: int = 25
    """Steps between two lines of metrics."""
    checkpoint_every: int = 500
    """Steps between two validations, each followed by a checkpoint."""
    validation_batches: int = 4
    """Batches of a validation."""
    keep: int = 2
    """Number of newest checkpoints that are kept beside the best one."""
    use: Literal["best", "latest"] = "best"
    """State that reconstructs: the "best" by validation loss, or the "latest"."""
    tensorboard: bool = False
    """Also write TensorBoard files (needs the extra `tensorboard`)."""

    def __post_init__(self):
        for name in ("steps", "batch", "log_every", "checkpoint_every", "validation_batches", "keep"):
            if getattr(self, name) < 1:
                raise InputError(f"train.{name} is {getattr(self, name)}; it must be at least 1")


QUICKLY = {"xla_backend_optimization_level": 1}
"""How what runs once is compiled: the random numbers of first parameters take LLVM a third of the time."""


def fit(
    method: Method,
    train: Train,
    stream: Stream,
    validation: Stream,
    directory: Path,
    *,
    config: dict[str, Any] | None = None,
    label: str = "train",
    quiet: bool = False,
    start_from: Any = None,
    on_step: Callable[[int], None] | None = None,
) -> Any:
    """Train, or go on from the newest checkpoint in `directory`; returns the state that reconstructs.

    `start_from` is theta of another training, to begin with. Raises `NonFinite`, with the step, when the loss is
    not finite, and `InputError` when the method does not take such measurements or theta is of another network.
    """
    directory.mkdir(parents=True, exist_ok=True)
    replicas = parallel.Replicas.of(train.batch)
    index, count = replicas.process
    keys = jax.random.split(jax.random.key(train.seed), 3)
    init_key, step_key, validation_key = keys

    example = stream.example().only(method.sees)
    method.check(jax.tree.map(lambda leaf: leaf[0], example))
    method = method.planned(train.steps, parallel.samples_at_once(math.prod(example.y.shape[1:])))
    state = jax.jit(method.init, compiler_options=QUICKLY)(init_key, example)
    state = replicas.place(state if start_from is None else method.start_from(state, start_from))
    watched_batches = [replicas.shard(b.only(method.sees)) for b in validation.fixed(train.validation_batches, count, index)]
    update, validate = replicas.map(method.update), replicas.map(method.validate)
    one_share = jax.tree.map(lambda leaf: leaf[0], watched_batches[0])
    watched = jax.eval_shape(method.validate, validation_key, parallel.local(state), one_share)
    watches = "loss" in watched

    checkpoints = Checkpoints(directory / "checkpoints", keep=train.keep, watched="validation_loss" if watches else None)
    batches = stream.batches(count, index)
    start = 0
    restored = checkpoints.restore(state)
    if restored is not None:
        start, state, place = restored
        state = replicas.place(state)
        batches.set_state(place)
    metrics = Metrics(directory, after=start, tensorboard=train.tensorboard) if parallel.is_main() else None
    line = ProgressLine(label, train.steps, start, quiet=quiet or not parallel.is_main())
    if train.use == "best" and not watches:
        line.say(f"{label}: no validation loss to choose the best state by; the latest one reconstructs")
    pending = []  # metrics of the steps that are not read back yet

    def read_back():
        rows = [(step, {name: float(value) for name, value in row.items()}) for step, row in pending]
        pending.clear()
        for step, row in rows:
            if not all(math.isfinite(value) for value in row.values()):
                good = checkpoints.steps()
                where = f"the last good checkpoint is of step {good[-1]}" if good else "there is no checkpoint yet"
                raise NonFinite(f"the loss is not finite at step {step}; {where}")
        return rows

    def log(step):
        rows = read_back()
        if rows and metrics is not None:
            mean = {name: sum(row[name] for _, row in rows) / len(rows) for name in rows[0][1]}
            metrics.write(step, **mean, seconds=time.monotonic() - began)
            line.update(step, mean)

    began = time.monotonic()
    try:
        for step in range(start + 1, train.steps + 1):
            batch = replicas.shard(next(batches).only(method.sees))
            if step == start + 1:
                kept = " (kept for the next run)" if parallel.keeps_programs() else ""
                line.say(f"{label}: compiling the training step for {replicas.describe()}{kept} ...")
            state, row = update(jax.random.fold_in(step_key, step), state, batch)
            pending.append((step, row))
            if step == start + 1:
                jax.block_until_ready(state)
                line.say(f"{label}: first step after {time.monotonic() - began:.1f} s")
                line.begin(step)
            if step % train.log_every == 0:
                log(step)
            if step % train.checkpoint_every == 0 or step == train.steps:
                log(step)
                rows = [validate(validation_key, state, b) for b in watched_batches] if watched else []
                found = {f"validation_{name}": sum(float(row[name]) for row in rows) / len(rows) for name in watched}
                if not all(math.isfinite(value) for value in found.values()):
                    raise NonFinite(f"the validation is not finite at step {step}")
                if found and metrics is not None:
                    metrics.write(step, **found)
                checkpoints.save(step, state, batches.get_state(), config or {}, found)
            if on_step is not None:
                on_step(step)
        checkpoints.wait()
        if train.use == "best" and watches and checkpoints.best() != train.steps:
            state = replicas.place(checkpoints.restore(state, checkpoints.best())[1])
        return state
    finally:
        line.close()
        checkpoints.close()
        if metrics is not None:
            metrics.close()
