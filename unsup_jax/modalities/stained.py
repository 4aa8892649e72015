r"""Two stains of one specimen, of which nobody knows how one follows from the other.

    y = peak s((h * x) / peak) + w,     s(u) = u^gamma   or   1 - u^gamma

x is the one stain, in [0, peak], and y the other: blurred by h, of other grey levels, and of inverted contrast or not. What methods are told
is only that y is an image.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.modalities.camera import Camera
from unsup_jax.noise import Gaussian, NoiseModel
from unsup_jax.operators import Convolution, Identity, gaussian_psf


@dataclass(frozen=True)
class TwoStains(Camera):
    """Images of the one stain, with the other as their truth. Raises `InputError` on a gamma, blur or peak that is not positive."""

    name: ClassVar[str] = "two stains"

    noise: NoiseModel = Gaussian(2.0)
    """Noise of y."""
    gamma: float = 0.5
    """Exponent of the grey levels."""
    blur: float = 1.0
    """Standard deviation of h, pixels."""
    inverted: bool = False
    """Whether what is bright in x is dark in y."""
    peak: float = 120.0
    """Grey value of x at which s ends."""

    def __post_init__(self):
        if not min(self.gamma, self.blur, self.peak) > 0:
            raise InputError(f"TwoStains takes a positive gamma, blur and peak, not {self.gamma}, {self.blur}, {self.peak}")

    def measure(self, key: Array, x: Array) -> Measurement:
        reach = min(4 * int(self.blur + 1) + 1, *x.shape[:-1])
        light = Convolution(gaussian_psf((reach,) * (x.ndim - 1), self.blur))(x) / self.peak
        curve = jnp.clip(light, 0, 1) ** self.gamma
        clean = self.peak * (1 - curve if self.inverted else curve)
        first, second = (self.noise.sample(k, clean) for k in jax.random.split(key))
        return Measurement(first, Identity(), pair=second, truth=x)
