r"""What samplers of p(x | y) share: noise levels, and the walk down them.

    sigma_i = (sigma_max^{1/7} + i / (N - 1) (sigma_min^{1/7} - sigma_max^{1/7}))^7,   then 0             (Karras et al., NeurIPS 2022)
    x = mean + sigma_0 n,      x <- step(x; sigma_i, sigma_{i+1})                                          one scan
    x_s = x' + (s^2 / sigma^2) (x - x') + s sqrt(1 - s^2 / sigma^2) n                                      the ancestral step

x' is D(x; sigma) brought nearer to y, in which samplers differ. Were x' = E[x_0 | x, y], the walk would draw from p(x | y) as N grows.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.core import LINEAR, Measurement, Takes
from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.observed import Observed
from unsup_jax.noise import Gaussian


@dataclass(frozen=True)
class Sampler:
    """Draws of x given y by a denoiser; a subclass writes `step`.

    Raises `InputError` on fewer than two levels, levels that do not fall, or a negative deviation of the noise.
    """

    takes: ClassVar[Takes] = LINEAR
    """Operators and data that it is made for."""
    needs_noise: ClassVar[bool] = True
    """Whether it asks for the variance of white noise."""

    levels: int = 50
    """N: noise levels, a step each."""
    largest: float = 80.0
    """First sigma, in deviations of the images."""
    smallest: float = 0.02
    """Last sigma before zero."""
    noise: float | None = None
    """Standard deviation of the white noise of measurements of which none is known, grey levels."""

    def __post_init__(self):
        if self.levels < 2 or not 0 < self.smallest < self.largest:
            raise InputError(f"{type(self).__name__} needs 2 levels or more and 0 < smallest < largest, not "
                             f"{self.levels}, {self.smallest} and {self.largest}")
        if self.noise is not None and self.noise < 0:
            raise InputError(f"{type(self).__name__} takes noise of a deviation of 0 or more, not {self.noise}")

    def told(self, one: Measurement) -> Measurement:
        """ONE measurement with the noise that it has, or else the one that was given."""
        return one if one.noise is not None or self.noise is None else one.replace(noise=Gaussian(jnp.asarray(self.noise, one.y.real.dtype)))

    def observed(self, one: Measurement) -> Observed:
        """What is known of ONE measurement, in real numbers."""
        return Observed.of(self.told(one))

    def check(self, one: Measurement) -> None:
        """Raise `InputError` on ONE measurement whose noise it cannot use."""
        noise = self.told(one).noise
        if self.needs_noise and (noise is None or not noise.white):
            known = "none is known; give --method.sampler.noise" if noise is None else f"not {type(noise).__name__}"
            raise InputError(f"{type(self).__name__} takes white Gaussian noise of a known deviation; {known}")

    def sigmas(self, D: Denoiser, seen: Observed) -> Array:
        """The levels [N], falling."""
        return falling(self.levels, self.largest, self.smallest) * D.deviation

    def start(self, key: Array, D: Denoiser, seen: Observed, sigma: Array) -> Array:
        """x of the first level."""
        x = seen.H.domain(seen.y)
        return D.mean + sigma * jax.random.normal(key, x.shape, x.dtype)

    def step(self, key: Array, D: Denoiser, seen: Observed, x: Array, sigma: Array, s: Array) -> Array:
        """x of level sigma to that of level s < sigma."""
        raise NotImplementedError

    def draw(self, key: Array, D: Denoiser, seen: Observed) -> Array:
        """x ~ p(x | y), as nearly as the sampler has it."""
        sigmas, (first, walk) = self.sigmas(D, seen), jax.random.split(key)
        turns = jax.random.split(walk, self.levels), sigmas, jnp.pad(sigmas[1:], (0, 1))
        move = lambda x, turn: (self.step(turn[0], D, seen, x, *turn[1:]), None)
        return lax.scan(move, self.start(first, D, seen, sigmas[0]), turns)[0]

    def estimate(self, key: Array, D: Denoiser, seen: Observed, draws: int) -> Array:
        """E[x | y]: the mean of the draws."""
        return self.draw_many(key, D, seen, draws).mean(0)

    def draw_many(self, key: Array, D: Denoiser, seen: Observed, draws: int) -> Array:
        """[draws, *S, C]."""
        return jax.vmap(lambda key: self.draw(key, D, seen))(jax.random.split(key, draws))


def falling(count: int, largest: float, smallest: float, power: float = 7.0) -> Array:
    """Levels [count] that are evenly spaced in their 1/power-th power."""
    return jnp.linspace(largest ** (1 / power), smallest ** (1 / power), count) ** power


def ancestral(key: Array, x: Array, x_hat: Array, sigma: Array, s: Array) -> Array:
    """The draw of level s from x of level sigma, given x_0 = x_hat."""
    kept = jnp.square(s / sigma)
    return x_hat + kept * (x - x_hat) + s * jnp.sqrt(1 - kept) * jax.random.normal(key, x.shape, x.dtype)


def geometric(count: int, largest: float, smallest: float) -> Array:
    """Levels [count] that are evenly spaced in their logarithm."""
    return jnp.geomspace(largest, smallest, count)


def langevin(key: Array, D: Denoiser, x: Array, sigma: Array, size: float) -> Array:
    """x + e sigma^2 S + sqrt(2 e) sigma n, one step of Langevin's dynamics."""
    return x + size * (D(x, sigma) - x) + jnp.sqrt(2 * size) * sigma * jax.random.normal(key, x.shape, x.dtype)


def renoised(key: Array, x_hat: Array, noise: Array, sigma: Array, s: Array, eta: float) -> Array:
    """x^ + sqrt(s^2 - c^2) noise + c n, c = eta s sqrt(1 - s^2 / sigma^2): at level s with the `noise` of level sigma, or a part of it drawn anew."""
    c = eta * s * jnp.sqrt(1 - jnp.square(s / sigma))
    return x_hat + jnp.sqrt(jnp.square(s) - jnp.square(c)) * noise + c * jax.random.normal(key, x_hat.shape, x_hat.dtype)
