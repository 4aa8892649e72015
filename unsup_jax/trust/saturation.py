r"""Saturation: grey levels cut at the ends of their range, where many pixels share the last value.

Towards the end of its range a histogram falls: of the n pixels that have the last or the last but one value, at most half have the
last one, but for chance, and as many as m of them with P(Bin(n, 1/2) >= m). Values that are a continuum are never shared.
"""

import numpy as np

from unsup_jax.lazy import Lazy

stats = Lazy("scipy.stats")


def saturated(y: np.ndarray, *, end: int = 1) -> tuple[float, float]:
    """(the part of the pixels at the greatest value, p), of an image [*S, C] with a finite set of values; with `end` -1, at the least.

    At the least value, counts of few photons are many without a cut: the test is for images whose noise reaches below its mean there.
    """
    values, counts = np.unique(np.asarray(y), return_counts=True)
    if len(values) < 3:
        return 0.0, 1.0
    last, before = (-1, -2) if end == 1 else (0, 1)
    steps = np.diff(values)
    beside = counts[before] if np.isclose(abs(values[last] - values[before]), steps.min(), rtol=0.5) else 0     # else nobody has the value before
    p = stats.binom.sf(counts[last] - 1, counts[last] + beside, 0.5)
    return float(counts[last] / y.size), float(p)
