"""Scores, resolution, tables, figures and the report of a run."""

from unsup_jax.evaluate.base import Analysis
from unsup_jax.evaluate.distributions import Distributions, gaussian_like, kernel_mmd, sliced_wasserstein, spectrum_error
from unsup_jax.evaluate.fmri import Functional, retinotopy, t_statistic, temporal_snr
from unsup_jax.evaluate.metrics import nmse, psnr, psnr_affine, scores, ssim
from unsup_jax.evaluate.resolution import Correlation, fourier_ring_correlation, fourier_shell_correlation
from unsup_jax.evaluate.spectrum import Spectrum
from unsup_jax.evaluate.uncertainty import calibration, coverage

__all__ = [
    "Analysis", "Correlation", "Distributions", "Functional", "Spectrum", "calibration", "coverage",
    "fourier_ring_correlation", "fourier_shell_correlation", "gaussian_like", "kernel_mmd", "nmse", "psnr", "psnr_affine", "retinotopy", "scores",
    "sliced_wasserstein", "spectrum_error", "ssim", "t_statistic", "temporal_snr",
]
