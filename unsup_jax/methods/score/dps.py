r"""Diffusion posterior sampling (Chung, Kim, McCann, Klasky and Ye, ICLR 2023).

    x_s <- x_s - zeta_sigma grad_x ||y - H(x^)||_2,         x^ = D(x; sigma)            (the norm, not its square)

of any H that has a derivative, linear or not. The published zeta belongs to 1000 steps and to the variable of DDPM, x / sqrt(1 + sigma^2);
with x = x_0 + sigma n in units u of half a deviation of the images, zeta_sigma = u zeta (1 + sigma^2 / u^2) 1000 / N. No zeta is
right for all: published are 0.3 for blurs, 0.5 for random masks, 1 for phases, and the spread of the draws follows it, not sigma_y.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import ANYTHING, Takes
from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.sampler import Sampler, ancestral


@dataclass(frozen=True)
class DPS(Sampler):
    """Diffusion posterior sampling, of any operator. Raises `InputError` on a zeta that is not positive."""

    takes: ClassVar[Takes] = ANYTHING
    needs_noise: ClassVar[bool] = False

    levels: int = 100
    """N: noise levels, a step each."""
    zeta: float = 0.4
    """Step size, as published."""

    def __post_init__(self):
        super().__post_init__()
        if not self.zeta > 0:
            raise InputError(f"the zeta of DPS is {self.zeta}; it must be positive")

    def step(self, key: Array, D: Denoiser, seen: Observed, x: Array, sigma: Array, s: Array) -> Array:
        def misfit(x):
            x_hat = D(x, sigma)
            return jnp.sqrt(jnp.sum(jnp.square(seen.residual(x_hat))) + 1e-30), x_hat

        gradient, x_hat = jax.grad(misfit, has_aux=True)(x)
        unit = 2 * D.deviation
        zeta = unit * self.zeta * (1 + (sigma / unit) ** 2) * 1000 / self.levels
        return ancestral(key, x, x_hat, sigma, s) - zeta * gradient
