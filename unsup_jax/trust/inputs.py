r"""Faults of an input that no estimator is told of: correlated noise, hot pixels, saturation, fixed pattern, drift.

Each is a test. A faultless input sets off one of the k tests that are made of it at a rate of `LEVEL` at most: each has the level
LEVEL / k (Bonferroni). What is significant and too small to matter is not told.
"""

from collections.abc import Iterator

import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.noise.correlation import CORRELATED, correlation_warning, middle, neighbour_correlation
from unsup_jax.trust.drift import drift
from unsup_jax.trust.finding import Finding
from unsup_jax.trust.fixed_pattern import fixed_pattern
from unsup_jax.trust.hot_pixels import hot_pixels
from unsup_jax.trust.saturation import saturated

LEVEL = 0.01
"""The rate at which a faultless input is given a warning."""
_TESTS = 6
_LARGEST = 1024          # pixels each way that are looked at


def input_findings(one: Measurement, pages: np.ndarray | None = None) -> list[Finding]:
    """The findings of a measurement that is an image, and of the `pages` [N, *S, C] of one scene that it is one of; none of other data."""
    y = np.asarray(one.y)
    if np.iscomplexobj(y) or y.ndim < 3 or not (one.operator.identity or one.operator.stationary):
        return []
    found = list(_faults(_part(y), one.noise, pages))
    return found or [Finding("input", "green", "No hot pixels, saturation, fixed pattern or correlated noise were found in the input.")]


def _faults(y, noise, pages) -> Iterator[Finding]:
    level = LEVEL / (_TESTS if pages is not None else _TESTS - 1)
    if words := correlation_warning(y):
        light = "red" if np.nanmax(neighbour_correlation(y)) > 1.5 * CORRELATED else "amber"
        yield Finding("correlated noise", light, f"{words[0].upper()}{words[1:]}. Risks take it for independent and flatter the estimate.")
    camera = None if noise is None else noise.camera()
    if camera is not None:
        where, p = hot_pixels(y, tuple(float(np.mean(value)) for value in camera), level=level)
        if where.any():
            place = ", ".join(str(int(i)) for i in np.argwhere(where)[0][:-1])
            stand = "pixels stand" if where.sum() > 1 else "pixel stands"
            yield Finding("hot pixels", "amber", f"{where.sum()} {stand} far above all neighbours, the first at ({place}): replace them, or what "
                          "blurs or repeats points will show them as structure.", p)
    part, p = saturated(y)
    if p < level and part > 1e-4:
        yield Finding("saturation", "red" if part > 0.01 else "amber", f"{part:.2%} of the pixels have the greatest value, at which grey levels "
                      "are cut: what is brighter is lost, and no estimate brings it back.", p)
    for axis, lines in ((-1, "rows"), (-2, "columns")):
        offsets, p = fixed_pattern(y, axis)
        if p < level and offsets > 0.03:
            yield Finding("fixed pattern", "red" if offsets > 0.3 else "amber", f"The {lines} have offsets of their own, {offsets:.2f} of the noise "
                          "of a pixel: a detector's pattern, or structure along them; methods for independent noise keep it.", p)
    moved = None if pages is None else drift(np.stack([_part(np.asarray(page)) for page in pages]))
    if moved is not None and moved.p < level and (np.abs(moved.shift).max() > 0.2 or abs(moved.brightness) > 0.02):
        shift = " and ".join(f"{by:+.2f} pixels along {axis}" for by, axis in zip(moved.shift, "ZYX"[-len(moved.shift):]))
        yield Finding("drift", "amber", f"From the first page to the last, brightness changes by {moved.brightness:+.1%} and the scene moves by "
                      f"{shift}: pages are no repeats of one another.", moved.p)


def _part(y):
    """The middle of a large image."""
    return y[tuple(middle(n, _LARGEST) for n in y.shape[:-1])]
