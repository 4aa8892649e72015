"""Scores of an estimate against its truth; PSNR, SSIM and NMSE are those of scikit-image.

All are computed in double precision, whatever type the images have. The data range is that of the truth,
max - min, unless it is given. Of complex images, PSNR and SSIM are those of the moduli, NMSE that of the values; but a real truth
of a complex estimate is a modulus.
"""

import numpy as np

from unsup_jax.evaluate.resolution import fourier_ring_correlation
from unsup_jax.lazy import Lazy

metrics = Lazy("skimage.metrics")


def data_range(truth: np.ndarray) -> float:
    """max - min of the truth; 1 for a constant, such as the modulus of a pure phase object, which rounding spreads by 1e-7."""
    truth = _real(truth)
    spread = float(np.ptp(truth))
    return spread if spread > 1e-6 * np.abs(truth).max() else 1.0


def psnr(estimate: np.ndarray, truth: np.ndarray, range: float | None = None) -> float:
    """10 log10(range^2 / MSE), dB; infinite for equal images."""
    estimate, truth = _real(estimate), _real(truth)
    if metrics.mean_squared_error(truth, estimate) == 0:
        return float("inf")
    return float(metrics.peak_signal_noise_ratio(truth, estimate, data_range=range or data_range(truth)))


def psnr_affine(estimate: np.ndarray, truth: np.ndarray, range: float | None = None) -> float:
    """PSNR of a * estimate + b with the a and b of least squares, for images of unknown scale and offset, dB."""
    estimate, truth = _real(estimate), _real(truth)
    centred = estimate - estimate.mean()
    energy = float(np.sum(centred**2))
    gain = float(np.sum(centred * (truth - truth.mean()))) / energy if energy > 0 else 0.0
    return psnr(gain * centred + truth.mean(), truth, range)


def nmse(estimate: np.ndarray, truth: np.ndarray) -> float:
    """||estimate - truth||^2 / ||truth||^2; of a zero truth, 0 for equal images and infinite for others."""
    estimate, truth = _double(estimate) if np.iscomplexobj(truth) else _real(estimate), _double(truth)
    error, energy = float(np.sum(np.abs(estimate - truth) ** 2)), float(np.sum(np.abs(truth) ** 2))
    if energy == 0:
        return 0.0 if error == 0 else float("inf")
    return error / energy


def ssim(estimate: np.ndarray, truth: np.ndarray, range: float | None = None) -> float:
    """Mean structural similarity of [*S, C] images with the Gaussian window of Wang et al. (2004)."""
    estimate, truth = _real(estimate), _real(truth)
    small = min(truth.shape[:-1])
    window = {"gaussian_weights": True, "sigma": 1.5} if small >= 11 else {"win_size": small - 1 + small % 2}
    return float(metrics.structural_similarity(
        truth, estimate, data_range=range or data_range(truth), channel_axis=-1, use_sample_covariance=False, **window
    ))


def scores(estimate: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """PSNR, SSIM, affine-fitted PSNR, NMSE and the FRC 1/2 resolution in pixels, of one [*S, C] image."""
    curve = fourier_ring_correlation(estimate, truth)
    return {
        "psnr": psnr(estimate, truth),
        "ssim": ssim(estimate, truth),
        "psnr_affine": psnr_affine(estimate, truth),
        "nmse": nmse(estimate, truth),
        "frc": curve.resolution("1/2"),
    }


def _double(image):
    """In double precision, real or complex: integers would wrap, and half precision overflow."""
    return np.asarray(image, np.complex128 if np.iscomplexobj(image) else np.float64)


def _real(image):
    """The image, or the modulus of a complex one, in double precision."""
    image = _double(image)
    return np.abs(image) if np.iscomplexobj(image) else image
