"""A scan: k-space of several coils, and what its file says beside it; whatever its format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError


@dataclass(frozen=True)
class Space:
    """A grid of samples along readout, phase and partition encoding, and what they span."""

    matrix: tuple[int, int, int]
    field_of_view_mm: tuple[float, float, float]

    def voxel_size_mm(self) -> np.ndarray:
        """[3]: field of view over matrix."""
        return np.asarray(self.field_of_view_mm) / self.matrix


@dataclass(frozen=True)
class Geometry:
    """Where the voxels of images [slice, H, W] lie, in mm towards the patient's right, front and head are counted as NIfTI does."""

    steps: np.ndarray
    """[3, 3]: from a voxel to the next along slices, rows and columns."""
    centre: np.ndarray
    """[3]: of the voxel (0, H // 2, W // 2), which stays where it is when an image is cropped about its middle."""
    even: bool = True
    """Whether the slices are parallel and equally far apart, so that one step leads from each to the next."""

    def affine(self, height: int, width: int) -> np.ndarray:
        """[4, 4]: from the index (column, row, slice) of an image of that size to mm."""
        result = np.eye(4)
        result[:3, :3] = self.steps[::-1].T
        result[:3, 3] = self.centre - height // 2 * self.steps[1] - width // 2 * self.steps[2]
        return result


class Slices(Sequence):
    """k-space [slice, ...] of a file, each slice of one `shape` and read when it is asked for; `InputError` then where it is damaged."""

    dtype = np.dtype(np.complex64)

    def __init__(self, path: Path, count: int, shape: tuple[int, ...], read: Callable[[int], np.ndarray]):
        self.path, self.shape, self._read = path, (count, *shape), read

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int | slice) -> "np.ndarray | Slices":
        at = range(len(self))[index]
        if isinstance(at, range):
            return Slices(self.path, len(at), self.shape[1:], lambda i: self._read(at[i]))
        try:
            return self._read(at)
        except InputError:
            raise
        except (OSError, ValueError) as error:                      # what h5py and a damaged line raise
            raise InputError(f"{self.path}: slice {at} is not readable as k-space ({error})") from error

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.stack(list(self)).astype(dtype or self.dtype, copy=False)


@dataclass(frozen=True)
class Trajectory:
    """Where the samples of a scan lie that are on no grid."""

    coordinates: Sequence[np.ndarray]
    """Of each slice [samples, 2]: cycles a pixel along the rows and columns of its image."""
    frame: tuple[int, int]
    """Rows and columns of the image that the field of view of the samples takes."""
    weights: Sequence[np.ndarray] | None = None
    """Of each slice [samples]: the density compensation that the file holds, in any unit."""


@dataclass(frozen=True)
class Scan:
    """k-space of independent slices; of a grid, what is zero in all coils was not sampled. What a file does not say is None."""

    path: Path
    kspace: np.ndarray | Slices
    """[slice, coil, H, W] complex64, zero frequency at H // 2 and W // 2; the readout is along H where it is known. Of a
    `trajectory`, [coil, samples] of each slice."""
    matrix: tuple[int, int] | None = None
    """Rows and columns of the image that is wanted, the middle of what k-space makes; None: all."""
    encoded: Space | None = None
    reconstructed: Space | None = None
    geometry: Geometry | None = None
    coil_names: tuple[str, ...] = ()
    header: str = ""
    """The file's own header."""
    trajectory: Trajectory | None = None
    """Of samples on no grid."""
    noise: np.ndarray | None = None
    """[coil, coil]: E[w w*] of the complex noise w of a sample that was acquired once."""
    averages: Sequence[np.ndarray] | None = None
    """Of each slice, how often its samples were acquired and averaged, as it broadcasts over [H, W]; once where it is None."""
    volumes: int = 1
    """How often each place was imaged: the slices of the first repetition, contrast, phase or set, then those of the next."""

    @property
    def oversampling(self) -> tuple[float, float, float] | None:
        """Field of view encoded over field of view wanted, along readout, phase and partition encoding."""
        if self.encoded is None or self.reconstructed is None:
            return None
        return tuple(np.divide(self.encoded.field_of_view_mm, self.reconstructed.field_of_view_mm).tolist())

    def cropped(self, images: np.ndarray) -> np.ndarray:
        """The middle of images [slice, H, W, ...] that is wanted."""
        if self.matrix is None:
            return images
        for axis, wanted in zip((1, 2), self.matrix):
            images = images[(slice(None),) * axis + (middle(images.shape[axis], wanted),)]
        return images


