"""What the statistics of an estimate mean, in plain words and three lights.

A statistic is told as a fault where chance does not explain it (p < 0.01, of all that were looked at together) and where it is large
enough to matter, by the limits below: of a large image everything is significant. Of 300 simulated measurements of 96^2 pixels, shown with
their truth for an estimate, 13 had a light that was not green (regions 4, scales 4, fixed pattern of six pages 5).
"""

import numpy as np

from unsup_jax.core import Operator
from unsup_jax.lazy import Lazy
from unsup_jax.trust.consistency import ByFrequency
from unsup_jax.trust.finding import Finding
from unsup_jax.trust.renoising import Renoised
from unsup_jax.trust.residual import ChiSquare
from unsup_jax.trust.stein import SteinRisk
from unsup_jax.trust.whiteness import Whiteness

stats = Lazy("scipy.stats")

_LEVEL = 0.01
_LARGER, _FAR_LARGER = 1.25, 2.0         # a residual against what is expected of it
_SHARED, _MUCH_SHARED = 0.05, 0.2        # correlation of neighbours in the residual
_CHANGES, _MOSTLY_CHANGES = 0.3, 0.6     # part of the structure that comes of the noise


def of_risk(risk: SteinRisk, H: Operator, correlated: bool) -> Finding:
    """How far the estimate is from the truth; of an image in noise, whether it is nearer than the measurement was."""
    noise, error = float(np.mean(risk.variance[risk.variance != 0])) if risk.variance.any() else 0.0, float(np.sqrt(max(risk.value, 0)))
    resolved = "the estimate" if H.identity else "what the data resolve of the estimate"
    what = resolved if H.linear else "what the estimate predicts of the measurement"
    words = (f"By the noise alone, {what} is {error:.3g} grey values from the truth (root mean square; Stein's risk {risk.value:.3g} ± "
             f"{risk.error:.2g}).")
    if correlated:
        return Finding("error", "amber", f"{words} This takes the noise of neighbours for independent, which it is not: the true error is larger.")
    if risk.value < -5 * risk.error:
        return Finding("error", "amber", f"{words} A mean of squares is not less than none: the noise is smaller than its model says, and the true error larger.")
    if H.linear and not H.identity:
        return Finding("error", "green", words)
    words = f"{words} The measurement is {np.sqrt(noise):.3g} from it."
    if risk.value + 2 * risk.error < noise:
        return Finding("error", "green", words)
    if risk.value - 2 * risk.error > noise:
        return Finding("error", "red", f"{words} That is nearer: structure was removed, or invented.")
    return Finding("error", "amber", f"{words} That is no sure gain over the measurement itself.")


def of_size(found: ChiSquare, expected: ChiSquare | None) -> Finding:
    """Whether the residual is as large as noise should be."""
    chi, wanted = float(found.value[0]), 1.0 if expected is None else float(expected.value[0])
    sigmas, ratio = abs(float(found.sigmas(expected)[0])), chi / max(wanted, 1e-12)
    told = f"The residual has {chi:.2f} of the variance of the noise model; {wanted:.2f} would be right"
    told += "." if expected is None else " of an estimate that keeps as much noise as this one."
    if sigmas > 3 and ratio > _LARGER:
        light = "red" if ratio > _FAR_LARGER else "amber"
        return Finding("residual", light, f"{told} Structure was smoothed away, or the noise is larger than the model says.")
    if chi < 0.2:
        return Finding("residual", "amber", f"{told} The estimate reproduces the measurement, its noise included.")
    if expected is not None and sigmas > 3 and ratio < 1 / _LARGER:
        return Finding("residual", "amber", f"{told} The noise is smaller than the model says.")
    return Finding("residual", "green", told)


def of_regions(found: ChiSquare, expected: ChiSquare | None) -> Finding | None:
    """Where in the image the residual is too large; None where nowhere."""
    wanted = np.ones_like(found.value) if expected is None else expected.value
    limit = stats.norm.isf(_LEVEL / found.value.size)
    with np.errstate(invalid="ignore"):
        high = (found.sigmas(expected) > limit) & (found.value > _LARGER * wanted)
    if not high.any():
        return None
    at = np.unravel_index(np.nanargmax(np.where(high, found.value / np.maximum(wanted, 1e-12), -1)), high.shape)
    place = ", ".join(f"{(i + 0.5) / n:.0%}" for i, n in zip(at, high.shape))
    times = found.value[at] / max(wanted[at], 1e-12)
    return Finding("regions", "red" if high.mean() > 0.25 else "amber", f"In {high.sum()} of {high.size} regions the residual is larger than noise, "
                   f"most at ({place}) of the frame, by {times:.1f} times: the estimate lacks something there.")


