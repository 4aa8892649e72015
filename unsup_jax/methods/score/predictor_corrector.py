r"""Predictor and corrector with data consistency between them (Song et al., ICLR 2021; score-MRI: Chung and Ye, Med. Image Anal. 80 (2022)).

    x <- x + (sigma^2 - s^2) S(x; sigma) + sqrt(sigma^2 - s^2) n                            the predictor, S the score
    x <- x + H*(y - H x) / ||H||^2                                                          consistency
    x <- x + e S(x; s) + sqrt(2 e) n,       e = 2 (r ||n|| / ||S||)^2                       the corrector, a step of Langevin's dynamics
    x <- x + H*(y - H x) / ||H||^2

It asks for no noise model: what was measured is held, with its noise.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.sampler import Sampler


@dataclass(frozen=True)
class PredictorCorrector(Sampler):
    """Score-MRI, of any linear operator. Raises `InputError` on a ratio that is not positive."""

    needs_noise: ClassVar[bool] = False

    levels: int = 200
    """N: noise levels, two calls of D each."""
    ratio: float = 0.16
    """r: signal to noise of the corrector."""

    def __post_init__(self):
        super().__post_init__()
        if not self.ratio > 0:
            raise InputError(f"the ratio of PredictorCorrector is {self.ratio}; it must be positive")

    def step(self, key: Array, D: Denoiser, seen: Observed, x: Array, sigma: Array, s: Array) -> Array:
        predict, correct = jax.random.split(key)
        variance = jnp.square(sigma) - jnp.square(s)
        x = x + variance * D.score(x, sigma) + jnp.where(s > 0, jnp.sqrt(variance), 0) * jax.random.normal(predict, x.shape, x.dtype)
        x = x + seen.back_projected(x) / seen.norm
        n, S = jax.random.normal(correct, x.shape, x.dtype), D.score(x, jnp.where(s > 0, s, sigma))
        e = 2 * self.ratio**2 * jnp.sum(jnp.square(n)) / jnp.sum(jnp.square(S))
        corrected = x + e * S + jnp.sqrt(2 * e) * n
        return jnp.where(s > 0, corrected + seen.back_projected(corrected) / seen.norm, x)
