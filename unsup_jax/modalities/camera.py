"""Cameras: noise alone, or with noise that the lines of the read-out share."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement, Operator
from unsup_jax.errors import InputError
from unsup_jax.modalities.imager import Imager
from unsup_jax.noise import ColouredGaussian, Gaussian, NoiseModel
from unsup_jax.operators import Identity


@dataclass(frozen=True)
class Camera(Imager):
    """Denoising: H(x) = x."""

    name: ClassVar[str] = "denoising"

    def operator(self, key: Array, x: Array) -> Operator:
        return Identity()


@dataclass(frozen=True)
class LineScanner(Imager):
    """Denoising of images that are read out line by line: white noise, and noise that is correlated along the rows.

    The lines have the covariance sigma^2 exp(-d^2 / (2 length^2)) at a distance d along their row and none between
    rows. No noise model is handed on: pixels are not independent. Raises `InputError` on a negative sigma or a
    length that is not positive.
    """

    name: ClassVar[str] = "line noise"

    noise: NoiseModel = Gaussian(5.0)
    """White noise."""
    sigma: float = 15.0
    """Standard deviation of the lines, grey values."""
    length: float = 4.0
    """Correlation length of the lines, pixels."""

    def __post_init__(self):
        if self.sigma < 0 or not self.length > 0:
            raise InputError(f"LineScanner needs sigma >= 0 and length > 0, not {self.sigma} and {self.length}")

    def operator(self, key: Array, x: Array) -> Operator:
        return Identity()

    def measure(self, key: Array, x: Array) -> Measurement:
        white, first, second = jax.random.split(key, 3)
        frequency = jnp.fft.fftfreq(x.shape[-2]).astype(x.dtype)
        along = jnp.exp(-0.5 * jnp.square(2 * jnp.pi * self.length * frequency))
        lines = ColouredGaussian(jnp.broadcast_to(self.sigma**2 * along / jnp.mean(along), x.shape[:-1]))
        one = super().measure(white, x)
        return one.replace(y=lines.sample(first, one.y), pair=lines.sample(second, one.pair), noise=None)
