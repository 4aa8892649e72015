"""Scalars from arrays, the masks that hold data out of an estimate, and objectives: losses of one measurement that add and scale."""

from unsup_jax.losses.consistency import Consistency, PairConsistency, SupervisedError
from unsup_jax.losses.equivariance import Equivariance, Group, MultiOperator, Reflections, Rotations, Shifts, rolled_mask, rotated
from unsup_jax.losses.evidence import free_bits, importance_bound, normal_divergence
from unsup_jax.losses.fidelity import mean_absolute_error, mean_square_error, normalized_error
from unsup_jax.losses.hold_out import (
    Kappa, beside, grid_pixels, local_mean, local_median, masked_mean, neighbour, replacement, stratified_pixels,
)
from unsup_jax.losses.j_invariance import JInvariance, j_invariant
from unsup_jax.losses.neighbours import Neighbor2Neighbor, neighbour_samplers
from unsup_jax.losses.objective import Estimator, Objective, Sum, Weighted
from unsup_jax.losses.perceptual import Perceptual
from unsup_jax.losses.recorrupted import Recorrupted
from unsup_jax.losses.risk import SURE, UNSURE, ascending, weighted_divergence
from unsup_jax.losses.simulation import Simulation
from unsup_jax.losses.spectral import SpectralError
from unsup_jax.losses.splitting import Split, restricted
from unsup_jax.losses.structural import StructuralError, ms_ssim
from unsup_jax.losses.undersampling import Undersampling
from unsup_jax.losses.withheld import HoldOut

__all__ = [
    "Consistency", "Equivariance", "Estimator", "Group", "HoldOut", "JInvariance", "Kappa", "MultiOperator", "Neighbor2Neighbor",
    "Objective", "PairConsistency", "Perceptual", "Recorrupted", "Reflections", "Rotations", "SURE", "Shifts", "Simulation",
    "SpectralError", "Split", "StructuralError", "Sum", "SupervisedError", "UNSURE", "Undersampling", "Weighted", "ascending", "beside",
    "free_bits", "grid_pixels", "importance_bound", "j_invariant", "local_mean", "local_median", "masked_mean", "mean_absolute_error",
    "mean_square_error", "ms_ssim", "neighbour", "neighbour_samplers", "normal_divergence", "normalized_error", "replacement", "restricted",
    "rolled_mask", "rotated", "stratified_pixels", "weighted_divergence",
]
