r"""Pseudo-inverse guided diffusion (Song, Vahdat, Mardani and Kautz, ICLR 2023).

p(x_0 | x) is taken for a Gaussian of the mean x^ = D(x; sigma) and of one variance r^2 in all directions, that of white images:

    x' = x^ + sigma^2 J^T H* (r^2 H H* + sigma_y^2)^{-1} (y - H x^),        r^2 = sigma^2 d^2 / (sigma^2 + d^2),    J = dD/dx
       = x^ + (sigma / r)^2 J^T (H*H + sigma_y^2 / r^2)^{-1} H* (y - H x^)
"""

from dataclasses import dataclass

from jax import Array

from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.sampler import Sampler, ancestral


@dataclass(frozen=True)
class PiGDM(Sampler):
    """Pseudo-inverse guided diffusion, of any linear operator."""

    iterations: int = 5
    """Conjugate gradients a level, where H has no closed form."""

    def step(self, key: Array, D: Denoiser, seen: Observed, x: Array, sigma: Array, s: Array) -> Array:
        x_hat, JT = D.transposed(x, sigma)
        r2 = sigma**2 * D.deviation**2 / (sigma**2 + D.deviation**2)
        u = seen.H.inverse(seen.back_projected(x_hat), seen.variance / r2, iterations=self.iterations)
        return ancestral(key, x, x_hat + sigma**2 / r2 * JT(u), sigma, s)
