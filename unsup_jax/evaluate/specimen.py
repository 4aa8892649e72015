"""One specimen from many images: its map in slices and projections, its correlation with the truth, and between two halves of the data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsup_jax import files
from unsup_jax.errors import InputError
from unsup_jax.evaluate.alignment import align, ball_correlation
from unsup_jax.evaluate.base import Analysis
from unsup_jax.evaluate.resolution import ball_mask, masked_shell_correlation
from unsup_jax.files.metadata import Metadata, Scale
from unsup_jax.lazy import Lazy

figures = Lazy("unsup_jax.evaluate.figures")


def write_map(path: Path, x: np.ndarray, pixel_size_angstrom: float | None) -> None:
    """A volume [D, D, D, 1] as an MRC, with the size of its voxels where that is known."""
    scales = {} if pixel_size_angstrom is None else {axis: Scale(pixel_size_angstrom, "Å") for axis in "ZYX"}
    files.write_image(path, np.float32(x[..., 0]), "ZYX", Metadata(scales=scales))


@dataclass(frozen=True)
class Specimen(Analysis):
    """Maps [D, D, D, 1] of one specimen. Raises `InputError` on a voxel size that is not positive.

    The map of each method is written beside the report, as MAP_METHOD.mrc. That of the run on the other half of the data
    (`--data.half`) is brought onto it, over rotations and the mirror, before the two are correlated.
    """

    pixel_size_angstrom: float | None = None
    """Size of a voxel, which maps are written with; None: not known, and resolutions are in voxels."""
    half: str | None = None
    """MRC of the map that a run on the other half of the data left."""
    radius: float = 0.8
    """Radius of the mask in which halves are correlated, of half the box."""

    def __post_init__(self):
        if not ((self.pixel_size_angstrom is None or self.pixel_size_angstrom > 0) and 0 < self.radius <= 1):
            raise InputError(f"voxels and the mask's radius are positive, the radius 1 at most, not {self.pixel_size_angstrom} and {self.radius}")

    def check(self, shapes: list[tuple[int, ...]]) -> None:
        if self.half is not None:
            self._other(shapes[0][-2])

    def scores(self, estimates, test, reference) -> dict[str, float]:
        found = {}
        if test[0].truth is not None:
            found["correlation"] = float(np.mean([ball_correlation(x, np.asarray(m.truth)) for x, m in zip(estimates, test)]))
        if self.half is not None:
            curves, size, unit = self._halves(estimates[0]), self.pixel_size_angstrom or 1.0, "Å" if self.pixel_size_angstrom else "px"
            found |= {f"FSC .143 of halves ({unit})": curves.unmasked.resolution("0.143") * size,
                      f"the same, masked and corrected ({unit})": curves.corrected.resolution("0.143") * size}
        return found

    def figures(self, directory: Path, estimates: dict[str, list[np.ndarray]]) -> dict[str, Path]:
        maps = {label: np.asarray(each[0]) for label, each in estimates.items()}
        figures.volumes(directory / "volumes.png", maps)
        made = {"Central slices along three axes, and projections": directory / "volumes.png"}
        for label, x in maps.items():
            name = "".join(c if c.isalnum() else "_" for c in label.lower())
            write_map(directory / f"map_{name}.mrc", x, self.pixel_size_angstrom)
        if self.half is not None:
            curves = {}
            for label, x in maps.items():
                if label != "truth":
                    both = self._halves(x)
                    curves |= {f"{label}": both.unmasked, f"{label}, masked": both.masked, f"{label}, masked and corrected": both.corrected}
            figures.shell_correlations(directory / "halves.png", curves, 0.143)
            made["Fourier shell correlation of the maps of both halves of the data"] = directory / "halves.png"
        return made

    def _halves(self, x):
        """The curves of a map and of that of the other half, which is aligned with it."""
        other = self._other(x.shape[0])
        return masked_shell_correlation(x, align(other, x).apply(other), ball_mask(len(x), self.radius * len(x) / 2))

    def _other(self, size):
        x = np.asarray(files.open_image(self.half).array, np.float32)[..., None]
        if x.shape != (size, size, size, 1):
            raise InputError(f"{self.half}: a map of shape {x.shape[:-1]}; the other half's has {size} voxels along each axis")
        return x
