r"""Split Gibbs sampling with a denoiser for the prior (Vono, Dobigeon and Chainais 2019; with diffusion models: Wu et al., NeurIPS 2024).

    z ~ p(z | x) ~ exp(-||y - H z||^2 / 2 sigma_y^2 - ||z - x||^2 / 2 rho^2)
    x ~ p(x | z) ~ p(x) exp(-||x - z||^2 / 2 rho^2)

in turn, rho = sigma falling with the levels: the first is a Gaussian, drawn exactly by a system of noisy right hand side,

    z = x' + (H*H + mu)^-1 H*(y + sigma_y n' - H x'),       x' = x + rho n,   mu = sigma_y^2 / rho^2

and the second what is left of an image in white noise of deviation rho, drawn by the ancestral walk from z downwards.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.sampler import Sampler, ancestral


@dataclass(frozen=True)
class SplitGibbs(Sampler):
    """Split Gibbs sampling, of any linear operator. Raises `InputError` on fewer than two inner levels."""

    levels: int = 40
    """N: turns, each with its rho."""
    largest: float = 20.0
    """First rho, in deviations of the images."""
    inner: int = 6
    """Levels of the walk from each rho downwards, a call of D each."""
    iterations: int = 10
    """Conjugate gradients a turn, where H has no closed form."""

    def __post_init__(self):
        super().__post_init__()
        if self.inner < 2:
            raise InputError(f"SplitGibbs needs 2 inner levels or more, not {self.inner}")

    def start(self, key: Array, D: Denoiser, seen: Observed, sigma: Array) -> Array:
        x = seen.H.domain(seen.y)
        return jnp.broadcast_to(D.mean, x.shape).astype(x.dtype)

    def step(self, key: Array, D: Denoiser, seen: Observed, x: Array, sigma: Array, s: Array) -> Array:
        moved, noise, walk = jax.random.split(key, 3)
        x = x + sigma * jax.random.normal(moved, x.shape, x.dtype)
        towards = seen.noisier(noise, jnp.sqrt(seen.variance)).back_projected(x)
        z = x + seen.H.inverse(towards, seen.variance / sigma**2, iterations=self.iterations)
        levels = sigma * jnp.geomspace(1.0, 0.05, self.inner)
        turns = jax.random.split(walk, self.inner), levels, jnp.pad(levels[1:], (0, 1))
        move = lambda x, turn: (ancestral(turn[0], x, D(x, turn[1]), *turn[1:]), None)
        return lax.scan(move, z, turns)[0]
