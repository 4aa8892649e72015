r"""Resolution where no truth is known: what the estimates from two acquisitions of each specimen have in common.

    FRC(x^(y_1), x^(y_2)) >= 1/7

The noise of y_1 and y_2 has nothing in common, so that what correlates is the specimen's, or the method's: what a network makes of
everything that it is shown correlates as well. The control is a part of the specimen where nothing is: there nothing may correlate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.evaluate.base import Analysis
from unsup_jax.evaluate.resolution import Correlation, fourier_ring_correlation
from unsup_jax.lazy import Lazy

figures = Lazy("unsup_jax.evaluate.figures")


@dataclass(frozen=True)
class Acquisitions(Analysis):
    """FRC between the estimates of y and of its pair, as columns: its resolution by 1/7, and its mean over all rings of an empty part.

    The empty part is the square (cube) of least light in both acquisitions together; averages are over the specimens. Raises `InputError` on
    measurements without a pair, and on a width that none of them has.
    """

    empty: int = 16
    """Pixels of x along a side of the empty part."""

    def measurements(self, test: Sequence[Measurement]) -> list[Measurement]:
        if any(one.pair is None for one in test):
            raise InputError("two acquisitions of each specimen are compared; give the other one by --data.pair, or --data.frames halves")
        if self.empty < 4 or any(self.empty > min(one.operator.domain(one.y).shape[:-1]) for one in test):
            raise InputError(f"an empty part of {self.empty} pixels; accepted are 4 or more, as many as the images have at most")
        return [shown for one in test for shown in (one, one.exchanged())]

    def scores(
        self, estimates: Sequence[np.ndarray], test: Sequence[Measurement], reference: Sequence[np.ndarray],
    ) -> dict[str, float]:
        curve = _mean_curve(zip(estimates[::2], estimates[1::2]))
        parts = [_emptiest(one.y + one.pair, x.shape, self.empty) for one, x in zip(test[::2], estimates[::2])]
        control = _mean_curve((a[part], b[part]) for a, b, part in zip(estimates[::2], estimates[1::2], parts))
        weight = control.samples[1:]
        nothing = float(np.sum(weight * control.correlation[1:]) / np.sum(weight))
        return {"FRC 1/7 of two acquisitions (px)": curve.resolution("1/7"), "correlation where nothing is": nothing}

    def figures(self, directory: Path, estimates: dict[str, list[np.ndarray]]) -> dict[str, Path]:
        curves = {label: _mean_curve(zip(each[::2], each[1::2])) for label, each in estimates.items() if label != "truth"}
        figures.shell_correlations(directory / "acquisitions.png", curves, 1 / 7)
        return {"Fourier ring correlation of the estimates from two acquisitions, the mean over specimens": directory / "acquisitions.png"}


def _mean_curve(pairs) -> Correlation:
    """The mean of the curves of pairs of images of one shape; of others that of the first pair alone."""
    curves = [fourier_ring_correlation(a, b) for a, b in pairs]
    alike = [curve for curve in curves if curve.correlation.shape == curves[0].correlation.shape]
    return replace(curves[0], correlation=np.mean([curve.correlation for curve in alike], 0))


def _emptiest(y, shape, width):
    """The window of `width` pixels along each axis of an image of `shape` [*S, C] in which y, on as many pixels or fewer, has least light."""
    light, fewer = np.asarray(y, np.float64).sum(-1), [n // m for n, m in zip(shape, y.shape[:-1])]
    widths = [max(1, width // times) for times in fewer]
    windows = np.lib.stride_tricks.sliding_window_view(light, widths).sum(tuple(range(light.ndim, 2 * light.ndim)))
    corner = np.unravel_index(windows.argmin(), windows.shape)
    return tuple(slice(at * times, (at + n) * times) for at, times, n in zip(corner, fewer, widths))
