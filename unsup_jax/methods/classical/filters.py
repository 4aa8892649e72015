"""Gaussian and median filters, their one parameter chosen from the noisy image itself.

A filter's width is the one that predicts held-out pixels best, which by eq. (14) ranks filters as the truth
would, up to the variance of the noise (`skimage.restoration.calibrate_denoiser`, Batson & Royer 2019).
"""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jax import Array
from scipy import ndimage
from skimage.restoration import calibrate_denoiser, denoise_nl_means, denoise_wavelet, estimate_sigma

from unsup_jax.core import Direct, Measurement
from unsup_jax.methods.classical.host import by_channel, on_host


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


@dataclass(frozen=True)
class NonLocalMeans(Direct):
    """Non-local means of patches (Buades, Coll and Morel 2005), by scikit-image."""

    reference: ClassVar[str] = "Buades 2005; skimage.restoration.denoise_nl_means"

    strength: float | None = None
    """Cut-off of patch distances in standard deviations of the noise; None chooses it by held-out pixels."""
    patch: int = 5
    """Width of the patches, pixels."""
    search: int = 6
    """Largest distance of the patches that are compared, pixels."""

    def answer(self, key: Array, one: Measurement) -> Array:
        def denoise(image, h):
            sigma = estimate_sigma(image)
            return denoise_nl_means(image, self.patch, self.search, h=h * sigma, sigma=sigma, fast_mode=True)

        return on_host(lambda y: _calibrated(denoise, y, "h", self.strength, (0.4, 0.6, 0.8, 1.0, 1.3)), one.y)


@dataclass(frozen=True)
class WaveletShrinkage(Direct):
    """BayesShrink of wavelet coefficients (Chang, Yu and Vetterli 2000), averaged over shifts, by scikit-image."""

    reference: ClassVar[str] = "Chang 2000; skimage.restoration.denoise_wavelet"

    shifts: int = 3
    """Largest shift of the cycle spinning, pixels."""

    def answer(self, key: Array, one: Measurement) -> Array:
        def channel(image):
            moves = itertools.product(range(self.shifts + 1), repeat=image.ndim)
            axes = tuple(range(image.ndim))
            return np.mean([np.roll(denoise_wavelet(np.roll(image, move, axes)), [-m for m in move], axes) for move in moves], 0)

        return on_host(lambda y: by_channel(channel, y), one.y)


def _gaussian(image, sigma):
    return ndimage.gaussian_filter(image, sigma)


def _median(image, size):
    return ndimage.median_filter(image, int(size))


def _calibrated(denoise, y: np.ndarray, name: str, value, choices) -> np.ndarray:
    """Each channel filtered with `value`, or with the choice that predicts the held-out pixels of their mean best."""
    if value is None:
        grey = y.astype(np.float64).mean(-1)
        _, (tested, losses) = calibrate_denoiser(grey, denoise, {name: list(choices)}, extra_output=True)
        value = tested[int(np.argmin(losses))][name]
    return by_channel(lambda channel: denoise(channel, value), y)
