"""Checkpoints of a run: state, place in the stream and configuration, as one composite that is whole or absent.

Orbax writes a step into a temporary folder and renames it, so that a kill in the middle leaves the step
before. A kill while old steps are deleted leaves a folder without its metadata, which is removed here.
"""

import json
import logging
import os
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax

from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy
from unsup_jax.train import parallel

ocp = Lazy("orbax.checkpoint")
logging.getLogger("absl").addFilter(lambda record: "orbax" not in record.pathname or record.levelno < logging.ERROR)  # which it raises too


class Checkpoints:
    """The checkpoints of one run's folder: the newest `keep`, and the best by validation loss."""

    def __init__(self, directory: str | Path, *, keep: int = 2, watched: str | None = None):
        self._directory = Path(directory).absolute()
        _say_nothing_of_abandoned_writes()
        if parallel.is_main():
            self._remove_broken()
        policies = [ocp.checkpoint_managers.LatestN(keep)]
        settings = {}
        if watched is not None:
            best = {"get_metric_fn": lambda metrics: metrics[watched]}
            policies.append(ocp.checkpoint_managers.BestN(n=1, reverse=True, **best))
            settings = {"best_fn": lambda metrics: metrics[watched], "best_mode": "min"}
        self._watched = watched
        self._manager = ocp.CheckpointManager(
            self._directory,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=ocp.checkpoint_managers.AnyPreservationPolicy(policies),
                cleanup_tmp_directories=True, **settings,
            ),
            item_names=("state", "stream", "config"),
        )

    def _remove_broken(self):
        if self._directory.exists():
            for step in self._directory.iterdir():
                if step.name.isdigit() and not (step / "_CHECKPOINT_METADATA").exists():
                    shutil.rmtree(step)

    def save(self, step: int, state: Any, stream: dict, config: dict, metrics: dict[str, float]) -> None:
        """Save in the background; the previous save is complete when this returns.

        Here, and in `wait` and `close`, `InputError` says that a disk is full or protected.
        """
        with self._refusals_in_one_line():
            self._manager.save(step, args=ocp.args.Composite(
                state=ocp.args.StandardSave(_without_keys(parallel.everywhere(state))), stream=ocp.args.JsonSave(stream),
                config=ocp.args.JsonSave(config),
            ), metrics=metrics if self._watched else None)

    def wait(self) -> None:
        """Until every save is complete."""
        with self._refusals_in_one_line():
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Complete every save and release the folder."""
        with self._refusals_in_one_line():
            self._manager.close()

    @contextmanager
    def _refusals_in_one_line(self):
        """Orbax and TensorStore raise what the system refused as errors of many types; their chain names its number."""
        try:
            yield
        except Exception as error:
            number = _system_error(error)
            if number is None:
                raise
            raise InputError(f"{self._directory}: a checkpoint cannot be written ({os.strerror(number)}); those before it are whole") from error

    def steps(self) -> list[int]:
        """The complete steps, oldest first."""
        return sorted(self._manager.all_steps())

    def best(self) -> int:
        """The step of least validation loss, or the newest where none is watched."""
        step = self._manager.best_step() if self._watched else self._manager.latest_step()
        if step is None:
            raise InputError(f"{self._directory}: no complete checkpoint")
        return step

    def restore(self, like: Any, step: int | None = None) -> tuple[int, Any, dict] | None:
        """(step, state, stream) of a step, by default the newest that can be read; None where there is none.

        `like` has the structure and shapes of the state; what is restored lies on one device, whatever the devices
        were when it was saved.
        """
        sharding = parallel.everywhere_sharding()
        target = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding), like)
        failure = None
        for candidate in reversed(self.steps()) if step is None else [step]:
            try:
                found = self._manager.restore(candidate, args=ocp.args.Composite(
                    state=ocp.args.StandardRestore(target), stream=ocp.args.JsonRestore()
                ))
                return candidate, parallel.local(found["state"]), found["stream"]
            except (ValueError, OSError, KeyError) as error:
                failure = error
        if failure is not None:
            reason = str(failure).strip().splitlines()[0][:300]
            raise InputError(f"{self._directory}: no checkpoint fits this experiment ({reason})") from failure
        return None


def _say_nothing_of_abandoned_writes():
    """Where one array of a checkpoint cannot be written, TensorStore prints of each other one that nobody waits for it any more."""
    if getattr(sys.unraisablehook, "of_checkpoints", False):
        return
    before = sys.unraisablehook

    def hook(found):
        if not (found.exc_type is RuntimeError and str(found.exc_value) == "Event loop is closed"):
            before(found)

    hook.of_checkpoints = True
    sys.unraisablehook = hook


def _system_error(error):
    """The number of the system's error that an exception, or one that it came from, is of; None where there is none."""
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            return error.errno
        if said := re.search(r"os_error_code='(\d+)'", str(error)):
            return int(said[1])
        error = error.__cause__ or error.__context__
    return None


def _without_keys(state):
    if any(jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) for leaf in jax.tree.leaves(state) if hasattr(leaf, "dtype")):
        raise TypeError("a state holds a random key; keys are folded from the run's seed and step, never stored")
    return state


def write_json(path: Path, content: Any) -> None:
    """Write JSON in one step: the file is whole or as it was."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    partial.rename(path)
