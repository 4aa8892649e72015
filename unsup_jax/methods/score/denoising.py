r"""Denoising: the image of every pixel is itself the x of a level.

    E[x_0 | y] = D(y; sigma_y),         draws: the ancestral walk from x = y, sigma = sigma_y, downwards
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from unsup_jax.core import IMAGES, Takes
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.sampler import Sampler, ancestral


@dataclass(frozen=True)
class Denoising(Sampler):
    """One call of D for the mean, and a walk for each draw; `largest` is sigma_y, whatever is given."""

    takes: ClassVar[Takes] = IMAGES

    levels: int = 20
    """N: noise levels, a step each."""

    def sigmas(self, D: Denoiser, seen: Observed) -> Array:
        sigma = jnp.sqrt(seen.variance)
        last = jnp.minimum(self.smallest * D.deviation / sigma, 0.1)
        return sigma * last ** jnp.linspace(0.0, 1.0, self.levels)

    def start(self, key: Array, D: Denoiser, seen: Observed, sigma: Array) -> Array:
        return seen.y

    def step(self, key: Array, D: Denoiser, seen: Observed, x: Array, sigma: Array, s: Array) -> Array:
        return ancestral(key, x, D(x, sigma), sigma, s)

    def estimate(self, key: Array, D: Denoiser, seen: Observed, draws: int) -> Array:
        return self.mean(D, seen)

    @staticmethod
    def mean(D: Denoiser, seen: Observed) -> Array:
        """E[x_0 | y], which takes no draws."""
        return D(seen.y, jnp.sqrt(seen.variance))
