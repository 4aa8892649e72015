"""Volumes of a particle in many conformations, made from nothing: how near one of them comes to each true conformation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.evaluate.alignment import align, ball_correlation, rough_correlation
from unsup_jax.evaluate.base import Analysis
from unsup_jax.evaluate.specimen import write_map
from unsup_jax.lazy import Lazy

figures = Lazy("unsup_jax.evaluate.figures")

REFINED = 3
"""Samples whose pose on a conformation is refined: those that a search finds nearest to it."""
ALIGNED = 6
"""Samples that are tried for the pose in which all of them are shown."""


@dataclass(frozen=True)
class Conformations(Analysis):
    """Samples [N, D, D, D, 1] beside the reference conformations. Raises `InputError` on a voxel size that is not positive, or a series below 2.

    Samples, and the estimates of a method that makes one volume, are brought onto each truth by themselves, over rotations and the mirror. A
    series of samples along their first principal component, all in the one pose that fits them best, is written beside the report, as
    conformation_N.mrc.
    """

    pixel_size_angstrom: float | None = None
    """Size of a voxel, which volumes are written with; None: not known."""
    series: int = 9
    """Volumes of the series."""

    def __post_init__(self):
        if not ((self.pixel_size_angstrom is None or self.pixel_size_angstrom > 0) and self.series >= 2):
            raise InputError(f"voxels are positive and a series is of 2 or more, not {self.pixel_size_angstrom} and {self.series}")

    def scores(self, estimates, test, reference) -> dict[str, float]:
        if test[0].truth is None:
            return {}
        return _columns(np.array([ball_correlation(x, np.asarray(m.truth)) for x, m in zip(estimates, test)]))

    def sample_scores(self, samples, reference) -> dict[str, float]:
        return _columns(nearest(samples, reference)) if len(reference) else {}

    def sample_figures(self, directory: Path, samples, reference, estimates) -> dict[str, Path]:
        made, truths = {}, [np.asarray(x) for x in reference]
        posed = {label: in_one_pose(drawn, _middle(truths)) if truths else drawn for label, drawn in samples.items()}
        if truths:
            curves = {label: nearest(drawn, truths) for label, drawn in samples.items()}
            alone = {label: each for label, each in estimates.items() if len(each) == len(truths)}
            curves |= {label: np.array([ball_correlation(x, truth) for x, truth in zip(each, truths)]) for label, each in alone.items()}
            figures.by_number(directory / "nearest.png", curves, "conformation", "correlation with the truth")
            made["Correlation of each true conformation with the nearest volume"] = directory / "nearest.png"
        rows = [along_first_component(drawn, self.series) for drawn in posed.values()]
        for k, x in enumerate(rows[-1]):
            write_map(directory / f"conformation_{k + 1}.mrc", x, self.pixel_size_angstrom)
        above = ""
        if len(truths) >= self.series:
            rows, above = [np.stack([truths[i] for i in _even(len(truths), self.series)]), *rows], "above, the true ones; below, "
        figures.grid(directory / "series.png", np.stack([row.sum(1) for row in rows]))
        made[f"Projections of conformations: {above}a series of samples along their first principal component"] = directory / "series.png"
        return made


def nearest(samples: np.ndarray, reference) -> np.ndarray:
    """The correlation of each reference with the nearest of the samples, each in its best pose, [len(reference)]."""
    def of(truth):
        rough = [rough_correlation(x, truth) for x in samples]
        return max(ball_correlation(align(samples[k], truth).apply(samples[k]), truth) for k in np.argsort(rough)[-REFINED:])

    return np.array([of(np.asarray(truth)) for truth in reference])


def in_one_pose(samples: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Samples of one pose brought onto a reference by the pose of that sample which fits it best."""
    tried = [align(x, reference, best=4) for x in samples[:ALIGNED]]
    best = max(tried, key=lambda pose: pose.correlation)
    return np.stack([best.apply(x) for x in samples])


def along_first_component(samples: np.ndarray, count: int) -> np.ndarray:
    """`count` of the samples at even ranks of their first principal component."""
    centred = (samples - samples.mean(0)).reshape(len(samples), -1).astype(np.float64)
    order = np.argsort(np.linalg.eigh(centred @ centred.T)[1][:, -1])
    return samples[order[_even(len(samples), count)]]


def _even(length, count):
    """`count` of the places of a list, from its first to its last."""
    return np.linspace(0, length - 1, count).round().astype(int)


def _middle(reference):
    return np.asarray(reference[len(reference) // 2])


def _columns(correlations):
    return {"correlation": float(correlations.mean()), "least correlation": float(correlations.min())}