def checked(scan: Scan) -> Scan:
    """The scan, or `InputError` where its k-space is empty, not finite, or has its zero frequency elsewhere than in the middle.

    Of one that is read slice by slice, up to eight slices all over it are looked at.
    """
    if scan.trajectory is not None:
        return _checked_samples(scan)
    kspace = scan.kspace
    if kspace.ndim != 4 or not np.issubdtype(kspace.dtype, np.complexfloating):
        raise InputError(f"{scan.path}: k-space of type {kspace.dtype} and shape {kspace.shape}; accepted is complex [slice, coil, H, W]")
    if min(kspace.shape[2:]) < 8:
        raise InputError(f"{scan.path}: shape {kspace.shape}; an image takes 8 or more samples along each axis, here {kspace.shape[2:]}")
    energy = sum(_energy(kspace[i]) for i in _looked_at(kspace))
    if not np.isfinite(energy).all() or not energy.any():
        raise InputError(f"{scan.path}: the k-space is all zero, or holds values that are NaN or infinite")
    peak = np.unravel_index(energy.argmax(), energy.shape)
    if any(abs(place - n // 2) > n // 4 for place, n in zip(peak, energy.shape)):
        raise InputError(
            f"{scan.path}: k-space is largest at {tuple(map(int, peak))} of {energy.shape[0]} x {energy.shape[1]}; accepted is k-space with zero "
            "frequency in the middle (fftshift it)")
    return scan


def _checked_samples(scan):
    for i in _looked_at(scan.kspace):
        energy, k = _energy(scan.kspace[i]), scan.trajectory.coordinates[i]
        if not (np.isfinite(energy).all() and np.isfinite(k).all() and energy.any()):
            raise InputError(f"{scan.path}: the samples are all zero, or they or their places are NaN or infinite")
        if np.abs(k[energy.argmax()]).max() > 0.25:
            raise InputError(f"{scan.path}: k-space is largest at {k[energy.argmax()]} cycles a pixel; accepted are trajectories about zero frequency")
    return scan


def _looked_at(kspace):
    return range(len(kspace)) if isinstance(kspace, np.ndarray) else sorted({*np.linspace(0, len(kspace) - 1, 8).astype(int).tolist()})


def _energy(one):
    return np.sum(np.square(one.real, dtype=np.float64) + np.square(one.imag, dtype=np.float64), 0)


def middle(size: int, wanted: int) -> slice:
    """The `wanted` samples, or all where there are fewer, about `size // 2`."""
    wanted = min(size, wanted)
    return slice(size // 2 - wanted // 2, size // 2 - wanted // 2 + wanted)


def without_oversampling(kspace: np.ndarray, wanted: int) -> np.ndarray:
    """k-space [coil, H, W] of the `wanted` middle rows of the image, of lines along H that are sampled wholly or not at all."""
    if wanted >= kspace.shape[1]:
        return kspace
    return _transform(np.fft.fft, _transform(np.fft.ifft, kspace, 1)[:, middle(kspace.shape[1], wanted)], 1).astype(np.complex64)


def slices_along(volume: np.ndarray, axis: int, wanted: int | None = None) -> np.ndarray:
    """k-space [slice, coil, ...] of the `wanted` middle slices across a whole `axis` of k-space [coil, ...]."""
    volume = _transform(np.fft.ifft, volume, axis)
    volume = volume[(slice(None),) * axis + (middle(volume.shape[axis], wanted or volume.shape[axis]),)]
    return np.ascontiguousarray(np.moveaxis(volume, axis, 0)).astype(np.complex64)


def _transform(transform, kspace, axis):
    """A unitary transform along an axis with zero frequency, and the image's centre, in its middle."""
    return np.fft.fftshift(transform(np.fft.ifftshift(kspace, axis), axis=axis, norm="ortho"), axis)


def is_whole(kspace: np.ndarray, axis: int) -> bool:
    """Whether lines along an axis are sampled wholly or not at all; single zeros are none of sampling."""
    part = (kspace != 0).mean(axis)
    return part[part > 0].mean() > 0.99
