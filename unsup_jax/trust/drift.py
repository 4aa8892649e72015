r"""Drift of a stack of pages of one scene: of its brightness, and of its place.

    p_k = m + s_k . grad m                         the shift s_k of page k against the mean m of all, by least squares
    tau = Kendall's rank correlation of s_k, or of the mean of p_k, with k

Where nothing drifts pages may be exchanged for one another, and tau has one law whatever that of a page is. The shifts are those of
fractions of a pixel; of more they are too small, and still in their order.
"""

from typing import NamedTuple

import numpy as np

from unsup_jax.lazy import Lazy

ndimage, stats = Lazy("scipy.ndimage"), Lazy("scipy.stats")

_FEWEST = 6              # pages, of which 720 orders make a p of 0.003


class Drift(NamedTuple):
    """What changes from the first page to the last, along the line that fits best."""

    brightness: float
    """As a part of the mean brightness above the least."""
    shift: np.ndarray
    """Pixels along each axis."""
    p: float
    """Of the quantity that is ordered most, times the number of quantities."""


def drift(pages: np.ndarray) -> Drift | None:
    """Of pages [N, *S, C] of one scene; None of fewer than six."""
    if len(pages) < _FEWEST:
        return None
    pages = np.asarray(pages, np.float64).mean(-1)
    mean = ndimage.gaussian_filter(pages.mean(0), 1.0)
    slopes = np.stack([g.ravel() for g in np.gradient(mean)], -1)
    apart = (pages - pages.mean(0)).reshape(len(pages), -1)
    apart = apart - apart.mean(1, keepdims=True)
    shifts = np.linalg.lstsq(slopes, apart.T, rcond=None)[0]           # [axis, page]
    brightness = pages.reshape(len(pages), -1).mean(1)
    turn = np.arange(len(pages))
    series = [brightness, *-shifts]
    change = [np.polyfit(turn, one, 1)[0] * (len(pages) - 1) for one in series]
    p = [stats.kendalltau(turn, one).pvalue for one in series]
    above = max(float(brightness.mean() - pages.min()), 1e-300)
    return Drift(float(change[0] / above), np.asarray(change[1:]), float(min(1.0, len(p) * np.nanmin([*p, 1.0]))))
