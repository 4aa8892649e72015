r"""The residual against the noise model: what was measured and not explained, in units of the noise that there should be.

    r = (y - H x^) / sqrt(Var[y | H x^]),          chi^2 = mean |r|^2 over a region, or over the pixels of a grey level

Of the truth chi^2 is 1, with the deviation ((2 + k) / n)^(1/2) over n pixels (1 / n of complex ones), k the excess kurtosis of the
noise, gain^3 (H x - offset) / Var^2 of a camera. An estimate keeps some of the noise, and its residual is smaller: what is expected of
it is what the same estimator leaves of measurements that were simulated from the estimate (`trust.renoising`). Above that, something is
in the data that is not in the estimate, or there is more noise than the model says; below, the estimate follows the noise, or there is less.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Operator
from unsup_jax.noise import NoiseModel
from unsup_jax.trust.stein import predicted, wide


@dataclass(frozen=True)
class Residual:
    """r, and what is needed to judge it."""

    r: np.ndarray
    """[*y.shape], zero where nothing was measured."""
    measured: np.ndarray
    """Which entries were, [*y.shape] of booleans."""
    clean: np.ndarray
    """H x^."""
    kurtosis: np.ndarray
    """k of each entry."""
    axes: tuple[int, ...]
    """The axes along which neighbours lie."""


@dataclass(frozen=True)
class ChiSquare:
    """chi^2 of several parts of a measurement."""

    value: np.ndarray
    """NaN of a part that has no pixel."""
    error: np.ndarray
    """Its standard error where the residual is noise of the model."""
    place: np.ndarray
    """The mean of |H x^| of each part."""

    def sigmas(self, expected: "ChiSquare | None" = None) -> np.ndarray:
        """How far from 1, or from what is `expected`, which is as uncertain itself, as the normal deviate of as small a chance.

        chi^2 is skewed: over 144 pixels 1.42 is not 3.6 standard errors off but 3.2, four times as likely. Of mean squares with m degrees of
        freedom the cube root is nearly normal (Wilson and Hilferty 1931), and so is what it makes of a ratio of two (Paulson 1942).
        """
        squares = lambda error: np.square(error) / 9                       # 2 / (9 m) of m = 2 / error^2
        own, its = squares(self.error), squares(0.0 if expected is None else expected.error)
        root = np.cbrt(self.value / (1.0 if expected is None else np.maximum(expected.value, 1e-12)))
        return ((1 - its) * root - (1 - own)) / np.sqrt(its * np.square(root) + own)


def residual(y: np.ndarray, estimate: np.ndarray, H: Operator, noise: NoiseModel) -> Residual:
    """r of a measurement y and an estimate x^ of x."""
    clean = predicted(H, jnp.asarray(estimate))
    there = np.broadcast_to(np.asarray(H.measured(clean)) > 0, clean.shape) if H.linear else np.ones(clean.shape, bool)
    variance = np.maximum(wide(noise.variance(clean)), 1e-300)
    deviation = np.where(variance > 1e-300, np.sqrt(variance), np.sqrt(np.median(variance)))     # no noise, no residual is expected
    r = np.where(there, (wide(y) - wide(clean)) / np.maximum(deviation, 1e-300), 0)
    kurtosis = np.zeros(clean.shape)
    if (camera := noise.camera()) is not None:
        gain, _, offset = (np.asarray(value, np.float64) for value in camera)
        kurtosis = np.minimum(np.broadcast_to(gain**3 * np.maximum(wide(clean).real - offset, 0) / variance**2, clean.shape), 100.0)
    axes = H.sample_axes(clean) if H.linear else tuple(range(clean.ndim - 1))
    return Residual(r, there, wide(clean), kurtosis, axes)


def chi_square(of: Residual) -> ChiSquare:
    """That of all the measurement, [1]."""
    return _grouped(of, np.zeros(of.r.shape, int), 1)


def chi_square_by_region(of: Residual, parts: int = 8) -> ChiSquare:
    """Of `parts` by `parts` regions of the last two axes along which neighbours lie, [parts, parts]."""
    group = np.zeros(of.r.shape, int)
    for axis in of.axes[-2:]:
        n = of.r.shape[axis]
        shape = [-1 if a == axis else 1 for a in range(of.r.ndim)]
        group = group * parts + (np.arange(n) * parts // n).reshape(shape)
    found = _grouped(of, group, parts ** min(2, len(of.axes)))
    square = lambda values: values.reshape((parts,) * min(2, len(of.axes)))
    return ChiSquare(square(found.value), square(found.error), square(found.place))


def chi_square_by_level(of: Residual, levels: int = 8) -> ChiSquare:
    """Of as many ranges of |H x^|, each of as many pixels, from dark to bright [levels]."""
    modulus = np.abs(of.clean)
    edges = np.quantile(modulus[of.measured], np.linspace(0, 1, levels + 1)[1:-1])
    return _grouped(of, np.searchsorted(edges, modulus), levels)


def _grouped(of, group, count):
    inside = of.measured
    total = lambda values: np.bincount(group[inside], values[inside], count)
    n = np.bincount(group[inside], minlength=count)
    some = np.maximum(n, 1)
    own = 1.0 if np.iscomplexobj(of.r) else 2.0
    value = np.where(n > 0, total(np.abs(of.r) ** 2) / some, np.nan)
    return ChiSquare(value, np.sqrt((own + total(of.kurtosis) / some) / some), total(np.abs(of.clean)) / some)
