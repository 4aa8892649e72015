"""Evidence without truth: what one measurement says of an estimate that was made of it."""

from unsup_jax.trust.difference import Difference, risk_difference
from unsup_jax.trust.held_out import HeldOutRisk, held_out_risk
from unsup_jax.trust.stein import SteinRisk, stein_risk

__all__ = ["Difference", "HeldOutRisk", "SteinRisk", "held_out_risk", "risk_difference", "stein_risk"]
