"""A microscope that is not as methods are told: by how much each of them misses what it takes for granted."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.modalities.deconvolution import Blurred
from unsup_jax.noise import NoiseModel


@dataclass(frozen=True)
class MisinformedBlur(Blurred):
    """Its PSF and noise are what methods are told; what measures is a Gaussian blur of another width, in other noise.

    Raises `InputError` on a true width that is not positive.
    """

    name: ClassVar[str] = "deconvolution, misinformed"

    true_sigma: float = 2.0
    """Standard deviation of the PSF that measures, pixels."""
    true_noise: NoiseModel | None = None
    """The noise that is there; None for the one that is told."""

    def __post_init__(self):
        super().__post_init__()
        if not self.true_sigma > 0:
            raise InputError(f"MisinformedBlur needs a positive true_sigma, not {self.true_sigma}")

    def measure(self, key: Array, x: Array) -> Measurement:
        truly = Blurred(noise=self.true_noise or self.noise, psf_sigma=self.true_sigma, boundary=self.boundary)
        one = truly.measure(key, x)
        return one.replace(operator=self.of_image(one.y), noise=jax.tree.map(lambda leaf: jnp.asarray(leaf, one.y.dtype), self.noise))
