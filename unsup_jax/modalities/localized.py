r"""Few localisations of a structure, and a wide-field image of it.

    y = gain P(x / gain),     y' = h * x + w

x is the density of the localisations of very many frames, their precision included, on its pixels; P are Poisson counts, so that
x / gain localisations are expected in a pixel of the few frames that are measured, and E y = x. y' is one exposure with all
molecules alight, h the microscope's PSF.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
from jax import Array

from unsup_jax.core import Measurement, Operator
from unsup_jax.errors import InputError
from unsup_jax.modalities.imager import Imager
from unsup_jax.noise import Gaussian, NoiseModel, Poisson
from unsup_jax.operators import Convolution, Identity, gaussian_psf


@dataclass(frozen=True)
class LocalizationCounts(Imager):
    """SMLM, as the images of its localisations; the pair is the wide-field image. Raises `InputError` on a width that is not positive."""

    name: ClassVar[str] = "few localisations"

    noise: NoiseModel = Poisson(400.0)
    """Of the counts; its gain is grey values a localisation."""
    wide_sigma: float = 6.0
    """Standard deviation of h, pixels of the localisations' image."""
    wide_noise: NoiseModel = Gaussian(0.5)
    """w, of the wide-field image."""

    def __post_init__(self):
        if not self.wide_sigma > 0:
            raise InputError(f"LocalizationCounts needs a positive wide_sigma, not {self.wide_sigma}")

    def operator(self, key: Array, x: Array) -> Operator:
        return Identity()

    def measure(self, key: Array, x: Array) -> Measurement:
        counted, exposed = jax.random.split(key)
        size = 2 * int(3 * self.wide_sigma) + 1
        h = Convolution(gaussian_psf(tuple(min(n, size) for n in x.shape[:-1]), self.wide_sigma).astype(x.dtype), boundary="zero")
        one = super().measure(counted, x)
        return one.replace(pair=self.wide_noise.sample(exposed, h(x)), pair_operator=h)
