"""Measurement noise: how y departs from H(x), as a sampler and as a likelihood."""

from unsup_jax.noise.anscombe import anscombe, anscombe_inverse
from unsup_jax.noise.correlation import neighbour_correlation
from unsup_jax.noise.estimate import estimate_poisson_gaussian
from unsup_jax.noise.models import Gaussian, NoiseModel, Poisson, PoissonGaussian, normal_log_density
from unsup_jax.noise.others import Bernoulli, ColouredGaussian, Gamma, GaussianMixture, Histogram, SaltAndPepper, bootstrap

__all__ = [
    "Bernoulli", "ColouredGaussian", "Gamma", "Gaussian", "GaussianMixture", "Histogram", "NoiseModel", "Poisson", "PoissonGaussian",
    "SaltAndPepper", "anscombe", "anscombe_inverse", "bootstrap", "estimate_poisson_gaussian", "neighbour_correlation", "normal_log_density",
]
