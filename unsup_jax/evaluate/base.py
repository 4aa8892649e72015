"""An analysis: what is made of all that a method gave in a run, beside the scores of each estimate."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from unsup_jax.core import Measurement


@dataclass(frozen=True)
class Analysis:
    """Further columns and figures of a report. A subclass writes what it has of them.

    The `reference` images [*S, C] are the truths of the test measurements, which no training saw; where none are known,
    the clean ones that the data hold beside the measurements, which trainings saw; else there are none.
    """

    draws: ClassVar[int] = 36
    """Samples that are drawn of a method which makes images from nothing."""

    def check(self, shapes: list[tuple[int, ...]]) -> None:
        """`InputError` where measurements y of such `shapes` are not what it is made for."""

    def measurements(self, test: Sequence[Measurement]) -> list[Measurement]:
        """What is reconstructed for it: the test measurements, unless it asks for others beside them. Raises `InputError` where it cannot."""
        return list(test)

    def scores(
        self, estimates: Sequence[np.ndarray], test: Sequence[Measurement], reference: Sequence[np.ndarray],
    ) -> dict[str, float]:
        """Columns of the table, by their heading, of the estimates of the test measurements, in their order."""
        return {}

    def sample_scores(self, samples: np.ndarray, reference: Sequence[np.ndarray]) -> dict[str, float]:
        """The same of samples [N, *S, C] that a method made from nothing, such as their distance from the reference."""
        return {}

    def sample_figures(
        self, directory: Path, samples: dict[str, np.ndarray], reference: Sequence[np.ndarray], estimates: dict[str, list[np.ndarray]],
    ) -> dict[str, Path]:
        """Figures, by their caption, of the samples of each method that makes some, beside the reference and the estimates of the others."""
        return {}

    def figures(self, directory: Path, estimates: dict[str, list[np.ndarray]]) -> dict[str, Path]:
        """Figures of the report, by their caption, of the estimates of each method and, where it is known, of the "truth"."""
        return {}