def of_levels(found: ChiSquare, expected: ChiSquare | None) -> Finding | None:
    """Whether the noise model fits dark and bright pixels alike; None where it does."""
    ratio = found.value / (1.0 if expected is None else np.maximum(expected.value, 1e-12))
    if np.isnan(ratio).any() or (expected is not None and (expected.value < 0.05).any()):
        return None
    spread = ratio / np.mean(ratio)
    worst = int(np.argmax(np.abs(np.log(np.maximum(spread, 1e-3)))))
    if abs(found.sigmas(expected)[worst]) < stats.norm.isf(_LEVEL / 2 / len(ratio)) or 1 / _LARGER < spread[worst] < _LARGER:
        return None
    side = "above" if spread[worst] > 1 else "below"
    return Finding("grey levels", "amber", f"Around {found.place[worst]:.3g} grey values the residual's variance is {spread[worst]:.2f} of the mean "
                   f"one, {side} what the noise model says: its gain or its read-out noise does not fit, or the estimate fails at that brightness.")


def of_whiteness(found: Whiteness, calibrated: bool) -> Finding:
    """Whether neighbours in the residual have something in common."""
    p = f"p = {found.p:.2g}"
    if not (found.p < _LEVEL and found.largest > _SHARED):
        small = f"a little more than noise, correlations up to {found.largest:.2f}, too little to matter"
        little = small if found.p < _LEVEL else "no more than noise does"
        return Finding("whiteness", "green", f"Neighbours in the residual share {little} ({p}).", found.p)
    reach = [n // 2 for n in found.excess.shape]
    at = np.unravel_index(np.argmax(found.excess), found.excess.shape)
    apart = ", ".join(str(abs(int(i) - r)) for i, r in zip(at, reach))
    beyond = "beyond what is expected of this estimator" if calibrated else "as noise does not"
    return Finding("whiteness", "red" if found.largest > _MUCH_SHARED else "amber", f"Pixels of the residual ({apart}) apart correlate by "
                   f"{found.largest:.2f} {beyond} ({p}): structure is left in it, or the noise is correlated.", found.p)


def of_frequencies(found: ByFrequency, expected: ByFrequency | None) -> Finding | None:
    """At which scales the data have more than the estimate; None where at none."""
    wanted = np.ones_like(found.power) if expected is None else np.maximum(expected.power, 1e-3)
    error = found.error * wanted * (1 if expected is None else np.sqrt(2))
    with np.errstate(invalid="ignore"):
        high = (found.power - wanted > stats.norm.isf(_LEVEL / len(wanted)) * error) & (found.power > _LARGER * wanted)
    if not high.any():
        return None
    periods = [1 / found.frequency[i] for i in (np.flatnonzero(high)[-1], np.flatnonzero(high)[0])]
    span = f"of {periods[0]:.1f} to {periods[1]:.1f} pixels" if high.sum() > 1 else f"of about {periods[0]:.1f} pixels"
    worst = np.nanmax(np.where(high, found.power / wanted, 0))
    return Finding("scales", "red" if worst > 4 else "amber", f"Structure {span} is in the data and not in the estimate: the residual has up to "
                   f"{worst:.1f} times the power that noise has there.")


def of_structure(found: Renoised, noise: float) -> Finding:
    """What part of the structure of the estimate the noise made; `noise` is the deviation of that of a pixel of x, NaN of other data."""
    change, half = float(np.sqrt(np.mean(found.change**2))), found.reproduced.resolution("1/2")
    fine = "at all scales" if half <= 2 else f"down to details of {half:.1f} pixels" if np.isfinite(half) else "at no scale"
    words = (f"Measured again with other noise, the estimate comes back {fine} and changes by {change:.3g} grey values; "
             f"{found.part:.0%} of its fine structure comes of the noise.")
    if found.part < _CHANGES or change < 0.1 * noise:
        return Finding("structure", "green", words)
    light = "red" if found.part > _MOSTLY_CHANGES else "amber"
    return Finding("structure", light, f"{words} Single fine details are not to be relied on; see the map.")
