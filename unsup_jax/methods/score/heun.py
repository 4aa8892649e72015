r"""Images from noise alone, by the probability flow (Karras et al., NeurIPS 2022, algorithm 1).

    dx / dsigma = (x - D(x; sigma)) / sigma                                 from x = mean + sigma_0 n
    x' = x + (s - sigma) d,     x_s = x + (s - sigma) (d + d') / 2          Heun's step; Euler's to s = 0
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.sampler import falling


@dataclass(frozen=True)
class Heun:
    """The flow's end from a draw of noise. Raises `InputError` on fewer than two levels, or levels that do not fall."""

    levels: int = 18
    """N: noise levels, two calls of D each."""
    largest: float = 160.0
    """First sigma, in deviations of the images."""
    smallest: float = 0.004
    """Last sigma before zero."""

    def __post_init__(self):
        if self.levels < 2 or not 0 < self.smallest < self.largest:
            raise InputError(f"Heun needs 2 levels or more and 0 < smallest < largest, not {self.levels}, {self.smallest} and {self.largest}")

    def sample(self, key: Array, D: Denoiser, shape: tuple[int, ...]) -> Array:
        """x_0 [*shape] of the law that D knows."""
        sigmas = falling(self.levels, self.largest, self.smallest) * D.deviation
        slope = lambda x, sigma: (x - D(x, sigma)) / sigma

        def step(x, turn):
            sigma, s = turn
            d = slope(x, sigma)
            euler = x + (s - sigma) * d
            heun = x + (s - sigma) * (d + slope(euler, jnp.where(s > 0, s, sigma))) / 2
            return jnp.where(s > 0, heun, euler), None

        x = D.mean + sigmas[0] * jax.random.normal(key, shape)
        return lax.scan(step, x, (sigmas, jnp.pad(sigmas[1:], (0, 1))))[0]
