r"""Moment matching posterior sampling (Rozet, Andry, Lanusse and Louppe, NeurIPS 2024).

p(x_0 | x) is taken for a Gaussian of the mean x^ = D(x; sigma) and of the covariance that Tweedie's second formula gives, sigma^2 J:

    x' = x^ + sigma^2 J^T H* (sigma^2 H J^T H* + sigma_y^2)^{-1} (y - H x^),        J = dD/dx

by a few conjugate gradients. For Gaussian images and enough of them the draws are those of p(x | y). The J of a network is neither
symmetric nor positive: a step of non-positive curvature is not taken, and on masks one step does better than three.
"""

from dataclasses import dataclass

from jax import Array

from unsup_jax.core.linear import conjugate_gradient
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.sampler import Sampler, ancestral


@dataclass(frozen=True)
class MMPS(Sampler):
    """Moment matching posterior sampling, of any linear operator."""

    iterations: int = 1
    """Conjugate gradients a level: 1 for masks, 3 for k-space."""

    def step(self, key: Array, D: Denoiser, seen: Observed, x: Array, sigma: Array, s: Array) -> Array:
        H = seen.H
        x_hat, JT = D.transposed(x, sigma)
        covariance = lambda u: sigma**2 * H(JT(H.adjoint(u))) + seen.variance * u
        u = conjugate_gradient(covariance, seen.residual(x_hat), iterations=self.iterations)
        return ancestral(key, x, x_hat + sigma**2 * JT(H.adjoint(u)), sigma, s)
