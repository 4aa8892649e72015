"""Regularisers R(x) and their proximal maps."""

from unsup_jax.priors.base import Prior
from unsup_jax.priors.bm3d import BM3DDenoiser
from unsup_jax.priors.denoiser import RED, PlugAndPlay, TotalVariationDenoiser
from unsup_jax.priors.packaged import PackagedDenoiser
from unsup_jax.priors.pointwise import L1, Box, Entropy, NonNegative, Tikhonov, Zero
from unsup_jax.priors.total_variation import TotalVariation
from unsup_jax.priors.wavelet import Wavelet

__all__ = [
    "BM3DDenoiser", "Box", "Entropy", "L1", "NonNegative", "PackagedDenoiser", "PlugAndPlay", "Prior", "RED", "Tikhonov", "TotalVariation",
    "TotalVariationDenoiser", "Wavelet", "Zero",
]
