"""Filters of images, their one parameter chosen from the noisy image itself.

A filter's width is the one that predicts held-out pixels best, which by eq. (14) ranks filters as the truth
would, up to the variance of the noise (`skimage.restoration.calibrate_denoiser`, Batson & Royer 2019). Non-local means, which
compares the very pixels that would be held out, takes the strength of least risk,

    |f(z) - z|^2 - 1 + (2 / tau) b (f(z + tau b) - f(z))     in the mean over pixels, b of random signs,

Stein's unbiased estimate for noise of unit deviation (Van De Ville & Kocher, IEEE Signal Process. Lett. 16, 973 (2009)).

Non-local means and wavelet shrinkage take white noise of one deviation. A camera's grows with the signal, so that the deviation of
a dark background would leave what is bright as it is: they filter each channel after the generalised Anscombe transform of its own
noise, known or estimated, and where that does not grow with the signal, the channel as it is. Of complex images, whose noise is
white, real and imaginary parts are filtered by the same rule, as channels.

PSNR in dB (`benchmarks real --only fluorescence`), means over the first image of each class of the Fluorescence Microscopy Data
set (Zhang et al., CVPR 2019), the middle 256 x 256 pixels, one exposure against the mean of fifty, everything chosen from the one
exposure but the width of the best Gaussian, one of nine by the truth:

                    noisy   best Gaussian   Gaussian   non-local means   wavelets   Wiener   BM3D
    confocal (5)    26.30       31.91         31.50         31.40          31.47     31.71   32.55
    two-photon (4)  21.34       28.46         28.42         28.65          28.73     28.14   29.14
    wide-field (3)  17.74       27.40         19.13         24.77          23.72     21.68   22.35

Neighbouring pixels of the wide-field images share their noise, which none of these filters knows.
"""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from unsup_jax.core import Direct, Measurement
from unsup_jax.lazy import Lazy
from unsup_jax.methods.classical.camera import channel_cameras
from unsup_jax.methods.classical.callback import by_channel, on_host
from unsup_jax.noise import anscombe, anscombe_inverse

ndimage, restoration = Lazy("scipy.ndimage"), Lazy("skimage.restoration")

_TAU = 0.1  # step of the divergence's difference, in deviations of the noise


@dataclass(frozen=True)
class GaussianFilter(Direct):
    """Convolution with a Gaussian."""

    reference: ClassVar[str] = "scipy.ndimage.gaussian_filter"

    sigma: float | None = None
    """Standard deviation, pixels; None chooses it by held-out pixels."""

    @property
    def independent_noise(self) -> bool:
        return self.sigma is None

    def answer(self, key: Array, one: Measurement) -> Array:
        return _by_parts(lambda y: _calibrated(_gaussian, y, "sigma", self.sigma, (0.5, 0.75, 1, 1.5, 2, 3, 4)), one.y)


@dataclass(frozen=True)
class MedianFilter(Direct):
    """Median of a square (or cubic) window."""

    reference: ClassVar[str] = "scipy.ndimage.median_filter"

    size: int | None = None
    """Window width, pixels; None chooses it by held-out pixels."""

    @property
    def independent_noise(self) -> bool:
        return self.size is None

    def answer(self, key: Array, one: Measurement) -> Array:
        return _by_parts(lambda y: _calibrated(_median, y, "size", self.size, (3, 5, 7, 9)), one.y)


@dataclass(frozen=True)
class NonLocalMeans(Direct):
    """Non-local means of patches (Buades, Coll and Morel 2005), by scikit-image."""

    reference: ClassVar[str] = "Buades 2005; skimage.restoration.denoise_nl_means"

    strength: float | None = None
    """Cut-off of patch distances in standard deviations of the noise; None chooses it by its risk."""
    patch: int = 5
    """Width of the patches, pixels."""
    search: int = 6
    """Largest distance of the patches that are compared, pixels."""

    @property
    def independent_noise(self) -> bool:
        return True

    def answer(self, key: Array, one: Measurement) -> Array:
        def denoise(y, h):
            return by_channel(lambda image: restoration.denoise_nl_means(image, self.patch, self.search, h=h, sigma=1.0, fast_mode=True), y)

        if self.strength is not None:
            return _white(lambda y: denoise(y, self.strength), one)
        return _white(lambda y: _of_least_risk(denoise, y, (0.4, 0.6, 0.8, 1.0, 1.3)), one)


