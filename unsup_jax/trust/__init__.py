"""Evidence without truth: what one measurement says of an estimate that was made of it."""

from unsup_jax.trust.consistency import ByFrequency, by_frequency
from unsup_jax.trust.difference import Difference, risk_difference
from unsup_jax.trust.drift import Drift, drift
from unsup_jax.trust.finding import Finding, Light
from unsup_jax.trust.fixed_pattern import fixed_pattern
from unsup_jax.trust.halves import split_halves
from unsup_jax.trust.held_out import HeldOutRisk, held_out_risk
from unsup_jax.trust.hot_pixels import hot_pixels
from unsup_jax.trust.renoising import Renoised, renoised
from unsup_jax.trust.residual import ChiSquare, Residual, chi_square, chi_square_by_level, chi_square_by_region, residual
from unsup_jax.trust.saturation import saturated
from unsup_jax.trust.stein import SteinRisk, stein_risk
from unsup_jax.trust.whiteness import Whiteness, autocorrelation, whiteness

__all__ = [
    "ByFrequency", "ChiSquare", "Difference", "Drift", "Finding", "HeldOutRisk", "Light", "Renoised", "Residual", "SteinRisk", "Whiteness",
    "autocorrelation", "by_frequency", "chi_square", "chi_square_by_level", "chi_square_by_region", "drift", "fixed_pattern", "held_out_risk",
    "hot_pixels", "renoised", "residual", "risk_difference", "saturated", "split_halves", "stein_risk", "whiteness",
]
