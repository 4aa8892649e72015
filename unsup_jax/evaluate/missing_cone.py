r"""What is made of the Fourier coefficients that an instrument does not measure, such as the missing cone of diffraction tomography.

    missing  = { k : neither k nor -k was measured },      since the coefficients of a real x at k and -k are conjugates
    FSC(r)   = that of estimate and truth, over the missing coefficients of each shell alone
    bias     = (mean of the estimate inside of the specimen) / (mean of the truth there) - 1
    misfit   = ||y - H x^|| / ||y||

Scores of the whole volume hide the missing coefficients behind those that are measured. Of a scattering potential the bias is that of the
refractive index above the medium's, to the first order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.evaluate.base import Analysis
from unsup_jax.evaluate.resolution import fourier_ring_correlation
from unsup_jax.lazy import Lazy

figures = Lazy("unsup_jax.evaluate.figures")

PLANES = {"x-y": 0, "x-z": 1, "y-z": 2}


@dataclass(frozen=True)
class MissingCone(Analysis):
    """Columns and the panel of real images or volumes of which Fourier coefficients were measured (`Fourier`).

    Raises `InputError` on other measurements, before anything is trained, and on a finest frequency outside (0, 1/2].
    """

    finest: float = 0.25
    """Cycles a pixel up to which the shells count in the mean FSC."""
    inside: float = 0.2
    """Part of the truth's largest value above which a place is inside of the specimen."""

    def __post_init__(self):
        if not (0 < self.finest <= 0.5 and 0 < self.inside < 1):
            raise InputError(f"the finest frequency is in (0, 1/2], the level inside in (0, 1), not {self.finest}, {self.inside}")

    def measurements(self, test: Sequence[Measurement]) -> list[Measurement]:
        for one in test:
            if not np.iscomplexobj(one.y) or one.operator.domain(one.y).shape != one.y.shape:
                raise InputError(f"the missing cone is one of Fourier coefficients of an image, not of what {type(one.operator).__name__} measures")
        return list(test)

    def scores(
        self, estimates: Sequence[np.ndarray], test: Sequence[Measurement], reference: Sequence[np.ndarray],
    ) -> dict[str, float]:
        misfits = [_relative(np.asarray(one.operator(jnp.asarray(x, one.y.dtype))), np.asarray(one.y)) for x, one in zip(estimates, test)]
        found = {"misfit": float(np.mean(misfits))}
        known = [(np.asarray(x).real, np.asarray(one.truth).real, one) for x, one in zip(estimates, test) if one.truth is not None]
        if known:
            found["FSC, missing"] = float(np.mean([self.correlation(x, truth, one) for x, truth, one in known]))
            cells = [truth > self.inside * truth.max() for _, truth, _ in known]
            found["bias inside (%)"] = 100 * float(np.mean([x[cell].mean() / truth[cell].mean() - 1 for (x, truth, _), cell in zip(known, cells)]))
        return found

    def correlation(self, x: np.ndarray, truth: np.ndarray, one: Measurement) -> float:
        """The mean FSC of the missing coefficients over the shells that have some, up to the finest; NaN where none is missing, and zero
        of an x that has them by its rounding alone."""
        lost = missing(one)
        power = np.abs(np.fft.fftn(x[..., 0])) ** 2
        if (lost * power).sum() < 1e-9 * power.sum() and lost.any():
            return 0.0
        curve = fourier_ring_correlation(x, truth, window=False, weight=lost)
        shells = (curve.samples > 0) & (curve.frequency > 0) & (curve.frequency <= self.finest)
        return float(curve.correlation[shells].mean()) if shells.any() else float("nan")

    def figures(self, directory: Path, estimates: dict[str, list[np.ndarray]]) -> dict[str, Path]:
        shown = {"truth": estimates["truth"]} if "truth" in estimates else {}
        shown |= {label: each for label, each in estimates.items() if label != "truth"}
        volumes = {label: np.asarray(each[0])[..., 0].real for label, each in shown.items()}
        rank = next(iter(volumes.values())).ndim
        names = list(PLANES)[: 3 if rank == 3 else 1]
        rows = {label: _planes(x) + _planes(_decibels(x)) for label, x in volumes.items()}
        figures.sections(directory / "missing_cone.png", rows, names + [f"spectrum, {name}" for name in names], groups=2)
        return {"Middle planes, and those of the logarithm of the spectrum, over 60 decibels: what was not measured is dark in the first guess":
                directory / "missing_cone.png"}


def missing(one: Measurement) -> np.ndarray:
    """1 for the coefficients [*S] of a real image that were not measured, nor their conjugates; 0 for others. Uncentred, as y is."""
    measured = np.broadcast_to(np.asarray(one.operator.measured(one.y)), one.y.shape)[..., 0] > 0
    mirrored = np.roll(np.flip(measured), 1, tuple(range(measured.ndim)))
    return np.float64(~(measured | mirrored))


def _relative(x, y):
    return np.linalg.norm(x - y) / np.linalg.norm(y)


def _planes(x):
    """The middle planes of a volume across each of its axes; of an image the image."""
    return [np.take(x, n // 2, axis) for axis, n in enumerate(x.shape)] if x.ndim == 3 else [x]


def _decibels(x):
    """The centred power spectrum over its largest value, from -60 to 0."""
    power = np.abs(np.fft.fftshift(np.fft.fftn(x))) ** 2
    return 10 * np.log10(np.maximum(power / max(power.max(), 1e-30), 1e-6))
