r"""What functional MRI is done for: temporal SNR, activation, and retinotopic maps of a series of volumes.

    tSNR       mean_t y / std_t (y - drift), unbiased in the variance           (Triantafyllou 2005)
    GLM        y = X b + e,   t = c^T b / sqrt(sigma^2 c^T (X^T X)^-1 c)        ordinary least squares (Friston 1995)
    retinotopy y = a cos(2 pi f_0 t) + b sin(2 pi f_0 t) + drift + e,
               phase = arg(a + i b),   coherence^2 = 1 - |e|^2 / |y - drift|^2         (Engel 1997)

with f_0 the frequency of the wedge, by least squares: in a run of whole cycles a + i b is the Fourier coefficient at f_0 and
the coherence its modulus over the root of the power of all frequencies; in any other, f_0 is no frequency of the run's
Fourier transform, and the regression is what holds. Drift is a polynomial in time.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.evaluate.base import Analysis
from unsup_jax.lazy import Lazy
from unsup_jax.modalities import Paradigm

figures = Lazy("unsup_jax.evaluate.figures")


@dataclass(frozen=True)
class Functional(Analysis):
    """The estimates [slice, H, W, 1] of an fMRI run in their order, as the maps of the article's figure 4."""

    paradigm: Paradigm = Paradigm()
    """What was done to the subject; every volume of its run is scored (`--data.test 0`)."""
    coherence: float = 0.4
    """Voxels with more follow the wedge."""
    statistic: float = 4.0
    """Voxels with more, in t of the task, are active."""
    drift: int = 2
    """Degree of the polynomial that drift is."""

    def check(self, shapes: list[tuple[int, ...]]) -> None:
        if len(shapes) != self.paradigm.frames or len(set(shapes)) > 1:
            raise InputError(
                f"the analysis is of a run of {self.paradigm.frames} volumes of one shape, all of them scored (--data.test 0); "
                f"these are {len(shapes)} of {', '.join(map(str, sorted(set(shapes))))}")

    def maps(self, estimates: list[np.ndarray]) -> dict[str, np.ndarray]:
        """mean, tSNR, t, phase (radians) and coherence, each [slice, H, W], zero outside of the head."""
        series = np.abs(np.stack(estimates))[..., 0].astype(float)
        mean = series.mean(0)
        head = mean > 0.15 * np.percentile(mean, 99)
        turn = 2 * np.pi * self.paradigm.times / self.paradigm.cycle_s
        design = np.column_stack([self.paradigm.task(), np.cos(turn), np.sin(turn), polynomials(len(series), self.drift)])
        phase, coherence = retinotopy(series, self.paradigm.cycles, drift=self.drift)
        statistic = t_statistic(series, design, np.eye(design.shape[1])[0])
        found = {"mean": mean, "tSNR": temporal_snr(series, drift=self.drift), "t": statistic, "phase": phase, "coherence": coherence}
        return {name: np.where(head | (name == "mean"), value, 0) for name, value in found.items()}

    def scores(self, estimates, test, reference) -> dict[str, float]:
        found = self.maps(estimates)
        inside = found["tSNR"] > 0
        return {
            "median tSNR": float(np.median(found["tSNR"][inside])),
            f"voxels, coherence > {self.coherence:g}": int((found["coherence"] > self.coherence).sum()),
            f"voxels, t > {self.statistic:g}": int((found["t"] > self.statistic).sum()),
        }

    def figures(self, directory: Path, estimates: dict[str, list[np.ndarray]]) -> dict[str, Path]:
        found = {label: self.maps(series) for label, series in estimates.items()}
        means = {label: m["mean"] for label, m in found.items()}
        of = lambda name, label, shown: np.where(shown, found[label][name], np.nan)
        finite = [m["tSNR"][m["tSNR"] > 0] for label, m in found.items() if label != "truth"] or [np.ones(1)]
        over = {label: m["coherence"] > self.coherence for label, m in found.items()}
        pictures = {
            "Mean of the run": ("mean.png", means, None, {"quantity": "grey value"}),
            "Temporal SNR": ("tsnr.png", {k: of("tSNR", k, m["tSNR"] > 0) for k, m in found.items()}, None, {
                "quantity": "tSNR", "cmap": "inferno", "low": 0, "high": float(np.percentile(np.concatenate(finite), 99))}),
            f"Response to the task, t > {self.statistic:g}": (
                "activation.png", {k: of("t", k, m["t"] > self.statistic) for k, m in found.items()}, means,
                {"quantity": "t", "cmap": "hot", "low": 0, "high": 4 * self.statistic}),
            f"Phase of the response to the wedge, coherence > {self.coherence:g}": (
                "phase.png", {k: of("phase", k, over[k]) for k in found}, means,
                {"quantity": "phase (rad)", "cmap": "hsv", "low": -np.pi, "high": np.pi}),
            f"Coherence with the wedge, > {self.coherence:g}": (
                "coherence.png", {k: of("coherence", k, over[k]) for k in found}, means,
                {"quantity": "coherence", "cmap": "viridis", "low": 0, "high": 1}),
        }
        for name, shown, under, settings in pictures.values():
            figures.maps(directory / name, shown, under, **settings)
        return {caption: directory / name for caption, (name, *_) in pictures.items()}


