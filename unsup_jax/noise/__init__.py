"""Measurement noise: how y departs from H(x), as a sampler and as a likelihood."""

from unsup_jax.noise.anscombe import anscombe, anscombe_inverse
from unsup_jax.noise.background import Background
from unsup_jax.noise.base import NoiseModel, normal_log_density
from unsup_jax.noise.binary import Bernoulli
from unsup_jax.noise.bootstrap import bootstrap
from unsup_jax.noise.camera import Gaussian, Poisson, PoissonGaussian
from unsup_jax.noise.coloured import ColouredGaussian
from unsup_jax.noise.correlation import neighbour_correlation
from unsup_jax.noise.estimate import estimate_poisson_gaussian
from unsup_jax.noise.histogram import Histogram
from unsup_jax.noise.impulse import SaltAndPepper
from unsup_jax.noise.mixture import GaussianMixture
from unsup_jax.noise.speckle import Gamma

__all__ = [
    "Background", "Bernoulli", "ColouredGaussian", "Gamma", "Gaussian", "GaussianMixture", "Histogram", "NoiseModel", "Poisson", "PoissonGaussian",
    "SaltAndPepper", "anscombe", "anscombe_inverse", "bootstrap", "estimate_poisson_gaussian", "neighbour_correlation", "normal_log_density",
]
