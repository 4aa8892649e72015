"""Scores, resolution, tables, figures and the report of a run."""

from unsup_jax.evaluate.metrics import nmse, psnr, psnr_affine, scores, ssim
from unsup_jax.evaluate.resolution import Correlation, fourier_ring_correlation, fourier_shell_correlation

__all__ = [
    "Correlation", "fourier_ring_correlation", "fourier_shell_correlation", "nmse", "psnr", "psnr_affine", "scores", "ssim",
]
