r"""Five models of noisy images as one denoiser: what the network is of D, and at which levels it is trained.

    D(x; sigma) = c_skip x + c_out F_theta(c_in x; c),              x = x_0 + sigma n
    min_theta E ||F_theta - (x_0 - c_skip x) / c_out||^2 = E ||D(x; sigma) - x_0||^2 / c_out^2

                  F_theta is                     x of its paper               c_skip               c_out                   c_in
    EDM           mixed, of unit variance        x                            d^2 / (s^2 + d^2)    s d / sqrt(s^2 + d^2)   1 / sqrt(s^2 + d^2)
    NCSN          sigma times the score          x                            1                    s                       1
    DDPM          -n, but for the sign           x / sqrt(1 + s^2)            1                    -s                      1 / sqrt(1 + s^2)
    FlowMatching  the velocity v, to n - x_0     (1 - t) x, s = t / (1 - t)   1 / (1 + s)          -s / (1 + s)            1 / (1 + s)

for s = sigma, of images of mean 0 and deviation d = 1/2. Each weight is that of the paper's own loss, and every sampler takes every D.
References: Karras et al., NeurIPS 2022; Song and Ermon, NeurIPS 2019 and 2020; Ho, Jain and Abbeel, NeurIPS 2020; Lipman et al., ICLR 2023.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError

DEVIATION = 0.5
"""d, of normalised images."""


@dataclass(frozen=True)
class Parameterization:
    """What F_theta is of D; a subclass writes `coefficients` and `draw`."""

    begins_white: ClassVar[bool] = False
    """With F_theta = 0 it is the D of white Gaussian images of deviation d."""

    def coefficients(self, sigma: Array) -> tuple[Array, Array, Array]:
        """c_skip, c_out and c_in."""
        raise NotImplementedError

    def draw(self, key: Array) -> Array:
        """A sigma of the training."""
        raise NotImplementedError

    def code(self, sigma: Array) -> Array:
        """c, what F_theta is told of the level: ln(sigma) / 4."""
        return jnp.log(sigma) / 4

    def denoise(self, F: Callable[[Array, Array], Array], x: Array, sigma: Array) -> Array:
        """D(x; sigma) of a normalised image, by x, c -> F(x; c)."""
        skip, out, into = self.coefficients(sigma)
        return skip * x + out * F(into * x, self.code(sigma))

    def weight(self, sigma: Array) -> Array:
        """1 / c_out^2, of the error of D at a level."""
        return 1 / jnp.square(self.coefficients(sigma)[1])

    def loss(self, key: Array, F: Callable[[Array, Array], Array], x: Array) -> Array:
        """The loss of one clean image."""
        level, noise = jax.random.split(key)
        sigma = self.draw(level)
        noisy = x + sigma * jax.random.normal(noise, x.shape, x.dtype)
        return self.weight(sigma) * jnp.mean(jnp.square(self.denoise(F, noisy, sigma) - x))


@dataclass(frozen=True)
class EDM(Parameterization):
    """Karras et al. (2022): input and target of unit variance at every level. Raises `InputError` on a deviation that is not positive."""

    begins_white: ClassVar[bool] = True

    log_mean: float = -1.2
    """Mean of ln sigma in the training."""
    log_deviation: float = 1.2
    """Its deviation."""

    def __post_init__(self):
        if not self.log_deviation > 0:
            raise InputError(f"EDM needs log_deviation > 0, not {self.log_deviation}")

    def coefficients(self, sigma: Array) -> tuple[Array, Array, Array]:
        d, total = DEVIATION, sigma**2 + DEVIATION**2
        return d**2 / total, sigma * d / jnp.sqrt(total), 1 / jnp.sqrt(total)

    def draw(self, key: Array) -> Array:
        return jnp.exp(self.log_mean + self.log_deviation * jax.random.normal(key))


@dataclass(frozen=True)
class NCSN(Parameterization):
    """Song and Ermon: one of a few levels, evenly spaced in their logarithm. Raises `InputError` on levels that do not fall."""

    largest: float = 50.0
    """First sigma, about the largest distance between two images."""
    smallest: float = 0.01
    """Last sigma."""
    levels: int = 232
    """How many there are; NCSN had 10, from 1."""
    conditional: bool = False
    """Tell F_theta the level, as NCSN did; NCSNv2 divides what it makes of x alone by sigma."""

    def __post_init__(self):
        if self.levels < 2 or not 0 < self.smallest < self.largest:
            raise InputError(f"NCSN needs 2 levels or more and 0 < smallest < largest, not {self.levels}, {self.smallest} and {self.largest}")

    def coefficients(self, sigma: Array) -> tuple[Array, Array, Array]:
        one = jnp.ones_like(sigma)
        return one, sigma, one

    def code(self, sigma: Array) -> Array:
        return super().code(sigma) if self.conditional else jnp.zeros_like(sigma)

    def draw(self, key: Array) -> Array:
        part = jax.random.randint(key, (), 0, self.levels).astype(jnp.float32) / (self.levels - 1)
        return self.largest * (self.smallest / self.largest) ** part


@dataclass(frozen=True)
class DDPM(Parameterization):
    """Ho, Jain and Abbeel: x_t = sqrt(a_t) x_0 + sqrt(1 - a_t) n, sigma^2 = (1 - a_t) / a_t, a_t the product of 1 - beta up to t.

    Raises `InputError` on fewer than two steps, and on a beta outside (0, 1).
    """

    first: float = 1e-4
    """beta of the first step."""
    last: float = 0.02
    """beta of the last step; they rise linearly."""
    times: int = 1000
    """T."""

    def __post_init__(self):
        if self.times < 2 or not 0 < self.first <= self.last < 1:
            raise InputError(f"DDPM needs 2 times or more and 0 < first <= last < 1, not {self.times}, {self.first} and {self.last}")

    def coefficients(self, sigma: Array) -> tuple[Array, Array, Array]:
        return jnp.ones_like(sigma), -sigma, 1 / jnp.sqrt(1 + sigma**2)

    def sigmas(self) -> Array:
        """sigma of every t [T]."""
        log_a = jnp.cumsum(jnp.log1p(-jnp.linspace(self.first, self.last, self.times)))
        return jnp.sqrt(jnp.expm1(-log_a))

    def draw(self, key: Array) -> Array:
        return self.sigmas()[jax.random.randint(key, (), 0, self.times)]


@dataclass(frozen=True)
class FlowMatching(Parameterization):
    """Lipman et al.: x_t = (1 - t) x_0 + t n moves by v = n - x_0, and D = x_t - t v. Raises `InputError` on an edge outside (0, 1/2)."""

    edge: float = 1e-3
    """t is drawn evenly between this and one less it."""

    def __post_init__(self):
        if not 0 < self.edge < 0.5:
            raise InputError(f"FlowMatching needs an edge in (0, 1/2), not {self.edge}")

    def coefficients(self, sigma: Array) -> tuple[Array, Array, Array]:
        left = 1 / (1 + sigma)                                       # 1 - t
        return left, -sigma * left, left

    def draw(self, key: Array) -> Array:
        t = jax.random.uniform(key, (), minval=self.edge, maxval=1 - self.edge)
        return t / (1 - t)
