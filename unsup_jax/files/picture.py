"""An image file as an array with named axes, whatever its format.

An axes string names each axis of an array: Y and X are always there, Z is depth, C or S are channels, and
every other letter (T, I, Q, ...) counts independent images.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata


@dataclass(frozen=True)
class Picture:
    """An opened image file: an array that is read when it is sliced, and what is needed to write its like."""

    path: Path
    kind: str
    array: Any
    axes: str
    metadata: Metadata = Metadata()
    parts: tuple[Path, ...] = ()
    """The other files that it was read from, where it lies in several."""
    offset: float = 0.0
    """What is taken from its pixels before they become float32, and added to those that are written like it."""

    def channels(self) -> str:
        """The axes that are channels."""
        return "".join(a for a in self.axes if a in "CS")

    def spatial(self, dimensions: int) -> str:
        """The axes that are space for a method of 2 or 3 dimensions."""
        return "ZYX" if dimensions == 3 else "YX"


def checked_axes(path: Path, axes: str | None, given: bool, shape: tuple[int, ...]) -> str:
    """The axes string of an array, guessed where none is found or given; `InputError` where it cannot be."""
    if axes is None:
        if len(shape) not in (2, 3):
            raise InputError(f"{path}: {len(shape)} axes of shape {tuple(shape)}; name them, for example --axes TZYX")
        axes = "YX" if len(shape) == 2 else "YXC" if shape[-1] <= 4 else "IYX"
    axes = axes.upper()
    word = "given" if given else "found"
    if len(axes) != len(shape):
        raise InputError(f"{path}: axes {axes!r} {word} for an array of {len(shape)} axes, shape {tuple(shape)}")
    if len(set(axes)) < len(axes) or not {"Y", "X"} <= set(axes) or not axes.isalpha():
        raise InputError(f"{path}: axes {axes!r} {word}; each letter stands once, and Y and X must be there")
    return axes


def check_alone(picture: Picture, paths: Iterable[str | Path]) -> None:
    """Raise `InputError` where others of `paths` are parts of the same picture, which would be read once for each."""
    parts = {part.resolve() for part in picture.parts}
    if parts and (other := next((path for path in paths if Path(path).resolve() in parts), None)):
        raise InputError(f"{picture.path}: is one image together with {other}; give one of them alone")


def indices(picture: Picture, dimensions: int) -> Iterator[tuple]:
    """The index of each independent image of a file, in the order of the file."""
    spatial = picture.spatial(dimensions)
    missing = set(spatial) - set(picture.axes)
    if missing:
        others = [a for a in picture.axes if a not in "YXCS"]
        named = picture.axes.replace(others[0], "Z") if len(others) == 1 else ""
        advice = f"; if {others[0]} is depth, give --axes {named} (to train, --data.axes {named})" if named else ""
        raise InputError(f"{picture.path}: axes {picture.axes!r} lack {sorted(missing)}, needed for {dimensions} dimensions{advice}")
    counts = [n if a not in spatial + "CS" else 1 for a, n in zip(picture.axes, picture.array.shape)]
    for place in np.ndindex(*counts):
        yield tuple(i if a not in spatial + "CS" else slice(None) for i, a in zip(place, picture.axes))


def channels_last(picture: Picture, dimensions: int):
    """A function that orders the axes of one image of the file as [*S, C]."""
    spatial, channels = picture.spatial(dimensions), picture.channels()
    left = [a for a in picture.axes if a in spatial + channels]
    order = [left.index(a) for a in spatial + channels]

    def ordered(image: np.ndarray) -> np.ndarray:
        image = image.transpose(order)
        return image.reshape(*image.shape[: len(spatial)], -1)

    return ordered


def as_stored(picture: Picture, dimensions: int, image: np.ndarray) -> np.ndarray:
    """The inverse of `channels_last`: one image [*S, C] with the axes and the type of the file.

    The picture's offset is added; integers are rounded and clipped to the range of their type.
    """
    spatial, channels = picture.spatial(dimensions), picture.channels()
    left = [a for a in picture.axes if a in spatial + channels]
    sizes = dict(zip(picture.axes, picture.array.shape))
    image = image.reshape(*image.shape[: len(spatial)], *(sizes[a] for a in channels))
    image = image.astype(np.float64) + picture.offset if picture.offset else image
    return to_dtype(image.transpose([(spatial + channels).index(a) for a in left]), picture.array.dtype)


def to_dtype(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`image` in another type, rounded and clipped where that is an integer type."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return np.clip(np.rint(image.astype(np.float64)), limits.min, limits.max).astype(dtype)
    return (image > 0.5) if dtype == bool else image.astype(dtype)
