r"""Images from noise alone: walks down the noise levels that know no measurement.

    x = mean + sigma_0 n,      x <- step(x; sigma_i, sigma_{i+1}),      at last sigma = 0

    Heun        x' = x + (s - sigma) e,   x_s = x + (s - sigma) (e + e') / 2,   e = (x - D(x; sigma)) / sigma       (Karras et al., NeurIPS 2022)
    DDIM        x_s = D + (s / sigma) (x - D), with eta = 0; else a part of the noise is drawn anew                 (Song, Meng and Ermon, ICLR 2021)
    Langevin    T times x <- x + e sigma^2 S(x; sigma) + sqrt(2 e) sigma n at each level, then D                    (Song and Ermon, NeurIPS 2020)
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.sampler import falling, geometric, langevin, renoised


@dataclass(frozen=True)
class Unconditional:
    """The end of a walk from a draw of noise; a subclass writes `step`. Raises `InputError` on fewer than two levels, or levels that do not fall."""

    levels: int = 18
    """N: noise levels."""
    largest: float = 160.0
    """First sigma, in deviations of the images."""
    smallest: float = 0.004
    """Last sigma before zero."""

    def __post_init__(self):
        if self.levels < 2 or not 0 < self.smallest < self.largest:
            raise InputError(f"{type(self).__name__} needs 2 levels or more and 0 < smallest < largest, not "
                             f"{self.levels}, {self.smallest} and {self.largest}")

    def sigmas(self, D: Denoiser) -> Array:
        """The levels [N], falling."""
        return falling(self.levels, self.largest, self.smallest) * D.deviation

    def step(self, key: Array, D: Denoiser, x: Array, sigma: Array, s: Array) -> Array:
        """x of level sigma to that of level s < sigma."""
        raise NotImplementedError

    def sample(self, key: Array, D: Denoiser, shape: tuple[int, ...]) -> Array:
        """x_0 [*shape] of the law that D knows."""
        sigmas, (first, walk) = self.sigmas(D), jax.random.split(key)
        turns = jax.random.split(walk, self.levels), sigmas, jnp.pad(sigmas[1:], (0, 1))
        move = lambda x, turn: (self.step(turn[0], D, x, *turn[1:]), None)
        return lax.scan(move, D.mean + sigmas[0] * jax.random.normal(first, shape), turns)[0]


@dataclass(frozen=True)
class Heun(Unconditional):
    """The probability flow by Heun's steps, the last one Euler's: two calls of D a level."""

    def step(self, key: Array, D: Denoiser, x: Array, sigma: Array, s: Array) -> Array:
        slope = lambda x, sigma: (x - D(x, sigma)) / sigma
        e = slope(x, sigma)
        euler = x + (s - sigma) * e
        return jnp.where(s > 0, x + (s - sigma) * (e + slope(euler, jnp.where(s > 0, s, sigma))) / 2, euler)


@dataclass(frozen=True)
class DDIM(Unconditional):
    """Euler's steps of the probability flow, or a walk that draws a part of the noise anew. Raises `InputError` on an eta outside [0, 1]."""

    levels: int = 50
    """N: noise levels, a call of D each."""
    eta: float = 0.0
    """0: nothing is drawn after the start; 1: the ancestral walk."""

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.eta <= 1:
            raise InputError(f"DDIM needs eta in [0, 1], not {self.eta}")

    def step(self, key: Array, D: Denoiser, x: Array, sigma: Array, s: Array) -> Array:
        x_hat = D(x, sigma)
        return renoised(key, x_hat, (x - x_hat) / sigma, sigma, s, self.eta)


@dataclass(frozen=True)
class Langevin(Unconditional):
    """Annealed Langevin dynamics, and one call of D at its end. Raises `InputError` on a size that is not positive, or no inner steps."""

    levels: int = 100
    """L: noise levels, evenly spaced in their logarithm."""
    largest: float = 80.0
    """First sigma, in deviations of the images."""
    smallest: float = 0.02
    """Last sigma, of which D leaves nothing."""
    size: float = 0.06
    """e, in units of the variance of a level."""
    inner: int = 5
    """T: steps at each level."""

    def __post_init__(self):
        super().__post_init__()
        if not self.size > 0 or self.inner < 1:
            raise InputError(f"Langevin needs size > 0 and inner >= 1, not {self.size} and {self.inner}")

    def sigmas(self, D: Denoiser) -> Array:
        return geometric(self.levels, self.largest, self.smallest) * D.deviation

    def step(self, key: Array, D: Denoiser, x: Array, sigma: Array, s: Array) -> Array:
        x = lax.scan(lambda x, key: (langevin(key, D, x, sigma, self.size), None), x, jax.random.split(key, self.inner))[0]
        return jnp.where(s > 0, x, D(x, sigma))
