"""Scores, resolution, tables, figures and the report of a run."""

from unsup_jax.evaluate.acquisitions import Acquisitions
from unsup_jax.evaluate.alignment import Alignment, align, ball_correlation, radial_average
from unsup_jax.evaluate.base import Analysis
from unsup_jax.evaluate.conformations import Conformations
from unsup_jax.evaluate.distributions import Distributions, gaussian_like, kernel_mmd, sliced_wasserstein, spectrum_error
from unsup_jax.evaluate.fmri import Functional, retinotopy, t_statistic, temporal_snr
from unsup_jax.evaluate.foreground import Foreground
from unsup_jax.evaluate.localization import Localization, Matched, match, match_all, match_tables
from unsup_jax.evaluate.metrics import nmse, psnr, psnr_affine, scores, ssim
from unsup_jax.evaluate.missing_cone import MissingCone
from unsup_jax.evaluate.phase import Phase, phase_error
from unsup_jax.evaluate.resolution import (
    Correlation, MaskedCorrelation, ball_mask, fourier_ring_correlation, fourier_shell_correlation, masked_shell_correlation,
)
from unsup_jax.evaluate.specimen import Specimen
from unsup_jax.evaluate.spectrum import Spectrum
from unsup_jax.evaluate.two_point import TwoPoint, two_point
from unsup_jax.evaluate.uncertainty import calibration, correlation, coverage

__all__ = [
    "Acquisitions", "Alignment", "Analysis", "Conformations", "Correlation", "Distributions", "Foreground", "Functional",
    "MaskedCorrelation", "MissingCone", "Phase", "Specimen", "Spectrum", "TwoPoint",
    "align", "ball_correlation", "ball_mask", "calibration", "correlation", "coverage", "fourier_ring_correlation",
    "fourier_shell_correlation", "gaussian_like", "kernel_mmd", "masked_shell_correlation", "nmse", "phase_error", "psnr", "psnr_affine",
    "radial_average", "retinotopy", "scores", "sliced_wasserstein", "spectrum_error", "ssim", "t_statistic", "temporal_snr",
    "two_point",
]
