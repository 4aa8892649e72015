r"""BM3D (Dabov et al., IEEE Trans. Image Process. 16, 2080 (2007)) by its authors' package.

BM3D takes white Gaussian noise of known sigma. For a camera's Poisson-Gaussian noise the generalised
Anscombe transform makes the variance one before, and its exact unbiased inverse is taken after:

    f(y)    = (2 / g) sqrt(g y + 3/8 g^2 + sigma^2)
    f^-1(D) = g (D^2/4 + sqrt(3/2)/4 D^-1 - 11/8 D^-2 + 5/8 sqrt(3/2) D^-3 - 1/8) - sigma^2 / g

for gain g and read-out noise sigma (Makitalo & Foi, IEEE Trans. Image Process. 22, 91 (2013)).
"""

from dataclasses import dataclass
from typing import ClassVar

import bm3d
import bm4d
import numpy as np
from jax import Array
from skimage.restoration import estimate_sigma

from unsup_jax.core import Direct, Measurement
from unsup_jax.methods.classical.host import by_channel, on_host
from unsup_jax.noise import Gaussian, PoissonGaussian, estimate_poisson_gaussian


@dataclass(frozen=True)
class BM3D(Direct):
    """BM3D of each channel of an image, BM4D of a volume.

    Plain, sigma is that of a known Gaussian noise model, else estimated from the wavelet coefficients of the
    image. Stabilised, gain and read-out noise are those of a known Poisson-Gaussian model, else estimated.
    """

    reference: ClassVar[str] = "Dabov 2007; Makitalo & Foi 2013"

    stabilize: bool = False
    """Apply the generalised Anscombe transform before, and its exact unbiased inverse after."""

    @property
    def label(self) -> str:
        return "BM3D + VST" if self.stabilize else "BM3D"

    def answer(self, key: Array, one: Measurement) -> Array:
        if not self.stabilize:
            known = (one.noise.sigma,) if isinstance(one.noise, Gaussian) else ()
            return on_host(_plain, one.y, *known)
        known = isinstance(one.noise, PoissonGaussian)
        return on_host(_stabilized, one.y, *((one.noise.gain, one.noise.sigma, one.noise.offset) if known else ()))


@dataclass(frozen=True)
class BM3DDenoiser:
    """x, sigma -> BM3D(x) for white noise of standard deviation sigma: for plug-and-play and RED, on the host."""

    def __call__(self, x: Array, sigma: Array) -> Array:
        return on_host(_plain, x, sigma)


def _plain(y, sigma=None):
    return by_channel(lambda channel: _collaborative(channel, estimate_sigma(channel) if sigma is None else float(sigma)), y)


def _stabilized(y, *parameters):
    y = y.astype(np.float64)
    gain, sigma, offset = (float(p) for p in parameters or estimate_poisson_gaussian(y))
    if gain <= 0:  # no photon noise is seen: the noise is white already
        return _plain(y, sigma)
    return by_channel(
        lambda channel: anscombe_inverse(_collaborative(anscombe(channel - offset, gain, sigma), 1.0), gain, sigma) + offset, y
    )


def _collaborative(image, sigma):
    if sigma <= 0:
        return image
    return bm3d.bm3d(image, sigma) if image.ndim == 2 else bm4d.bm4d(image, sigma)


def anscombe(y: np.ndarray, gain: float, sigma: float) -> np.ndarray:
    """The generalised Anscombe transform, of unit variance for Poisson-Gaussian y with no offset."""
    return 2 / gain * np.sqrt(np.maximum(gain * y + 0.375 * gain**2 + sigma**2, 0))


def anscombe_inverse(stabilized: np.ndarray, gain: float, sigma: float) -> np.ndarray:
    """The closed form of the exact unbiased inverse: the y whose transform has this mean."""
    d = np.maximum(stabilized, 2 * np.sqrt(0.375 + (sigma / gain) ** 2))
    root = np.sqrt(1.5)
    return gain * (d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8) - sigma**2 / gain
