"""What a run of measurement scope has found, kept in a folder: whole answers, and the solution on its way."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from unsup_jax.train import parallel


class Answers:
    """The answers of a run by the number of the measurement; each file is whole or not there."""

    def __init__(self, folder: Path):
        self._folder = folder

    def get(self, number: int) -> tuple[np.ndarray, float, dict[str, np.ndarray]] | None:
        """(estimate, seconds, losses) of a measurement that was solved; None of others."""
        stored = self._read(f"answer-{number}.npz")
        if stored is None:
            return None
        return stored.pop("estimate"), float(stored.pop("seconds")), stored

    def put(self, number: int, estimate: np.ndarray, seconds: float, losses: dict[str, np.ndarray]) -> None:
        """Keep an answer, in place of the solution that led to it."""
        self._write(f"answer-{number}.npz", estimate=estimate, seconds=np.float64(seconds), **losses)
        if parallel.is_main():
            (self._folder / "solving.npz").unlink(missing_ok=True)

    def save(self, number: int, at: Any) -> None:
        """Keep the solution on its way, of the measurements from `number` on."""
        self._write("solving.npz", number=np.int64(number), **{f"{i:04d}": leaf for i, leaf in enumerate(jax.tree.leaves(at))})

    def saved(self, number: int, like: Any) -> Any:
        """What was last saved of the measurements from `number` on, with the structure of `like`; `like` itself where nothing was."""
        stored, (leaves, structure) = self._read("solving.npz"), jax.tree.flatten(like)
        if stored is None or int(stored.pop("number")) != number or len(stored) != len(leaves):
            return like
        return jax.tree.unflatten(structure, [stored[name] for name in sorted(stored)])

    def _read(self, name):
        path = self._folder / name
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as file:
            return dict(file)

    def _write(self, name, **arrays):
        if not parallel.is_main():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = self._folder / f".{name}.partial"
        with partial.open("wb") as file:
            np.savez(file, **arrays)
        partial.rename(self._folder / name)