@dataclass(frozen=True)
class WaveletShrinkage(Direct):
    """BayesShrink of wavelet coefficients (Chang, Yu and Vetterli 2000), averaged over shifts, by scikit-image."""

    reference: ClassVar[str] = "Chang 2000; skimage.restoration.denoise_wavelet"

    shifts: int = 3
    """Largest shift of the cycle spinning, pixels."""

    @property
    def independent_noise(self) -> bool:
        return True

    def answer(self, key: Array, one: Measurement) -> Array:
        def channel(image):
            moves = itertools.product(range(self.shifts + 1), repeat=image.ndim)
            axes = tuple(range(image.ndim))
            shrunk = lambda move: restoration.denoise_wavelet(np.roll(image, move, axes), sigma=1.0)
            return np.mean([np.roll(shrunk(move), [-m for m in move], axes) for move in moves], 0)

        return _white(lambda y: by_channel(channel, y), one)


def _gaussian(image, sigma):
    return ndimage.gaussian_filter(image, sigma)


def _median(image, size):
    return ndimage.median_filter(image, int(size))


def _calibrated(denoise, y: np.ndarray, name: str, value, choices) -> np.ndarray:
    """Each channel filtered with `value`, or with the choice that predicts the held-out pixels of their mean best."""
    if value is None:
        grey = y.astype(np.float64).mean(-1) * np.sqrt(y.shape[-1])   # the noise of a channel
        _, (tested, losses) = restoration.calibrate_denoiser(grey, denoise, {name: list(choices)}, extra_output=True)
        value = tested[int(np.argmin(losses))][name]
    return by_channel(lambda channel: denoise(channel, value), y)


def _of_least_risk(denoise, y: np.ndarray, choices) -> np.ndarray:
    """`denoise(y, choice)` for the choice of least risk, by Stein's estimate for noise of unit deviation."""
    signs = _TAU * np.random.default_rng(0).choice([-1.0, 1.0], y.shape)

    def tried(choice):
        x = denoise(y, choice)
        return np.mean(np.square(x - y)) + 2 / _TAU**2 * np.mean(signs * (denoise(y + signs, choice) - x)), x

    return min((tried(choice) for choice in choices), key=lambda risk_and_x: risk_and_x[0])[1]


def _white(function, one: Measurement) -> Array:
    """`function` of the channels in which a measurement's noise is white and of unit deviation; those without noise stay."""
    cameras = channel_cameras(one)
    return _by_parts(lambda y, *cameras: _stabilized(function, y, np.stack(cameras, -1)), one.y, *cameras)


def _stabilized(function, y: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    """`function` between the transform of each channel, by its row (gain, sigma, offset), and the inverse."""
    y, cameras = y.astype(np.float64), cameras.astype(np.float64)
    noisy = np.flatnonzero((cameras[:, :2] > 0).any(1))
    if not len(noisy):
        return y

    def there(c):
        gain, sigma, offset = cameras[c]
        return anscombe(y[..., c] - offset, gain, sigma) if gain > 0 else y[..., c] / sigma

    def back(c, filtered):
        gain, sigma, offset = cameras[c]
        return anscombe_inverse(filtered, gain, sigma) + offset if gain > 0 else filtered * sigma

    result, filtered = y.copy(), function(np.stack([there(c) for c in noisy], -1))
    for i, c in enumerate(noisy):
        result[..., c] = back(c, filtered[..., i])
    return result


def _by_parts(function, y: Array, *others: Array) -> Array:
    """`function` on the host of an image [*S, C]; of a complex one, of its real and imaginary parts as channels [*S, 2 C]."""
    if not jnp.iscomplexobj(y):
        return on_host(function, y, *others)
    return lax.complex(*jnp.split(on_host(function, jnp.concatenate([y.real, y.imag], -1), *others), 2, -1))
