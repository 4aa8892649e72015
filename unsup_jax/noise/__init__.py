"""Measurement noise: how y departs from H(x), as a sampler and as a likelihood."""

from unsup_jax.noise.estimate import estimate_poisson_gaussian
from unsup_jax.noise.models import Gaussian, NoiseModel, Poisson, PoissonGaussian

__all__ = ["Gaussian", "NoiseModel", "Poisson", "PoissonGaussian", "estimate_poisson_gaussian"]
