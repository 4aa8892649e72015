"""Gaussian and median filters, their one parameter chosen from the noisy image itself.

A filter's width is the one that predicts held-out pixels best, which by eq. (14) ranks filters as the truth
would, up to the variance of the noise (`skimage.restoration.calibrate_denoiser`, Batson & Royer 2019).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jax import Array
from scipy import ndimage
from skimage.restoration import calibrate_denoiser

from unsup_jax.core import Direct, Measurement
from unsup_jax.methods.classical.host import on_host


@dataclass(frozen=True)
class GaussianFilter(Direct):
    """Convolution with a Gaussian."""

    reference: ClassVar[str] = "scipy.ndimage.gaussian_filter"

    sigma: float | None = None
    """Standard deviation, pixels; None chooses it by held-out pixels."""

    def answer(self, key: Array, one: Measurement) -> Array:
        return on_host(lambda y: _calibrated(_gaussian, y, "sigma", self.sigma, (0.5, 0.75, 1, 1.5, 2, 3, 4)), one.y)


@dataclass(frozen=True)
class MedianFilter(Direct):
    """Median of a square (or cubic) window."""

    reference: ClassVar[str] = "scipy.ndimage.median_filter"

    size: int | None = None
    """Window width, pixels; None chooses it by held-out pixels."""

    def answer(self, key: Array, one: Measurement) -> Array:
        return on_host(lambda y: _calibrated(_median, y, "size", self.size, (3, 5, 7, 9)), one.y)


def _gaussian(image, sigma):
    return ndimage.gaussian_filter(image, sigma)


def _median(image, size):
    return ndimage.median_filter(image, int(size))


def _calibrated(denoise, y: np.ndarray, name: str, value, choices) -> np.ndarray:
    """Each channel filtered with `value`, or with the choice that predicts the held-out pixels of their mean best."""
    channels = np.moveaxis(y.astype(np.float64), -1, 0)
    if value is None:
        _, (tested, losses) = calibrate_denoiser(channels.mean(0), denoise, {name: list(choices)}, extra_output=True)
        value = tested[int(np.argmin(losses))][name]
    return np.stack([denoise(channel, value) for channel in channels], -1)
