"""Methods, one a file, named as their papers name them."""

from unsup_jax.methods.classical.bm3d import BM3D
from unsup_jax.methods.classical.filters import GaussianFilter, MedianFilter
from unsup_jax.methods.classical.wiener import Wiener
from unsup_jax.methods.self_supervised.noise2noise import Noise2Noise
from unsup_jax.methods.self_supervised.noise2void import Noise2Void
from unsup_jax.methods.supervised import Supervised

__all__ = ["BM3D", "GaussianFilter", "MedianFilter", "Noise2Noise", "Noise2Void", "Supervised", "Wiener"]
