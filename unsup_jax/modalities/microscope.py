"""Light microscopes: a camera's noise alone, with missing pixels, or behind a blurring objective."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement, Operator
from unsup_jax.errors import InputError
from unsup_jax.files.scan import Scan
from unsup_jax.noise import ColouredGaussian, Gaussian, NoiseModel, PoissonGaussian
from unsup_jax.operators import Convolution, Identity, Mask, gaussian_psf


@dataclass(frozen=True)
class Modality:
    """An instrument: it draws its operator and its noise, and measures."""

    name: ClassVar[str] = ""
    own: ClassVar[str] = "--data.clean, images that it measures in simulation"
    """What of your own files it takes, where images are no measurements of it."""

    noise: NoiseModel = PoissonGaussian()
    """Noise of the detector."""

    def read(self, scans: Iterable[Scan], *, channels: int | None = None) -> list[Measurement]:
        """The measurements of what files hold, of images of as many channels where that is given.

        Raises `InputError` for an instrument that makes other data, and where the images take more channels.
        """
        raise InputError(f"{next(iter(scans)).path} holds k-space, which MRI reads; the instrument of this experiment is {self.name}")

    def notes(self, measurements: Sequence[Measurement]) -> list[str]:
        """What the report says of measurements that were read."""
        return []

    def operator(self, key: Array, x: Array) -> Operator:
        """The forward operator of one measurement of x."""
        raise NotImplementedError

    def of_image(self, y: Array) -> Operator:
        """The operator of an image [*S, C] that was measured elsewhere and is read from a file.

        Raises `InputError` for an instrument whose measurements are not images, or of which more than the image must be known.
        """
        raise InputError(f"a file of images holds no measurement of {self.name}, which takes {self.own}")

    def specimen(self, x: Array) -> Array:
        """The quantity that the instrument images, of a specimen drawn in grey values: x itself unless overridden."""
        return x

    def measure(self, key: Array, x: Array) -> Measurement:
        """y and y', two measurements of x [*S, C] that share the operator, with the truth beside them."""
        draw, first, second = jax.random.split(key, 3)
        x = self.specimen(x)
        operator = self.operator(draw, x)
        clean = operator(x)
        noise = jax.tree.map(lambda leaf: jnp.asarray(leaf, clean.real.dtype), self.noise)
        return Measurement(noise.sample(first, clean), operator, noise, pair=noise.sample(second, clean), truth=x)


@dataclass(frozen=True)
class Camera(Modality):
    """Denoising: H(x) = x."""

    name: ClassVar[str] = "denoising"

    def operator(self, key: Array, x: Array) -> Operator:
        return Identity()

    def of_image(self, y: Array) -> Operator:
        return Identity()


@dataclass(frozen=True)
class LineScanner(Modality):
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

    def of_image(self, y: Array) -> Operator:
        return Identity()

    def measure(self, key: Array, x: Array) -> Measurement:
        white, first, second = jax.random.split(key, 3)
        frequency = jnp.fft.fftfreq(x.shape[-2]).astype(x.dtype)
        along = jnp.exp(-0.5 * jnp.square(2 * jnp.pi * self.length * frequency))
        lines = ColouredGaussian(jnp.broadcast_to(self.sigma**2 * along / jnp.mean(along), x.shape[:-1]))
        one = super().measure(white, x)
        return one.replace(y=lines.sample(first, one.y), pair=lines.sample(second, one.pair), noise=None)


@dataclass(frozen=True)
class Inpainting(Modality):
    """Denoising with missing pixels: H(x) = m x, each pixel measured with probability `keep`.

    Raises `InputError` on a `keep` outside (0, 1].
    """

    name: ClassVar[str] = "inpainting"

    keep: float = 0.7
    """Part of the pixels that are measured."""

    def __post_init__(self):
        if not 0 < self.keep <= 1:
            raise InputError(f"Inpainting keeps a part in (0, 1] of the pixels, not {self.keep}")

    def operator(self, key: Array, x: Array) -> Operator:
        return Mask(jax.random.bernoulli(key, self.keep, (*x.shape[:-1], 1)).astype(x.dtype))


@dataclass(frozen=True)
class Blurred(Modality):
    """Deconvolution: H(x) = h * x with a Gaussian PSF, periodic at the border.

    Raises `InputError` on a width that is not positive.
    """

    name: ClassVar[str] = "deconvolution"

    psf_sigma: float = 1.5
    """Standard deviation of the PSF, pixels."""

    def __post_init__(self):
        if not self.psf_sigma > 0:
            raise InputError(f"Blurred needs a positive psf_sigma, not {self.psf_sigma}")

    def operator(self, key: Array, x: Array) -> Operator:
        return Convolution(gaussian_psf(tuple(min(n, 4 * int(self.psf_sigma + 1) + 1) for n in x.shape[:-1]), self.psf_sigma))

    def of_image(self, y: Array) -> Operator:
        return self.operator(jax.random.key(0), y)                  # the PSF is a setting, not drawn
