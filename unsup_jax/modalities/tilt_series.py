"""Electron tomographs: tilt series, and the tomograms that are made of their halves."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import jax
import numpy as np
from jax import Array

from unsup_jax import files
from unsup_jax.core import Measurement, Operator
from unsup_jax.files.projections import angles_beside, read_angles, read_images, with_angles
from unsup_jax.modalities.base import Modality, Recording, square
from unsup_jax.modalities.imager import Imager
from unsup_jax.modalities.projections import recording, write_slices
from unsup_jax.noise import Gaussian, NoiseModel
from unsup_jax.operators import Identity, Radon, filtered_back_projection, missing_wedge


@dataclass(frozen=True)
class TiltSeries(Modality):
    """Electron tomography of a volume [y, z, x]: tilts about y within +-`largest_degrees`, and a missing wedge.

    It reads aligned series, [tilt, y, x] in MRC or another format of images, whose angles are in a text beside them. A tilt that counts
    electrons, all positive, is divided by its mean; every tilt is counted from its mean.
    """

    name: ClassVar[str] = "electron tomography"
    records: ClassVar[str] = "a tilt series"
    own: ClassVar[str] = ("a tilt series (.mrc .st .ali .tif) with its angles in .tlt or .rawtlt beside it, or in --modality.angles; or --data.clean, "
                          "images that it measures in simulation")
    written: ClassVar[tuple[str, ...]] = (".mrc", ".rec", *(end for end in files.VOLUMES if end not in (".mrc", ".rec")))

    noise: NoiseModel = Gaussian(20.0)
    """Noise of the projections."""
    largest_degrees: float = 60.0
    """Largest tilt."""
    step_degrees: float = 3.0
    """Angle between tilts."""
    angles: str | None = None
    """A text with the angle of each tilt, one in degrees a line; None: that of the series' name ending in .tlt or .rawtlt."""
    centre: float | None = None
    """Where the axis is seen, pixels from the first column; None: in the middle, where an alignment puts it."""
    contrast: Literal["dark", "bright"] = "dark"
    """How files show what is there: dark, as micrographs are recorded, which is turned over, or bright."""

    def operator(self, key: Array, x: Array) -> Operator:
        return _tilted(self, x)

    def reads(self, path: str | Path) -> bool:
        return files.is_image(path) and self._angles_of(path) is not None

    def read(
        self, paths: Sequence[str | Path], *, axes: str | None = None, dimensions: int = 2, channels: int | None = None,
    ) -> list[Recording]:
        """Each row of a series as the tilts of a slice [z, x], or with 3 dimensions the whole series as those of a volume."""
        recordings = []
        for path in paths:
            found = with_angles(read_images(path, axes), read_angles(self._angles_of(path)))
            means = found.counts.mean((1, 2), keepdims=True)
            y = found.counts / means - 1 if (found.counts > 0).all() else found.counts - means
            centre = (y.shape[2] - 1) / 2 if self.centre is None else self.centre
            recordings.append(recording(found, -y if self.contrast == "dark" else y, centre, dimensions))
        return recordings

    def notes(self, measurements: Sequence[Measurement]) -> list[str]:
        return ["The series was turned over: what is there, dark in it, is bright in the volume."] if self.contrast == "dark" else []

    def store(self, output: str | Path, pictures: Sequence[np.ndarray], like: Recording) -> str:
        return write_slices(output, pictures, like, order="YZX")

    def _angles_of(self, path):
        return self.angles or angles_beside(files.parted(path)[0])


@dataclass(frozen=True)
class Tomogram(Imager):
    """Two tomograms of a volume [y, z, x], filtered back-projections of the halves of a tilt series: y and its pair.

    Raises `InputError` on a specimen whose last two axes differ.
    """

    name: ClassVar[str] = "tomograms"

    noise: NoiseModel = Gaussian(20.0)
    """Noise of the projections."""
    largest_degrees: float = 60.0
    """Largest tilt."""
    step_degrees: float = 2.0
    """Angle between tilts."""
    halves: Literal["tilts", "dose"] = "tilts"
    """Even and odd tilts, or even and odd frames of every tilt, each of twice the noise's variance."""

    def operator(self, key: Array, x: Array) -> Operator:
        return _tilted(self, x)

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


def _tilted(instrument, x):
    angles = missing_wedge(float(np.deg2rad(instrument.largest_degrees)), float(np.deg2rad(instrument.step_degrees)))
    return Radon(angles, square(x, type(instrument).__name__))
