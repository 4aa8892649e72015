"""Whether what is bright in the truth is bright in the estimates: the overlap of their foregrounds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.evaluate.base import Analysis


@dataclass(frozen=True)
class Foreground(Analysis):
    """Dice's overlap 2 |A n B| / (|A| + |B|) of the pixels of estimate and truth that are brighter than a threshold, as a column: the mean
    over the images that have a foreground at all."""

    threshold: float = 30.0
    """Grey level of the truth above which it is foreground."""

    def scores(
        self, estimates: Sequence[np.ndarray], test: Sequence[Measurement], reference: Sequence[np.ndarray],
    ) -> dict[str, float]:
        pairs = [(np.asarray(x) > self.threshold, np.asarray(one.truth) > self.threshold) for x, one in zip(estimates, test) if one.truth is not None]
        overlaps = [2 * (a & b).sum() / (a.sum() + b.sum()) for a, b in pairs if b.any()]
        return {"foreground Dice": float(np.mean(overlaps))} if overlaps else {}
