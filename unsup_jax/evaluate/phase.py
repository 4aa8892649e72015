"""Phases of transparent specimens: how far from the truth, but for a constant and a tilt, which intensities do not tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.evaluate.base import Analysis
from unsup_jax.lazy import Lazy

figures = Lazy("unsup_jax.evaluate.figures")


def aligned_phase(estimate: np.ndarray, truth: np.ndarray, *, rounds: int = 3) -> np.ndarray:
    """The phase [H, W] of a complex estimate [H, W, 1], radians about the truth's, less the plane that fits their difference best."""
    e, t = (np.asarray(x, np.complex128)[..., 0] for x in (estimate, truth))
    rows, columns = (np.linspace(-1, 1, n) for n in e.shape)
    plane = np.stack([np.ones(e.shape), *np.meshgrid(rows, columns, indexing="ij")], -1).reshape(-1, 3)
    apart = e * np.conj(t)
    for _ in range(rounds):                                         # of wrapped differences, so not at once
        apart = apart * np.exp(-1j * np.angle(apart.sum()))
        fit = np.linalg.lstsq(plane, np.angle(apart).ravel(), rcond=None)[0]
        apart = apart * np.exp(-1j * (plane @ fit).reshape(e.shape))
    return np.angle(t) + np.angle(apart)


def phase_error(estimate: np.ndarray, truth: np.ndarray) -> float:
    """The root mean square of the difference of the phases of complex images [H, W, 1], radians, aligned as in `aligned_phase`."""
    return float(np.sqrt(np.mean(np.square(aligned_phase(estimate, truth) - np.angle(np.asarray(truth)[..., 0])))))


@dataclass(frozen=True)
class Phase(Analysis):
    """The error of the phase as a column of the table, the mean over the test specimens, and a figure of the first one's phases."""

    def scores(
        self, estimates: Sequence[np.ndarray], test: Sequence[Measurement], reference: Sequence[np.ndarray],
    ) -> dict[str, float]:
        errors = [phase_error(x, one.truth) for x, one in zip(estimates, test) if one.truth is not None]
        return {"phase error (rad)": float(np.mean(errors))} if errors else {}

    def figures(self, directory: Path, estimates: dict[str, list[np.ndarray]]) -> dict[str, Path]:
        if "truth" not in estimates:
            return {}
        count = min(len(estimates["truth"]), 4)
        rows = {label: np.stack([aligned_phase(x, t) for x, t in zip(each[:count], estimates["truth"])]) for label, each in estimates.items()}
        figures.maps(directory / "phases.png", rows, None, quantity="phase (rad)", low=float(rows["truth"].min()), high=float(rows["truth"].max()))
        return {"Phases, but for a constant and a tilt": directory / "phases.png"}
