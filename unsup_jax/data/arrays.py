"""A program's own arrays as images [*S, C], and estimates as arrays like them.

Which axes an array of images has is said by `axes`, one letter each: Z, Y, X of space, C of channels, and any other, such as N or T,
counts images. Where it is not said, and images have D = 2 or 3 axes of space,

    D axes            one image of one channel
    D + 1 axes        one image with its channels last, where those are 4 or fewer
    D + 2 axes        a stack of images with their channels last, where those are 4 or fewer

and anything else could be more than one thing, and is refused. A list holds one image an entry, and their shapes may differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unsup_jax.errors import InputError

Arrays = np.ndarray | Sequence[np.ndarray]
_MOST_CHANNELS = 4  # no image is as narrow


@dataclass(frozen=True)
class GivenArrays:
    """The source of a run whose images were arrays of a program: how many there were. The run does not hold them."""

    count: int = 0
    """Measurements that were given."""

    def images(self) -> list[np.ndarray]:
        """Raises `InputError`: there are none to go on with."""
        raise InputError("this run was trained on arrays of a program, which it does not hold; it reconstructs, and is not gone on with")


def single(array: np.ndarray, what: str = "the array", offset: float = 0.0) -> np.ndarray:
    """An array, less `offset`, in float32, or in complex64. Raises `InputError` on what holds no numbers, nothing, or NaN and infinite ones."""
    array = np.asarray(array)
    if array.dtype.kind not in "uifbc":
        raise InputError(f"{what} is of type {array.dtype}; accepted are numbers")
    if array.size == 0:
        raise InputError(f"{what} is empty, of shape {array.shape}")
    array = array.astype(np.float64) - offset if offset else array
    array = np.asarray(array, np.complex64 if array.dtype.kind == "c" else np.float32)
    if not np.isfinite(array).all():
        raise InputError(f"{what} holds NaN or infinite values; replace them first")
    return array


def as_images(
    arrays: Arrays, dimensions: int, axes: str | None = None, what: str = "the array", offset: float = 0.0,
) -> tuple[list[np.ndarray], Callable[[list[np.ndarray]], Arrays]]:
    """(images [*S, C], what makes of as many estimates [*S', C'] an array, or a list, with the axes of the given ones).

    An `offset` is taken from the images and added to the estimates, which are then float64.
    An axis of channels that was not given is left out of estimates of one channel. Raises `InputError` as `single` does, and on
    axes that do not fit or could be more than one thing.
    """
    if isinstance(arrays, (list, tuple)):
        if not arrays:
            raise InputError(f"{what} is an empty list")
        each = [as_images(array, dimensions, axes, f"{what}, entry {i},", offset) for i, array in enumerate(arrays)]
        if several := [i for i, (found, _) in enumerate(each) if len(found) > 1]:
            raise InputError(f"{what}, entry {several[0]}, holds {len(each[several[0]][0])} images; a list holds one image an entry")
        return [found[0] for found, _ in each], lambda estimates: [back([one]) for (_, back), one in zip(each, estimates)]
    array = single(arrays, what, offset)
    axes = _axes(array.shape, dimensions, what) if axes is None else _checked(axes.upper(), array.shape, dimensions, what)
    space = [axes.index(letter) for letter in "ZYX"[-dimensions:]]
    counting = [i for i, letter in enumerate(axes) if i not in space and letter != "C"]
    channels = [axes.index("C")] if "C" in axes else []
    order = [*counting, *space, *channels]
    moved = array.transpose(order)
    shape = moved.shape[len(counting):] if channels else (*moved.shape[len(counting):], 1)
    counts = moved.shape[: len(counting)]

    def back(estimates):
        stacked = np.stack(estimates) + np.float64(offset) if offset else np.stack(estimates)
        stacked = stacked.reshape(*counts, *stacked.shape[1:])
        if channels:
            return stacked.transpose(np.argsort(order))
        places = order if stacked.shape[-1] == 1 else [*order, len(order)]
        return (stacked[..., 0] if stacked.shape[-1] == 1 else stacked).transpose(np.argsort(places))

    return list(moved.reshape(-1, *shape)), back


def _axes(shape, dimensions, what):
    space = "ZYX"[-dimensions:]
    found = {dimensions: space, dimensions + 1: f"{space}C", dimensions + 2: f"N{space}C"}.get(len(shape))
    if found is None or "C" in found and shape[-1] > _MOST_CHANNELS:
        could = f"N{space}", f"{space}C", f"N{space}C", f"NC{space}"
        could = [axes for axes in could if len(axes) == len(shape)]
        say = f"say which axes it has, such as axes={' or '.join(map(repr, could))}"
        say = say if could else f"images have {dimensions} axes of space here"
        raise InputError(f"{what} of shape {shape} could be more than one thing; {say}")
    return found


def _checked(axes, shape, dimensions, what):
    space = "ZYX"[-dimensions:]
    if len(axes) != len(shape) or len(set(axes)) != len(axes) or not set(space) <= set(axes):
        raise InputError(f"{what} has the shape {shape}, to which axes={axes!r} do not belong: one letter an axis, {space} among them")
    return axes
