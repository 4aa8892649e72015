r"""Data consistency at each spatial frequency: the power of the residual there, in units of the noise.

    c(k) = mean of |R|^2 over a ring of frequencies,     R the orthonormal transform of r, or r itself of a measurement that is a spectrum

1 where the residual is noise of the model; above 1 where the data have structure that the estimate lacks; below 1 where the estimate
follows the noise.
"""

from typing import NamedTuple

import numpy as np

from unsup_jax.core import Operator
from unsup_jax.trust.residual import Residual


class ByFrequency(NamedTuple):
    """c over rings."""

    frequency: np.ndarray
    """Cycles a pixel."""
    power: np.ndarray
    """NaN of a ring without samples."""
    error: np.ndarray
    """Its standard error where the residual is white."""


def by_frequency(of: Residual, H: Operator, *, rings: int = 24) -> ByFrequency:
    """c(k) of a residual."""
    single = np.complex64 if np.iscomplexobj(of.r) else np.float32
    given = H.frequencies(of.r.astype(single)) if H.linear else None
    if given is None:
        axes = of.axes[-2:]
        square = np.abs(np.fft.fftn(of.r, axes=axes, norm="ortho")) ** 2 / max(of.measured.mean(), 1e-12)
        shape = lambda axis: [-1 if a == axis else 1 for a in range(of.r.ndim)]
        radius = np.sqrt(sum(np.fft.fftfreq(of.r.shape[axis]).reshape(shape(axis)) ** 2 for axis in axes))
        inside = np.ones(of.r.shape, bool)
    else:
        square, radius, inside = np.abs(of.r) ** 2, np.sqrt(sum(np.asarray(f, np.float64) ** 2 for f in given)), of.measured
    ring = np.broadcast_to(np.minimum((radius * 2 * rings).astype(int), rings), of.r.shape)
    n = np.bincount(ring[inside], minlength=rings + 1)[:rings]
    power = np.bincount(ring[inside], square[inside], rings + 1)[:rings] / np.maximum(n, 1)
    alike = 1 if np.iscomplexobj(of.r) else 2                      # the spectrum of what is real has each value twice
    return ByFrequency((np.arange(rings) + 0.5) / (2 * rings), np.where(n > 0, power, np.nan), np.sqrt(alike / np.maximum(n, 1)))
