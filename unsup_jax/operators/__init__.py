"""Forward operators, one physics a file."""

from unsup_jax.operators.convolution import Convolution, gaussian_psf
from unsup_jax.operators.masking import Identity, Mask

__all__ = ["Convolution", "Identity", "Mask", "gaussian_psf"]
