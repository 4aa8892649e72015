r"""Noise2Score (Kim and Ye, NeurIPS 2021): denoising by the score of the noisy images alone.

The score s(y) = grad log p(y) is learned by an amortised residual denoising autoencoder (AR-DAE, Lim et al. 2020),

    min_theta E || u + sigma_a s_theta(y + sigma_a u) ||^2,      u ~ N(0, 1),  sigma_a drawn anew, small to large,

whatever the noise. Where y = x + n with n of variance v, the best s_theta(z) = -c (z - x) of this loss has
c = E sigma_a^2 / E sigma_a^2 (v + sigma_a^2), for sigma_a uniform in its logarithm between a and b

    1 / c = v + (a^2 + b^2) / 2

and not v, so that the score of p(y) is s_theta (v + (a^2 + b^2) / 2) / v. Tweedie's formula makes it the posterior
mean for each model of exponential family, which knows its own (`posterior_mean`):

    Gaussian    x = y + sigma^2 s(y)
    Poisson     x = (y + gain / 2) exp(gain s(y))                     for y = gain P(x / gain)
    Gamma       x = looks y / (looks - 1 - y s(y))

The model's parameter is asked for at inference only: where it is unknown, the one whose estimate is the least
rough is taken (`blind`, by total variation, which sees 1 / c; for Gaussian noise).
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Learned, Measurement
from unsup_jax.networks import Network, UNet
from unsup_jax.noise import Gaussian
from unsup_jax.priors.total_variation import differences


@dataclass(frozen=True)
class Noise2Score(Learned):
    """Denoising of Gaussian, Poisson, Gamma and any other noise with a Tweedie formula by one network of the score.

    Raises `InputError` for a noise model that has none.
    """

    reference: ClassVar[str] = "Kim & Ye 2021"

    network: Network = UNet()
    """s_theta."""
    largest: float = 0.3
    """Largest sigma_a, in standard deviations of the images."""
    smallest: float = 0.03
    """Smallest sigma_a."""

    @property
    def independent_noise(self) -> bool:
        return True

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        if measurement.noise is not None:
            jax.eval_shape(measurement.noise.posterior_mean, measurement.y, measurement.y)

    def loss(self, key: Array, params, one: Measurement):
        level, noise = jax.random.split(key)
        low, high = jnp.log(self.smallest), jnp.log(self.largest)
        sigma_a = jnp.exp(jax.random.uniform(level, (), minval=low, maxval=high))
        u = jax.random.normal(noise, one.y.shape, one.y.dtype)
        residual = u + sigma_a * self.network.apply(params, one.y + sigma_a * u)
        return jnp.mean(jnp.square(residual)), {}

    @property
    def added(self) -> float:
        """(a^2 + b^2) / 2, what 1 / c exceeds the noise's variance by."""
        return (self.smallest**2 + self.largest**2) / 2

    def score(self, params, y: Array, variance: Array) -> Array:
        """grad log p(y), for noise of this variance."""
        variance = jnp.maximum(variance, self.smallest**2)
        return self.network.apply(params, y) * ((variance + self.added) / variance)

    def noise_level(self, params, y: Array) -> Array:
        """sigma of Gaussian noise of unknown level, in the units of y."""
        seen = blind(y, self.network.apply(params, y))
        return jnp.sqrt(jnp.maximum(jnp.square(seen) - self.added, self.smallest**2))

    @property
    def tiling(self) -> None:
        """None: a blind estimate of the noise is one for the whole image."""
        return None

    def estimate(self, key: Array, params, one: Measurement):
        noise = Gaussian(self.noise_level(params, one.y)) if one.noise is None else one.noise
        return noise.posterior_mean(one.y, self.score(params, one.y, noise.variance(one.y)))


def blind(y: Array, s: Array, *, smallest: float = 0.02, largest: float = 2.0, count: int = 60) -> Array:
    """The sigma whose Gaussian estimate y + sigma^2 s has the least total variation, in the units of y."""
    sigmas = jnp.geomspace(smallest, largest, count).astype(y.dtype)
    roughness = jax.lax.map(lambda sigma: jnp.mean(jnp.abs(differences(y + jnp.square(sigma) * s))), sigmas)
    at = jnp.clip(jnp.argmin(roughness), 1, count - 2)
    left, here, right = roughness[at - 1], roughness[at], roughness[at + 1]
    shift = 0.5 * (left - right) / jnp.maximum(left - 2 * here + right, 1e-12)   # the vertex of the parabola in log sigma
    step = jnp.log(largest / smallest) / (count - 1)
    return sigmas[at] * jnp.exp(jnp.clip(shift, -1, 1) * step)
