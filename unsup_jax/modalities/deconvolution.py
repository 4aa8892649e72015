"""Microscopes behind a blurring objective."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import numpy as np
from jax import Array

from unsup_jax import files
from unsup_jax.core import Measurement, Operator
from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata
from unsup_jax.modalities.imager import Imager
from unsup_jax.operators import Convolution, airy_psf, gaussian_psf, gibson_lanni_psf


@dataclass(frozen=True)
class Blurred(Imager):
    """Deconvolution: H(x) = h * x, in 2-D or 3-D.

    h is measured, in a file, or that of an objective (Airy in the plane, Gibson and Lanni in space), or a Gaussian. What is asked of
    the optics and not given is taken from the image's OME metadata. Raises `InputError` on a width that is not positive, on a PSF that
    is none of the images', and on optics of which something is missing.
    """

    name: ClassVar[str] = "deconvolution"

    psf_sigma: float | tuple[float, ...] = 1.5
    """Standard deviation of a Gaussian PSF, pixels: one for all axes, or one for each, such as "3 1.2 1.2" along z, y and x."""
    psf: str | None = None
    """The image of a point in the pixels of the images, its light about the middle pixel K // 2: a file; "optics" for that of the
    objective; None for a Gaussian."""
    numerical_aperture: float | None = None
    """Of the objective."""
    wavelength_um: float | None = None
    """Of the emission, in vacuum."""
    index: float | None = None
    """Refractive index of the immersion, and of the specimen; 1.515 where neither you nor the file says."""
    pixel_size_um: float | None = None
    """Pixels of the images in the specimen."""
    step_um: float | None = None
    """Distance of the planes."""
    boundary: Literal["circular", "zero"] = "circular"
    """What lies outside of the frame: the image again, which is fastest and what Wiener takes, or nothing."""

    def __post_init__(self):
        if not np.min(self.psf_sigma) > 0:
            raise InputError(f"Blurred needs a positive psf_sigma, not {self.psf_sigma}")

    def operator(self, key: Array, x: Array) -> Operator:
        return self.of_image(x)                                     # the PSF is a setting, not drawn

    def of_image(self, y: jax.ShapeDtypeStruct, metadata: Metadata = Metadata()) -> Operator:
        frame = y.shape[:-1]
        if self.psf is None:
            sigmas = self.psf_sigma if isinstance(self.psf_sigma, tuple) else (self.psf_sigma,) * len(frame)
            if len(sigmas) != len(frame):
                raise InputError(f"a psf_sigma of {self._width()} pixels for images of {len(frame)} axes (--data.dimensions); it is one, or one for each")
            psf = gaussian_psf(tuple(min(n, 4 * int(sigma + 1) + 1) for n, sigma in zip(frame, sigmas)), sigmas)
        else:
            psf = self._of_optics(frame, metadata) if self.psf == "optics" else self._measured(frame)
        return Convolution(psf, boundary=self.boundary)

    def notes(self, measurements: Sequence[Measurement]) -> list[str]:
        shown = {None: f"a Gaussian of {self._width()} pixels, for none was given (--modality.psf)", "optics": "computed from the optics"}
        size = " x ".join(map(str, measurements[0].operator.psf.shape))
        return [f"The PSF, {size} pixels, was {shown.get(self.psf, f'read from {self.psf}')}."]

    def _width(self):
        return " x ".join(f"{sigma:g}" for sigma in np.atleast_1d(self.psf_sigma))

    def _measured(self, frame):
        """The PSF of the file, of unit sum, its middle alone where it is larger than the images."""
        picture = files.open_image(self.psf)
        psf = np.asarray(picture.array, np.float32).squeeze()
        if psf.ndim != len(frame):
            raise InputError(f"{self.psf}: a PSF of shape {psf.shape} for images of {len(frame)} axes (--data.dimensions); it has as many")
        psf = psf[tuple(slice(max(0, k // 2 - n // 2), k // 2 - n // 2 + n if k > n else k) for k, n in zip(psf.shape, frame))]
        if not np.isfinite(psf).all() or not psf.sum() > 0:
            raise InputError(f"{self.psf}: a PSF whose sum is {psf.sum():g}; accepted is light, of a positive sum")
        return psf / psf.sum()

    def _of_optics(self, frame, metadata):
        light = set(metadata.optics.wavelengths_um)
        if self.wavelength_um is None and len(light) > 1:
            raise InputError(f"channels of several emissions, {', '.join(f'{one:g}' for one in sorted(light))} µm; give --modality.wavelength_um for all")
        scale = lambda axis: None if (found := metadata.scales.get(axis)) is None or (found := found.to("µm")) is None else found.step
        known = {
            "numerical_aperture": self.numerical_aperture or metadata.optics.numerical_aperture,
            "wavelength_um": self.wavelength_um or next(iter(light), None), "pixel_size_um": self.pixel_size_um or scale("X"),
        } | ({"step_um": self.step_um or scale("Z")} if len(frame) == 3 else {})
        if missing := [name for name, value in known.items() if value is None]:
            raise InputError(f"the PSF of the optics takes --modality.{missing[0]}, which the image's metadata do not say")
        if len(frame) == 2:
            return airy_psf(frame, **known)
        index = self.index or metadata.optics.index or 1.515
        return gibson_lanni_psf(frame, n_sample=index, n_immersion=index, n_immersion_design=index, **known)
