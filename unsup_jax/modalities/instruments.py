"""Instruments whose measurement is not an image: tomographs, coherent and electron microscopes."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core import Measurement, Operator, Views
from unsup_jax.core.phasors import as_complex, cis
from unsup_jax.errors import InputError
from unsup_jax.modalities.microscope import Modality
from unsup_jax.noise import Gaussian, NoiseModel
from unsup_jax.operators import (
    Diffraction, FourierPtychography, Identity, Projection, Radon, ctf, filtered_back_projection, missing_wedge, parallel_angles,
    random_rotations,
)
from unsup_jax.operators.ptychography import circular_pupil


@dataclass(frozen=True)
class Tomograph(Modality):
    """Parallel-beam tomography of a slice, or of a volume about its first axis.

    Raises `InputError` on a specimen that is not square, or an extent outside (0, 360].
    """

    name: ClassVar[str] = "tomography"

    noise: NoiseModel = Gaussian(20.0)
    """Noise of the line integrals."""
    views: int = 60
    """Number of angles."""
    extent_degrees: float = 180.0
    """Angle that the views are spread over; less than 180 leaves a wedge out."""

    def __post_init__(self):
        if self.views < 1 or not 0 < self.extent_degrees <= 360:
            raise InputError(f"Tomograph takes views >= 1 over an extent in (0, 360] degrees, not {self.views}, {self.extent_degrees}")

    def operator(self, key: Array, x: Array) -> Operator:
        size = _square(x, "Tomograph")
        return Radon(parallel_angles(self.views, extent=float(np.deg2rad(self.extent_degrees))), size)


@dataclass(frozen=True)
class TiltSeries(Modality):
    """Electron tomography of a volume [y, z, x]: tilts about y within +-`largest_degrees`, and a missing wedge."""

    name: ClassVar[str] = "electron tomography"

    noise: NoiseModel = Gaussian(20.0)
    """Noise of the projections."""
    largest_degrees: float = 60.0
    """Largest tilt."""
    step_degrees: float = 3.0
    """Angle between tilts."""

    def operator(self, key: Array, x: Array) -> Operator:
        return Radon(missing_wedge(float(np.deg2rad(self.largest_degrees)), float(np.deg2rad(self.step_degrees))), _square(x, "TiltSeries"))


@dataclass(frozen=True)
class Tomogram(TiltSeries):
    """Two tomograms of a volume [y, z, x], filtered back-projections of the halves of a tilt series: y and its pair.

    Raises `InputError` on a specimen whose last two axes differ.
    """

    name: ClassVar[str] = "tomograms"

    step_degrees: float = 2.0
    """Angle between tilts."""
    halves: Literal["tilts", "dose"] = "tilts"
    """Even and odd tilts, or even and odd frames of every tilt, each of twice the noise's variance."""

    def of_image(self, y: Array) -> Operator:
        return Identity()

    def measure(self, key: Array, x: Array) -> Measurement:
        H = self.operator(key, x)
        views = [H.angles[0::2], H.angles[1::2]] if self.halves == "tilts" else [H.angles, H.angles]

        def tomogram(key, angles):
            half = H.replace(angles=angles)
            clean = half(x)
            noisy = clean + (self.noise.sample(key, clean) - clean) * (2**0.5 if self.halves == "dose" else 1)
            return filtered_back_projection(half, noisy, window="hann")

        y, pair = (tomogram(k, angles) for k, angles in zip(jax.random.split(key), views))
        return Measurement(y, Identity(), pair=pair, truth=x)


