"""Scalars from arrays, and the masks that hold data out of an estimate."""

from unsup_jax.losses.fidelity import mean_absolute_error, mean_square_error
from unsup_jax.losses.hold_out import local_mean, neighbour, stratified_pixels

__all__ = ["local_mean", "mean_absolute_error", "mean_square_error", "neighbour", "stratified_pixels"]
