"""Scalars from arrays, and the masks that hold data out of an estimate."""

from unsup_jax.losses.evidence import free_bits, importance_bound, normal_divergence
from unsup_jax.losses.fidelity import mean_absolute_error, mean_square_error, normalized_error
from unsup_jax.losses.hold_out import (
    Kappa, beside, grid_pixels, local_mean, local_median, masked_mean, neighbour, replacement, stratified_pixels,
)
from unsup_jax.losses.splitting import Split, restricted

__all__ = [
    "Kappa", "Split", "beside", "free_bits", "grid_pixels", "importance_bound", "local_mean", "local_median", "masked_mean",
    "mean_absolute_error", "mean_square_error", "neighbour", "normal_divergence", "normalized_error", "replacement",
    "restricted", "stratified_pixels",
]
