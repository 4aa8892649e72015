r"""Media of two phases: the volume fraction and the two-point correlation of volumes that a method made, beside those of slices of the data.

    S2(r) = P(x(p) and x(p + r e) are bright),      S2(0) the volume fraction phi, S2(r -> infinity) its square

along an axis e. Slices of an isotropic medium tell S2 along every axis; a volume of slices that know nothing of each other has phi^2 across them.
An error is the root mean square over r = 1 ... half the width of the difference from the data's S2, in percent of phi (1 - phi) of the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsup_jax.evaluate.base import Analysis
from unsup_jax.evaluate.distributions import crops
from unsup_jax.lazy import Lazy

figures = Lazy("unsup_jax.evaluate.figures")


@dataclass(frozen=True)
class TwoPoint(Analysis):
    """Columns and figures of samples [N, D, H, W, C] of an isotropic medium, by its first channel, bright above the middle of the data's range."""

    def sample_scores(self, samples: np.ndarray, reference: Sequence[np.ndarray]) -> dict[str, float]:
        if not len(reference):
            return {}
        middle, data = _data(reference, samples.shape[2] // 2)
        bright = samples[..., 0] > middle
        across, along = (two_point(bright, axis, len(data) - 1) for axis in (1, 2))
        error = lambda S2: 100 * float(np.sqrt(np.mean(np.square(S2 - data)[1:])) / (data[0] - data[0] ** 2))
        columns = {"fraction of the data": float(data[0]), "volume fraction": float(bright.mean())}
        columns |= {"S2 in slices (%)": error(along), "S2 across slices (%)": error(across)}
        return columns

    def sample_figures(self, directory: Path, samples, reference, estimates) -> dict[str, Path]:
        if not len(reference):
            return {}
        first = next(iter(samples.values()))
        middle, data = _data(reference, first.shape[2] // 2)
        size = first.shape[2]
        planes = {"data": list(crops(reference, (size, size, np.shape(reference[0])[-1]), 3)[..., 0])}
        planes |= {label: [np.take(drawn[0][..., 0], n // 2, axis) for axis, n in enumerate(drawn.shape[1:4])] for label, drawn in samples.items()}
        figures.sections(directory / "sections.png", planes, ["across axis 0", "across axis 1", "across axis 2"])
        curves = {"data": data}
        for label, drawn in samples.items():
            bright = drawn[..., 0] > middle
            curves |= {f"{label}, {side}": two_point(bright, axis, len(data) - 1) for side, axis in (("in slices", 2), ("across slices", 1))}
        figures.by_distance(directory / "two_point.png", curves, "S2")
        return {
            "Slices of the data, and the middle planes of a sample across each axis": directory / "sections.png",
            "Two-point correlation, in slices (along the second axis) and across them (along the first)": directory / "two_point.png",
        }


def two_point(bright: np.ndarray, axis: int, farthest: int) -> np.ndarray:
    """S2(r) of phases [..., *S] along an axis, r = 0 ... farthest, over all pairs of places within a frame."""
    bright = np.moveaxis(np.asarray(bright, bool), axis, 0)
    return np.array([(bright[: len(bright) - r] & bright[r:]).mean() for r in range(farthest + 1)])


def _data(reference, farthest):
    """The grey level between the phases, and S2 of all slices along both axes."""
    slices = [np.asarray(x)[..., 0] for x in reference]
    middle = (min(x.min() for x in slices) + max(x.max() for x in slices)) / 2
    each = [two_point(x > middle, axis, min(farthest, *(n - 1 for n in x.shape))) for x in slices for axis in (0, 1)]
    shortest = min(map(len, each))
    return middle, np.mean([curve[:shortest] for curve in each], 0)
