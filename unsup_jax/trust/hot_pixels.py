r"""Hot pixels: single pixels far above all their neighbours, which no optics that spreads a point over pixels makes.

    t_i = (y_i - max of the neighbours of y_i) / (1 + 1/k)^(1/2)          y in units of its noise, k neighbours one step away

Where the signal does not rise by more than noise from the highest neighbour to the pixel, t_i is at most what noise makes of y_i less
the mean of the neighbours, a normal number, and P(t_i > t) at most that of the normal law: a test that structure does not set off, at
a rate far below its level. Where noise and texture together deviate from the mean of the neighbours more than the noise is said to, it
is their (median) deviation that counts. Of n pixels, each is tested at level / n. A camera's noise is made of one deviation by the generalised
Anscombe transform, which shortens the tail of counts above their mean.
"""

import numpy as np

from unsup_jax.lazy import Lazy
from unsup_jax.noise import anscombe

ndimage, stats = Lazy("scipy.ndimage"), Lazy("scipy.stats")


def hot_pixels(y: np.ndarray, camera: tuple[float, float, float], *, level: float = 0.01) -> tuple[np.ndarray, float]:
    """(where [*S, C] pixels are hot, the p-value of the hottest one) of an image whose noise has (gain, sigma, offset).

    Of an image without noise nothing is said, p is 1.
    """
    gain, sigma, offset = camera
    y = np.asarray(y, np.float64)
    if not (gain > 0 or sigma > 0):
        return np.zeros(y.shape, bool), 1.0
    white = np.asarray(anscombe(y - offset, gain, sigma), np.float64) if gain > 0 else y / sigma
    around = np.ones((3,) * (y.ndim - 1) + (1,), bool)
    around[(1,) * (y.ndim - 1)] = False
    highest = ndimage.maximum_filter(white, footprint=around, mode="mirror")
    apart = (white - ndimage.convolve(white, around / around.sum(), mode="mirror")) / np.sqrt(1 + 1 / around.sum())
    unit = max(1.0, 1.4826 * float(np.median(np.abs(apart))))
    each = stats.norm.sf((white - highest) / np.sqrt(1 + 1 / around.sum()) / unit) * y.size
    return each < level, float(min(each.min(), 1.0))
