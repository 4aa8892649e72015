r"""Fixed pattern: offsets that whole rows, or columns, of a detector share.

    d_is = m_{i-1,s} - 2 m_is + m_{i+1,s},         m_is the mean of segment s of row i

An offset of row i is in all of its segments; noise is in each its own, and structure in those that it spans. So the correlation of d
between segments that are not neighbours, over the rows i and in the mean over such pairs, is zero but for chance, of deviation
(1.944 / rows / pairs)^(1/2), where 1.944 is the sum of the squared autocorrelations of a second difference, (1, -2/3, 1/6). Values of
d beyond three robust deviations, which edges make, are cut there.
"""

import numpy as np

from unsup_jax.lazy import Lazy

stats = Lazy("scipy.stats")

_SEGMENTS = 8
_LEAST = 16              # rows, and pixels in a row, with which the normal law holds


def fixed_pattern(y: np.ndarray, axis: int) -> tuple[float, float]:
    """(deviation of the offsets in units of that of one pixel's noise, p) of the lines along `axis` of space, -2 or -1, of y [*S, C].

    Axis -1: rows, whose offsets are shared along X. Frames too small to tell have (0, 1).
    """
    planes = np.moveaxis(np.asarray(y, np.float64), -1, 0).reshape(-1, *y.shape[-3:-1])
    planes = planes if axis == -1 else np.swapaxes(planes, 1, 2)
    count, rows, width = planes.shape
    if rows < _LEAST or width < _LEAST:
        return 0.0, 1.0
    length = width // _SEGMENTS
    means = planes[:, :, : length * _SEGMENTS].reshape(count, rows, _SEGMENTS, length).mean(-1)
    d = means[:, :-2] - 2 * means[:, 1:-1] + means[:, 2:]
    spread = 1.4826 * np.median(np.abs(d), 1, keepdims=True)
    d = np.clip(d, -3 * spread, 3 * spread)
    d = d / np.maximum(np.sqrt(np.mean(d**2, 1, keepdims=True)), 1e-300)
    correlation = np.einsum("ngs,ngt->nst", d, d) / d.shape[1]
    s, t = np.triu_indices(_SEGMENTS, 2)
    found = correlation[:, s, t].mean()
    deviation = np.sqrt((1 + 2 * (2 / 3) ** 2 + 2 * (1 / 6) ** 2) / d.shape[1] / (count * len(s)))
    part = np.clip(found, 0, 0.99)                                # of the variance of a segment's mean, in which noise has 1 / length
    return float(np.sqrt(part / (1 - part) / length)), float(stats.norm.sf(found / deviation))
