r"""Single-molecule localisation microscopes: frames of a few blinking molecules each.

    y = B (h * x)

x is the light on a grid `finer` than the camera's, h the PSF there, and B the sum over the fine pixels of each of the camera's.
"""

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
from unsup_jax.files import thunderstorm
from unsup_jax.files.metadata import Metadata, Scale
from unsup_jax.lazy import Lazy
from unsup_jax.modalities.base import Modality, Recording
from unsup_jax.operators import Binning, Convolution, gaussian_psf

ndimage = Lazy("scipy.ndimage")


@dataclass(frozen=True)
class LocalizationMicroscope(Modality):
    """SMLM: each frame is measured by itself, on a grid finer than its pixels.

    It reads stacks of frames, from which the background is taken, and writes the sum of all frames, or a table of molecules as
    ThunderSTORM's (.csv). Raises `InputError` on sizes that are not positive, and on frames whose pixel size nobody says.
    """

    name: ClassVar[str] = "localisation"
    records: ClassVar[str] = "frames of blinking molecules"
    own: ClassVar[str] = "stacks of frames, or --data.clean, images that it measures in simulation"
    written: ClassVar[tuple[str, ...]] = (".csv", *files.VOLUMES)

    finer: int = 4
    """Pixels of the image along one of the camera."""
    sigma_nm: float = 130.0
    """Standard deviation of the PSF."""
    pixel_size_nm: float | None = None
    """The camera's pixels in the specimen; None: as the file says; 100 in simulation."""
    background: float | None = None
    """What is counted where nothing shines; None: the median of each pixel over the frames."""
    gain: float = 1.0
    """Counts of a photon."""
    faintest: float = 0.1
    """Light of the faintest molecule of a table, as a part of that of one at the 90th percentile of all."""

    def __post_init__(self):
        if self.finer < 1 or not self.sigma_nm > 0 or not self.gain > 0:
            raise InputError(f"LocalizationMicroscope needs finer >= 1, sigma_nm > 0 and gain > 0, not {self.finer}, {self.sigma_nm}, {self.gain}")

    def operator(self, key: Array, x: Array) -> Operator:
        return self._optics(tuple(n // self.finer for n in x.shape[:2]), self.pixel_size_nm or 100.0)

    def reads(self, path: str | Path) -> bool:
        return files.is_image(path)

    def read(
        self, paths: Sequence[str | Path], *, axes: str | None = None, dimensions: int = 2, channels: int | None = None,
    ) -> list[Recording]:
        """Each frame; those of a stack's Z and T are frames alike."""
        recordings = []
        for picture, frames in files.read_images(paths, axes, 2):
            scale = picture.metadata.scales.get("X")
            pixel = self.pixel_size_nm or (None if scale is None or (found := scale.to("nm")) is None else found.step)
            if pixel is None:
                raise InputError(f"{picture.path}: says no pixel size; give --modality.pixel_size_nm")
            stack = np.stack([np.asarray(frame) for frame in frames])
            if stack.shape[-1] != 1:
                raise InputError(f"{picture.path}: frames of {stack.shape[-1]} channels; accepted is one")
            stack = (stack - (np.median(stack, 0) if self.background is None else np.float32(self.background))) / np.float32(self.gain)
            H = jax.tree.map(np.asarray, self._optics(stack.shape[1:3], pixel))
            recordings.append(Recording(picture.path, [Measurement(frame, H) for frame in stack], pixel))
        return recordings

    def ending(self, path: str | Path) -> str | None:
        return ".tif"

    def write(self, output: str | Path, estimates: Sequence[np.ndarray], like: Recording) -> str:
        """The sum of all frames with its pixel size; in a .csv, the molecules that `molecules` finds in each."""
        if files.suffix(output) != ".csv":
            return super().write(output, estimates, like)
        found = [molecules(estimate[..., 0]) for estimate in estimates]
        frame = np.concatenate([np.full(len(light), t) for t, (_, light) in enumerate(found)])
        place, light = (np.concatenate(part) for part in zip(*found))
        kept = light >= self.faintest * np.quantile(light, 0.9) if len(light) else np.zeros(0, bool)
        thunderstorm.write(output, frame[kept], (place[kept] + 0.5) * like.source / self.finer, light[kept])
        return f"{int(kept.sum())} molecules in {len(estimates)} frames"

    def pictures(self, estimates: Sequence[np.ndarray], like: Recording) -> list[np.ndarray]:
        """The sum of all frames."""
        return [np.sum(estimates, 0, dtype=np.float32)]

    def store(self, output: str | Path, pictures: Sequence[np.ndarray], like: Recording) -> str:
        total, pixel = np.asarray(pictures[0], np.float32)[..., 0], like.source / self.finer
        files.write_image(output, total, "YX", Metadata(scales=dict.fromkeys("YX", Scale(pixel / 1000, "µm"))), source=like.path)
        return f"the sum of {len(like.measurements)} frames, {' x '.join(map(str, total.shape))}, {pixel:.4g} nm a pixel"

    def _optics(self, frame, pixel_size_nm):
        sigma = self.sigma_nm / pixel_size_nm * self.finer
        size = 2 * int(np.ceil(4 * sigma)) + 1
        psf = gaussian_psf(tuple(min(size, self.finer * n) for n in frame), sigma)
        return Binning((self.finer, self.finer)) @ Convolution(self.finer**2 * psf, boundary="zero")     # a mean of n^2 pixels is a sum


def molecules(light: np.ndarray, *, apart: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """(places [N, 2] in pixels, light [N]) of the molecules of an image [H, W] of light.

    Each is a pixel brighter than all others within `apart` of it along both axes. What shines above a twentieth of the brightest
    pixel belongs to the nearest of them in its own patch: their places are the centroids of that, their light its sum.
    """
    bright = light > 0.05 * light.max(initial=0)
    patch, _ = ndimage.label(bright, np.ones((3, 3)))
    tops, _ = ndimage.label(bright & (light == ndimage.maximum_filter(light, 2 * apart + 1)), np.ones((3, 3)))     # equal neighbours are one
    indices = np.arange(1, tops.max(initial=0) + 1)
    if not len(indices):
        return np.zeros((0, 2)), np.zeros(0)
    nearest = ndimage.distance_transform_edt(tops == 0, return_distances=False, return_indices=True)
    owner = np.where(bright, tops[tuple(nearest)], 0)
    own = np.concatenate([[0], ndimage.maximum(patch, tops, indices)])                                               # the patch of each top
    owner = np.where(own[owner] == patch, owner, 0)
    return np.array(ndimage.center_of_mass(light, owner, indices)), np.asarray(ndimage.sum_labels(light, owner, indices))
