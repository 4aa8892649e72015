"""An analysis: what is made of all the estimates of a run together."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Analysis:
    """What is made of all the test estimates together, beside the scores of each."""

    def check(self, shapes: list[tuple[int, ...]]) -> None:
        """`InputError` where measurements y of such `shapes` are not what it is made for."""

    def scores(self, estimates: list[np.ndarray]) -> dict[str, float]:
        """Columns of the table, by their heading."""
        raise NotImplementedError

    def figures(self, directory: Path, estimates: dict[str, list[np.ndarray]]) -> dict[str, Path]:
        """Figures of the report, by their caption, of the estimates of each method."""
        raise NotImplementedError
