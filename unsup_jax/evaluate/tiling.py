"""Images of any size in overlapping tiles, with no seam and bounded memory.

A method of finite reach is exact away from the border of what it is shown. Tiles are windows that overlap
by twice its radius and start at multiples of its alignment; of each, the part beyond the radius is kept. An
image border is a border of its tiles, so that the tiled and the whole image agree everywhere.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from unsup_jax.errors import InputError

Window = tuple[slice, ...]


def tiles(shape: tuple[int, ...], tile: int, radius: int, alignment: int) -> Iterator[tuple[Window, Window, Window]]:
    """(window to read, part of it to keep, place to write) of each tile of a frame of `shape`.

    All windows have one shape; they reach beyond the end of an axis by less than `alignment`, where the
    reader extends the image by reflection. Raises `InputError` on a tile without a part to keep.
    """
    radius = -(-radius // alignment) * alignment
    tile = -(-tile // alignment) * alignment
    if tile <= 2 * radius:
        raise InputError(f"tiles of {tile} pixels leave nothing beyond a radius of {radius}; give {2 * radius + alignment} or more")
    axes = []
    for n in shape:
        full = -(-n // alignment) * alignment
        size = min(tile, full)
        step = size - 2 * radius
        starts = [0] if size == full else [*range(0, full - size, step), full - size]
        pieces = []
        for k, start in enumerate(starts):
            low = 0 if k == 0 else start + radius
            high = min(n, full if k == len(starts) - 1 else starts[k] + size - radius)
            pieces.append((slice(start, start + size), slice(low - start, high - start), slice(low, high)))
        axes.append(pieces)
    for combination in itertools.product(*axes):
        yield tuple(zip(*combination))


def read_window(image, window: Window, frame: tuple[int, ...]) -> np.ndarray:
    """`image[window]` [*S, C], extended by reflection where the window reaches beyond the frame."""
    inside = tuple(slice(w.start, min(w.stop, n)) for w, n in zip(window, frame))
    part = np.asarray(image[inside])
    beyond = [(0, w.stop - i.stop) for w, i in zip(window, inside)]
    if not any(after for _, after in beyond):
        return part
    return np.pad(part, [*beyond, *((0, 0),) * (part.ndim - len(beyond))], mode="reflect")


def in_tiles(
    estimate: Callable[[Iterator[np.ndarray], int], Iterable[np.ndarray]], sources: Sequence, targets: Sequence, *,
    frame: tuple[int, ...], tile: int, radius: int, alignment: int, on_image: Callable[[int], None] | None = None,
) -> None:
    """Fill each of the `targets` [*S, C] with the estimate from its source [*S, C], all of one frame.

    `estimate(shown, count)` gives the estimates of `count` tiles [*tile, C] one after another, in their order; the tiles
    of all images are one stream, so that small images keep many devices busy. `on_image(k)` is called when k images
    are filled.
    """
    plan = list(tiles(frame, tile, radius, alignment))
    shown = (read_window(source, read, frame) for source in sources for read, _, _ in plan)
    estimates = iter(estimate(shown, len(sources) * len(plan)))
    for k, target in enumerate(targets):
        for _, keep, place in plan:
            target[place] = next(estimates)[keep]
        if on_image is not None:
            on_image(k + 1)
