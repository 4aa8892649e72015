r"""Decomposed diffusion sampling (Chung, Lee and Ye, ICLR 2024).

    x' = CG steps of (1 + gamma H*H) x = x^ + gamma H* y,       from x^ = D(x; sigma)
    x_s = x' + sqrt(s^2 - c^2) (x - x^) / sigma + c n,          c = eta s sqrt(1 - s^2 / sigma^2)           (DDIM)

for k-space and projections, of any linear H, whose norm is taken for 1. It asks for no noise model, and gives y the same weight at all levels.
"""

from dataclasses import dataclass
from typing import ClassVar

from jax import Array

from unsup_jax.core.linear import conjugate_gradient
from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.sampler import Sampler, renoised


@dataclass(frozen=True)
class DDS(Sampler):
    """Decomposed diffusion sampling. Raises `InputError` on a gamma that is not positive, and on an eta outside [0, 1]."""

    needs_noise: ClassVar[bool] = False

    gamma: float = 1.0
    """Weight of y, in units of 1 / ||H||^2."""
    eta: float = 0.85
    """Part of the noise that is drawn anew."""
    iterations: int = 5
    """Conjugate gradients a level."""

    def __post_init__(self):
        super().__post_init__()
        if not self.gamma > 0 or not 0 <= self.eta <= 1:
            raise InputError(f"DDS needs gamma > 0 and eta in [0, 1], not {self.gamma} and {self.eta}")

    def step(self, key: Array, D: Denoiser, seen: Observed, x: Array, sigma: Array, s: Array) -> Array:
        x_hat, gamma = D(x, sigma), self.gamma / seen.norm
        regular = lambda x: x + gamma * seen.H.normal(x)
        corrected = x_hat + conjugate_gradient(regular, gamma * seen.back_projected(x_hat), iterations=self.iterations)
        return renoised(key, corrected, (x - x_hat) / sigma, sigma, s, self.eta)
