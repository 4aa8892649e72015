"""Scores, resolution, tables, figures and the report of a run."""

from unsup_jax.evaluate.base import Analysis
from unsup_jax.evaluate.fmri import Functional, retinotopy, t_statistic, temporal_snr
from unsup_jax.evaluate.metrics import nmse, psnr, psnr_affine, scores, ssim
from unsup_jax.evaluate.resolution import Correlation, fourier_ring_correlation, fourier_shell_correlation
from unsup_jax.evaluate.uncertainty import calibration, coverage

__all__ = [
    "Analysis", "Correlation", "calibration", "coverage", "Functional", "fourier_ring_correlation", "fourier_shell_correlation", "nmse", "psnr", "psnr_affine",
    "retinotopy", "scores", "ssim", "t_statistic", "temporal_snr",
]
