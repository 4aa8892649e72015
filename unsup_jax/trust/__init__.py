"""Evidence without truth: what one measurement says of an estimate that was made of it.

    report = unsup_jax.trust(y, estimate, H=H, noise=noise, estimator=f)       the package, called, is `report.trust`
    print(report.summary())

Each file is one statistic, of (y, estimate, H, noise), a key where it draws, and the estimator where it asks for further estimates:

    how far from the truth        stein, held_out; difference, of two methods
    is the residual noise         residual, whiteness, consistency
    does it come back             renoising, halves
    is the input sound            hot_pixels, saturation, fixed_pattern, drift; all of them in inputs
    what that means               judgement, finding; report, figure, page
"""

import sys
from types import ModuleType

from unsup_jax.trust.consistency import ByFrequency, by_frequency
from unsup_jax.trust.difference import Difference, risk_difference
from unsup_jax.trust.drift import Drift, drift
from unsup_jax.trust.error_bars import ErrorBars, error_bars
from unsup_jax.trust.finding import Finding, Light
from unsup_jax.trust.fixed_pattern import fixed_pattern
from unsup_jax.trust.halves import split_halves
from unsup_jax.trust.held_out import HeldOutRisk, held_out_pixels, held_out_risk
from unsup_jax.trust.hot_pixels import hot_pixels
from unsup_jax.trust.renoising import Renoised, renoised
from unsup_jax.trust.report import Trust, examine
from unsup_jax.trust.residual import ChiSquare, Residual, chi_square, chi_square_by_level, chi_square_by_region, residual
from unsup_jax.trust.saturation import saturated
from unsup_jax.trust.stein import SteinRisk, stein_risk
from unsup_jax.trust.whiteness import Whiteness, autocorrelation, whiteness

__all__ = [
    "ByFrequency", "ChiSquare", "Difference", "Drift", "ErrorBars", "Finding", "HeldOutRisk", "Light", "Renoised", "Residual",
    "SteinRisk", "Trust", "Whiteness", "autocorrelation", "by_frequency", "chi_square", "chi_square_by_level", "chi_square_by_region",
    "drift", "error_bars", "examine", "fixed_pattern", "held_out_pixels", "held_out_risk", "hot_pixels", "renoised", "residual",
    "risk_difference", "saturated", "split_halves", "stein_risk", "whiteness",
]


class _Called(ModuleType):
    """The package as the function that its name promises."""

    def __call__(self, *arguments, **options) -> Trust:
        return sys.modules["unsup_jax.trust.report"].trust(*arguments, **options)


sys.modules[__name__].__class__ = _Called