@dataclass(frozen=True)
class DiffractionTomograph(Modality):
    """Optical diffraction tomography under Rytov's approximation: grey values become a refractive index.

    The truth is the scattering potential f = k^2 ((n / n_medium)^2 - 1). Raises `InputError` on pixels that are
    too large for the wavelength.
    """

    name: ClassVar[str] = "diffraction tomography"

    noise: NoiseModel = Gaussian(0.02)
    """Complex noise of the Rytov phases, radians."""
    views: int = 90
    """Angles of illumination, evenly over the full turn."""
    index_contrast: float = 0.03
    """n - n_medium of a specimen of 100 grey values."""
    medium_index: float = 1.335
    """n_medium."""
    wavelength_um: float = 0.5
    """Vacuum wavelength."""
    pixel_size_um: float = 0.1
    """Pixels of specimen and detector."""

    def __post_init__(self):
        if self.wavenumber > np.pi:
            raise InputError(f"DiffractionTomograph has {self.wavenumber:.3g} rad a pixel; pixel_size_um is at most half the wavelength in the medium")

    @property
    def wavenumber(self) -> float:
        """k, radians per pixel."""
        return float(2 * np.pi * self.medium_index * self.pixel_size_um / self.wavelength_um)

    def specimen(self, x: Array) -> Array:
        ratio = 1 + self.index_contrast / self.medium_index * x / 100
        return as_complex(self.wavenumber**2 * (jnp.square(ratio) - 1))

    def operator(self, key: Array, x: Array) -> Operator:
        angles = parallel_angles(self.views, extent=2 * np.pi)
        return Diffraction(angles, jnp.float32(self.wavenumber), _square(x, "DiffractionTomograph"))


@dataclass(frozen=True)
class ElectronMicroscope(Modality):
    """Single-particle cryo-EM: projections of one volume at known random orientations, each behind its own CTF."""

    name: ClassVar[str] = "cryo-EM"

    noise: NoiseModel = Gaussian(200.0)
    """Noise of the images."""
    projections: int = 100
    """Images of the volume."""
    pixel_size_angstrom: float = 2.0
    """Pixels of volume and images."""
    defocus_angstrom: float = 15000.0
    """Mean underfocus; images lie within a fifth of it."""
    voltage_kv: float = 300.0
    """Acceleration voltage."""

    def operator(self, key: Array, x: Array) -> Operator:
        turn, focus = jax.random.split(key)
        size = _square(x, "ElectronMicroscope")
        defocus = self.defocus_angstrom * jax.random.uniform(focus, (self.projections,), minval=0.8, maxval=1.2)
        transfer = jax.vmap(lambda d: ctf(
            size, pixel_size_angstrom=self.pixel_size_angstrom, defocus_u_angstrom=d, voltage_kv=self.voltage_kv))(defocus)
        return Views(Projection(random_rotations(turn, self.projections), transfer=transfer, width=2))


@dataclass(frozen=True)
class FourierPtychographicMicroscope(Modality):
    """Low-resolution intensities of a phase object lit from a square array of LEDs."""

    name: ClassVar[str] = "Fourier ptychography"

    noise: NoiseModel = Gaussian(0.01)
    """Noise of the amplitudes, of an incident plane wave of amplitude one."""
    leds: int = 9
    """LEDs along each side of the array."""
    coarser: int = 4
    """Pixels of the object along one of the camera."""
    aperture: float = 0.35
    """Cut-off of the pupil, cycles per camera pixel."""
    overlap: float = 0.6
    """Part of a pupil's radius that neighbouring LEDs have in common: their distance is (1 - overlap) of its diameter."""

    def specimen(self, x: Array) -> Array:
        return (1 - 0.2 * as_complex(x) / 100) * cis(x / 100)

    def operator(self, key: Array, x: Array) -> Operator:
        size = _square(x, "FourierPtychographicMicroscope")
        low = size // self.coarser
        cutoff = self.aperture * low
        step = max(1, int(round(2 * (1 - self.overlap) * cutoff)))
        line = (np.arange(self.leds) - self.leds // 2) * step
        shifts = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
        return FourierPtychography(circular_pupil(low, cutoff), jnp.asarray(shifts, jnp.int32), size, amplitude=True)


def _square(x, who):
    if x.shape[-2] != x.shape[-3]:
        raise InputError(f"{who} images square specimens; this one has the shape {x.shape}")
    return x.shape[-2]
