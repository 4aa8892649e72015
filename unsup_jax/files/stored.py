"""The images of a file, read and written where a part of them is wanted; and other arrays that are made where they are wanted."""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.picture import Picture, as_stored, channels_last, indices


class Deferred:
    """An array in float32 that `numpy.asarray` reads or computes, anew each time. A subclass has its `shape`."""

    __slots__ = ()

    dtype = np.dtype(np.float32)

    @property
    def ndim(self) -> int:
        """Axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return int(np.prod(self.shape))


class Computed(Deferred):
    """make(place), an array of that shape: one of many that differ in their place alone. A part of it is computed with the whole."""

    __slots__ = ("_make", "_place", "shape")

    def __init__(self, make: Callable[[int], np.ndarray], place: int, shape: tuple[int, ...]):
        self._make, self._place, self.shape = make, place, shape

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.asarray(self)[index]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self._make(self._place), dtype or np.float32)


class Rescaled(Deferred):
    """gain x + offset of an image on the disk, wherever it is read."""

    __slots__ = ("_image", "_gain", "_offset", "shape")

    def __init__(self, image: Deferred, gain: float, offset: float):
        self._image, self._gain, self._offset, self.shape = image, gain, offset, image.shape

    def __getitem__(self, window: tuple[slice, ...]) -> "Rescaled":
        return Rescaled(self._image[window], self._gain, self._offset)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return (np.float32(self._gain) * np.asarray(self._image) + np.float32(self._offset)).astype(dtype or np.float32)


class Windowed(Deferred):
    """One image [*S, C] on the disk, or a window of it: slices of its axes of space are windows too. A subclass reads it, from `_corner` on."""

    __slots__ = ("_corner", "shape")

    def __getitem__(self, window: tuple[slice, ...]) -> "Windowed":
        spans = [range(n)[part] for n, part in zip(self.shape, window, strict=False)]
        if any(not isinstance(span, range) or span.step != 1 for span in spans) or len(spans) > len(self._corner):
            raise IndexError(f"a window of an image of shape {self.shape} is a slice of step 1 for each axis of space, not {window}")
        part = copy(self)
        part._corner = tuple(at + span.start for at, span in zip(self._corner, spans)) + self._corner[len(spans):]
        part.shape = (*map(len, spans), *self.shape[len(spans):])
        return part

    @property
    def window(self) -> tuple[slice, ...]:
        """The part of the whole image that this is, along each axis of space."""
        return tuple(slice(at, at + n) for at, n in zip(self._corner, self.shape))


class Stored(Windowed):
    """One image of a file as [*S, C] in float32, or a window of it.

    `numpy.asarray` reads it, less the picture's offset, which is `InputError` where pixels are not finite.
    """

    __slots__ = ("_picture", "_place", "_dimensions")

    def __init__(self, picture: Picture, place: tuple, dimensions: int):
        sizes = dict(zip(picture.axes, picture.array.shape))
        self._picture, self._place, self._dimensions = picture, place, dimensions
        self._corner = (0,) * dimensions
        self.shape = (*(sizes[a] for a in picture.spatial(dimensions)), int(np.prod([sizes[a] for a in picture.channels()])))

    @property
    def stored_dtype(self) -> np.dtype:
        """The type that the file has."""
        return np.dtype(self._picture.array.dtype)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        offset = self._picture.offset
        image = self._read(np.float64) - offset if offset else self._read(np.float32)
        if bad := image.size - int(np.count_nonzero(np.isfinite(image))):
            raise InputError(f"{self._picture.path}: {bad} pixels are NaN or infinite; replace them first")
        return image.astype(np.float32, copy=False).astype(dtype or np.float32, copy=False)

    def exact(self) -> np.ndarray:
        """The pixels in double precision, as they are."""
        return self._read(np.float64)

    def _read(self, dtype):
        picture = self._picture
        window = dict(zip(picture.spatial(self._dimensions), self.window))
        pixels = picture.array[tuple(window.get(a, i) for a, i in zip(picture.axes, self._place))]
        return channels_last(picture, self._dimensions)(np.asarray(pixels, dtype))


class Target:
    """One image of an output as [*S, C], written where it is assigned, in the type of the file."""

    def __init__(self, written: Any, picture: Picture, place: tuple, dimensions: int):
        self._written, self._picture, self._place, self._dimensions = written, picture, place, dimensions

    def __setitem__(self, window: tuple[slice, ...], values: np.ndarray) -> None:
        by_axis = dict(zip(self._picture.spatial(self._dimensions), window))
        index = tuple(by_axis.get(a, i) for a, i in zip(self._picture.axes, self._place))
        self._written[index] = as_stored(self._picture, self._dimensions, np.asarray(values))


class Decoded:
    """The array of a file that is decoded as a whole, by `read`, each time it is sliced: of many such files not all fit into memory."""

    def __init__(self, read: Callable[[], np.ndarray], like: np.ndarray):
        self._read, self.shape, self.ndim, self.dtype = read, like.shape, like.ndim, like.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._read()[index]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self._read(), dtype)


def stored(picture: Picture, dimensions: int) -> list[Stored]:
    """The independent images of a file; Z is space for 3 dimensions, else a count. `InputError` on 3 dimensions without a Z axis."""
    return [Stored(picture, place, dimensions) for place in indices(picture, dimensions)]


def targets(written: Any, picture: Picture, dimensions: int) -> list[Target]:
    """The images of an array like the picture's, to be written."""
    return [Target(written, picture, place, dimensions) for place in indices(picture, dimensions)]


def images(picture: Picture, dimensions: int) -> list[np.ndarray]:
    """The same, read into memory."""
    return [np.asarray(image) for image in stored(picture, dimensions)]