def polynomials(frames: int, degree: int) -> np.ndarray:
    """Legendre polynomials of degree 0 to `degree` over a run, [frames, degree + 1]."""
    return np.polynomial.legendre.legvander(np.linspace(-1, 1, frames), degree)


def without(series: np.ndarray, regressors: np.ndarray) -> np.ndarray:
    """The series [frames, ...] less its least-squares fit by the regressors [frames, n]."""
    flat = series.reshape(len(series), -1)
    return (flat - regressors @ np.linalg.lstsq(regressors, flat, rcond=None)[0]).reshape(series.shape)


def temporal_snr(series: np.ndarray, *, drift: int = 0) -> np.ndarray:
    """Mean over standard deviation of a series [frames, ...] of which the drift is removed; 0 where nothing changes.

    The variance is over frames - drift - 1, the degrees of freedom that the drift leaves.
    """
    residual = without(series, polynomials(len(series), drift))
    deviation = np.sqrt(np.square(residual).sum(0) / max(len(series) - drift - 1, 1))
    return np.divide(series.mean(0), deviation, out=np.zeros(series.shape[1:]), where=deviation > 0)


def t_statistic(series: np.ndarray, design: np.ndarray, contrast: np.ndarray) -> np.ndarray:
    """t of c^T b for a series [frames, ...], a design X [frames, regressors] and c [regressors]; 0 without residual."""
    flat = series.reshape(len(series), -1)
    inverse = np.linalg.pinv(design)
    effect = contrast @ inverse @ flat
    freedom = len(series) - np.linalg.matrix_rank(design)
    variance = np.square(flat - design @ (inverse @ flat)).sum(0) / freedom * np.square(contrast @ inverse).sum()
    return np.divide(effect, np.sqrt(variance), out=np.zeros_like(effect), where=variance > 0).reshape(series.shape[1:])


def retinotopy(series: np.ndarray, cycles: float, *, drift: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """(phase, coherence) of a series [frames, ...] at `cycles` a run: the phase (rad) of cos(2 pi f_0 t - phase)."""
    turn = 2 * np.pi * cycles / len(series) * np.arange(len(series))
    wave, slow = np.column_stack([np.cos(turn), np.sin(turn)]), polynomials(len(series), drift)
    detrended, residual = without(series, slow), without(series, np.column_stack([wave, slow]))
    power, left = np.square(detrended).sum(0), np.square(residual).sum(0)
    explained = np.divide(power - left, power, out=np.zeros(series.shape[1:]), where=power > 0)
    a, b = np.linalg.lstsq(without(wave, slow), detrended.reshape(len(series), -1), rcond=None)[0].reshape(2, *series.shape[1:])
    return np.arctan2(b, a), np.sqrt(np.clip(explained, 0, 1))
