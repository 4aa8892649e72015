"""Fourier ptychographic microscopes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax import files
from unsup_jax.core import Measurement, Operator
from unsup_jax.errors import InputError
from unsup_jax.files.leds import is_leds, read_mat, read_stack
from unsup_jax.files.metadata import Channel, Metadata, Scale
from unsup_jax.files.table import read_table
from unsup_jax.modalities.base import Recording, square
from unsup_jax.modalities.coherent import CoherentMicroscope
from unsup_jax.operators import FourierPtychography
from unsup_jax.operators.ptychography import led_shifts
from unsup_jax.operators.pupil import circular_pupil


@dataclass(frozen=True)
class FourierPtychographicMicroscope(CoherentMicroscope):
    """Low-resolution intensities of a phase object lit from a square array of LEDs.

    It reads the image of each LED, from a MATLAB file ("imlow_HDR") or a stack, whose brightest pixel is counted one; what they say
    of the light stands where you do not. Raises `InputError` on own images of which something is missing.
    """

    name: ClassVar[str] = "Fourier ptychography"
    records: ClassVar[str] = "images of LEDs"
    own: ClassVar[str] = ("images of LEDs, in a .mat (imlow_HDR) or a stack with --modality.positions; or --data.clean, images that it measures "
                          "in simulation")
    written: ClassVar[tuple[str, ...]] = files.VOLUMES

    leds: int = 9
    """LEDs along each side of the array."""
    coarser: int = 4
    """Pixels of the object along one of the camera."""
    aperture: float = 0.35
    """Cut-off of the pupil, cycles per camera pixel."""
    overlap: float = 0.6
    """Part of a pupil's radius that neighbouring LEDs have in common: their distance is (1 - overlap) of its diameter."""
    positions: str | None = None
    """Where the LEDs of own images are: a text with x and y in mm a line; "spiral" for a square array that is lit from its middle
    outwards, the second LED along x and the third along y."""
    pitch_mm: float | None = None
    """Distance of neighbouring LEDs of a spiral."""
    height_mm: float | None = None
    """Distance from the LEDs to the specimen."""
    glass_mm: float = 0.0
    """Thickness of the slide between them, of index 1.52, which brings the LEDs nearer."""
    numerical_aperture: float | None = None
    """Of the objective."""
    pixel_size_um: float | None = None
    """The camera's pixels in the specimen."""
    wavelength_um: float | None = None
    """Of the light; None: as the file says."""
    defocus_um: float | None = None
    """Of the specimen; None: as the file says, or zero."""
    lit: int | None = None
    """LEDs of own images that are used, the first ones; None for all."""
    part: int | None = None
    """Width of the parts that own images are cut into, camera pixels, each a measurement of its own; None for the whole field."""

    def __post_init__(self):
        super().__post_init__()
        if any(count is not None and count < 1 for count in (self.lit, self.part)):
            raise InputError(f"FourierPtychographicMicroscope needs lit and part of 1 or more, not {self.lit} and {self.part}")

    def operator(self, key: Array, x: Array) -> Operator:
        size = square(x, "FourierPtychographicMicroscope")
        low = size // self.coarser
        cutoff = self.aperture * low
        step = max(1, int(round(2 * (1 - self.overlap) * cutoff)))
        line = (np.arange(self.leds) - self.leds // 2) * step
        shifts = np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
        return FourierPtychography(circular_pupil(low, cutoff), jnp.asarray(shifts, jnp.int32), size, amplitude=True)

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        return is_leds(path)

    def reads(self, path: str | Path) -> bool:
        return self.recognises(path) or (self.positions is not None and files.is_image(path))

    def read(
        self, paths: Sequence[str | Path], *, axes: str | None = None, dimensions: int = 2, channels: int | None = None,
    ) -> list[Recording]:
        return [self._recording(read_mat(Path(path)) if self.recognises(path) else read_stack(path, axes)) for path in paths]

    def reference(self, one: Measurement, image: np.ndarray, source: Any = None) -> np.ndarray:
        """Amplitude and phase in two channels, as `write` leaves them in images, are the complex object."""
        return super().reference(one, image[..., :1] * np.exp(1j * image[..., 1:]) if image.shape[-1] == 2 else image)

    def parts(self, image: np.ndarray) -> list[np.ndarray]:
        return _cut(image, (0, 1), None if self.part is None else self.coarser * self.part)

    def store(self, output: str | Path, pictures: Sequence[np.ndarray], like: Recording) -> str:
        """The complex object in .npy and .h5, else its amplitude and its phase about the mean as two channels; a deviation as it is."""
        rows = math.isqrt(len(pictures))
        x = np.block([[x[..., 0] for x in pictures[i * rows : (i + 1) * rows]] for i in range(rows)])
        step = Scale(self.pixel_size_um / self.coarser, "µm")
        scales = {"Y": step, "X": step}
        size = f"{x.shape[0]} x {x.shape[1]}, {step.step:.4g} µm a pixel"
        if files.suffix(output) in (".npy", ".h5", ".hdf5") or not np.iscomplexobj(x):
            files.write_image(output, x, "YX", Metadata(scales=scales), source=like.path)
            return f"the complex object, {size}"
        both = np.stack([np.abs(x), np.angle(x * np.exp(-1j * np.angle(x.mean())))]).astype(np.float32)
        named = (Channel("amplitude"), Channel("phase (rad)"))
        files.write_image(output, both, "CYX", Metadata(scales=scales, channels=named), source=like.path)
        return f"amplitude and phase of the object, {size}"

    def _recording(self, found):
        known = {
            "positions": self.positions, "height_mm": self.height_mm, "numerical_aperture": self.numerical_aperture,
            "pixel_size_um": self.pixel_size_um, "wavelength_um": self.wavelength_um or found.wavelength_um,
        } | ({"pitch_mm": self.pitch_mm} if self.positions == "spiral" else {})
        if missing := [name for name, value in known.items() if value is None]:
            raise InputError(f"{found.path}: the images take --modality.{missing[0]}, which the file does not say")
        count, n = found.intensities.shape[:2]
        wavelength, pixel = known["wavelength_um"], self.pixel_size_um
        n = n if self.part is None else self.part
        shifts = led_shifts(
            self._places(found, count), height_mm=self.height_mm - self.glass_mm * (1 - 1 / 1.52), wavelength_um=wavelength,
            pixel_size_um=pixel, magnification=1.0, size=n)[: self.lit]
        cutoff = self.numerical_aperture / wavelength * n * pixel
        defocus = self.defocus_um if self.defocus_um is not None else found.defocus_um or 0.0
        line = (np.arange(n) - n // 2) / (n * pixel)
        square = line[:, None] ** 2 + line[None] ** 2
        wave = np.exp(-2j * np.pi * defocus * np.sqrt(np.maximum(1 / wavelength**2 - square, 0)))
        H = FourierPtychography(np.asarray(circular_pupil(n, cutoff)) * wave.astype(np.complex64), np.asarray(shifts), self.coarser * n, amplitude=True)
        y = np.sqrt(np.maximum(found.intensities[: self.lit] / found.intensities.max(), 0))[..., None]
        return Recording(found.path, [Measurement(part, H) for part in _cut(y, (1, 2), self.part)], replace(found, intensities=found.intensities[:0]))

    def _places(self, found, count):
        """(x, y) [LED, 2] of the LEDs, mm from the axis."""
        places = self.pitch_mm * spiral(count) if self.positions == "spiral" else read_table(self.positions, "places of LEDs, x and y in mm", 2)
        if len(places) != count:
            raise InputError(f"{found.path}: {count} images and {len(places)} positions of LEDs; each image has one")
        angle = np.deg2rad(found.rotation_degrees or 0.0)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return places @ turn.T + np.asarray(found.offset_mm or (0.0, 0.0))


def _cut(array: np.ndarray, axes: tuple[int, int], width: int | None) -> list[np.ndarray]:
    """The squares of an array along two axes, row by row; None leaves it whole. Raises `InputError` where they do not fill it."""
    if width is None:
        return [array]
    if any(array.shape[axis] % width for axis in axes):
        raise InputError(f"parts of {width} pixels (--modality.part) do not fill an image of shape {array.shape}")
    rows, columns = (array.shape[axis] // width for axis in axes)
    return [part for row in np.split(array, rows, axes[0]) for part in np.split(row, columns, axes[1])]


def spiral(count: int) -> np.ndarray:
    """(x, y) [count, 2] of the first places of a square lattice in the order of a spiral from its middle."""
    places, (x, y), (dx, dy), length = [(0, 0)], (0, 0), (1, 0), 1
    while len(places) < count:
        for _ in range(2):
            for _ in range(length):
                x, y = x + dx, y + dy
                places.append((x, y))
            dx, dy = -dy, dx
        length += 1
    return np.array(places[:count], float)
