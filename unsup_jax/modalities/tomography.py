"""Parallel-beam tomographs of light and X-rays."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import jax
import numpy as np
from jax import Array

from unsup_jax import files
from unsup_jax.core import Measurement, Operator
from unsup_jax.errors import InputError
from unsup_jax.files.projections import is_exchange, read_angles, read_exchange, read_images, with_angles, with_field
from unsup_jax.modalities.base import Modality, Recording, square
from unsup_jax.modalities.projections import axis_seen, line_integrals, recording, write_slices
from unsup_jax.noise import Gaussian, NoiseModel
from unsup_jax.operators import Radon, parallel_angles


@dataclass(frozen=True)
class Tomograph(Modality):
    """Parallel-beam tomography of a slice, or of a volume about its first axis.

    It reads projections from HDF5 as DXchange and TomoPy write it, and from images with the `angles`. Raises `InputError` on a
    specimen that is not square, or an extent outside (0, 360].
    """

    name: ClassVar[str] = "tomography"
    records: ClassVar[str] = "projections of a turning specimen"
    own: ClassVar[str] = ("projections in HDF5 of DXchange (exchange/data), or images of them with --modality.angles; or --data.clean, images "
                          "that it measures in simulation")
    written: ClassVar[tuple[str, ...]] = files.VOLUMES

    noise: NoiseModel = Gaussian(20.0)
    """Noise of the line integrals."""
    views: int = 60
    """Number of angles."""
    extent_degrees: float = 180.0
    """Angle that the views are spread over; less than 180 leaves a wedge out."""
    turned: bool = False
    """Each specimen is first turned by an angle of its own, uniform over half a turn, which is known."""
    angles: str | None = None
    """The angles of images of projections: a text with one in degrees a line, or "even" where they are spread evenly over
    `extent_degrees`. Images are [angle, row, detector], or sinograms [angle, detector]; other orders are named by
    --data.axes, such as YAX of a stack of sinograms."""
    centre: float | None = None
    """Where the axis of rotation is seen, pixels from the detector's first; None: it is found."""
    flat: str | None = None
    """An image, or frames, of the detector without the specimen, where the file holds none."""
    dark: str | None = None
    """An image, or frames, of the detector without a beam, where the file holds none."""
    logarithm: bool | None = None
    """Whether files hold what was transmitted, whose logarithm is taken, or line integrals; None: transmitted where a flat field is known."""

    def __post_init__(self):
        if self.views < 1 or not 0 < self.extent_degrees <= 360:
            raise InputError(f"Tomograph takes views >= 1 over an extent in (0, 360] degrees, not {self.views}, {self.extent_degrees}")

    def operator(self, key: Array, x: Array) -> Operator:
        size = square(x, "Tomograph")
        angles = self._evenly(self.views) if self.angles in (None, "even") else np.float32(read_angles(self.angles))
        return Radon(angles + jax.random.uniform(key, (), angles.dtype, 0, np.pi) if self.turned else angles, size)

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        return is_exchange(path)

    def reads(self, path: str | Path) -> bool:
        return self.recognises(path) or (self.angles is not None and files.is_image(path))

    def read(
        self, paths: Sequence[str | Path], *, axes: str | None = None, dimensions: int = 2, channels: int | None = None,
    ) -> list[Recording]:
        """Each row of the detector as a sinogram, or with 3 dimensions all of them as one; the axis is looked for in each file."""
        return [self._recording(path, axes, dimensions) for path in paths]

    def notes(self, measurements: Sequence[Measurement]) -> list[str]:
        seen = sorted({axis_seen(one) for one in measurements})
        places = ", ".join(f"{place:.2f} of {width}" for place, width in seen)
        return [f"The axis of rotation was {'found' if self.centre is None else 'given'} at pixel {places} of the detector."]

    def store(self, output: str | Path, pictures: Sequence[np.ndarray], like: Recording) -> str:
        return write_slices(output, pictures, like)

    def _recording(self, path, axes, dimensions):
        if self.recognises(path):
            found = read_exchange(path)
        else:
            found = read_images(path, axes)
            angles = self._evenly(len(found.counts)) if self.angles == "even" else read_angles(self.angles)
            found = with_angles(found, np.asarray(angles))
        for name in ("flat", "dark"):
            if getattr(self, name) is not None:
                found = with_field(found, name, getattr(self, name))
        return recording(found, line_integrals(found, logarithm=self.logarithm), self.centre, dimensions)

    def _evenly(self, count):
        return parallel_angles(count, extent=float(np.deg2rad(self.extent_degrees)))
