"""Parts of measurements, and what is on the disk brought into memory."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.files import IN_MEMORY, Deferred, Image
from unsup_jax.noise.correlation import middle


def crop(measurement: Measurement, window: tuple[slice, ...]) -> Measurement:
    """The part of a measurement by a local operator inside a window: of every leaf with the axes of y; what is on the disk stays there."""
    frame = measurement.y.shape[:-1]

    def part(leaf):
        return leaf[window] if np.ndim(leaf) == len(frame) + 1 and leaf.shape[:-1] == frame else leaf

    return jax.tree.map(part, measurement)


def in_memory(tree: Any) -> Any:
    """A measurement, or any other tree, with what is on the disk read, and what is computed where it is wanted computed."""
    return jax.tree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, Deferred) else leaf, tree)


def single_views(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Every view of the measurements by itself, without its pose, and without the truth, which is of the specimen."""
    return [view for one in measurements for view in _views(one, one.y.shape[0])]


def one_a_specimen(measurements: Sequence[Measurement]) -> list[Measurement]:
    """What stands for each specimen of `single_views`: the first view of a measurement of many, with the truth; where all are
    single views, the first of them."""
    many = [one for one in measurements if one.operator.many_views] or measurements[:1]
    return [_views(one, 1)[0].replace(truth=one.truth, index=one.index) for one in many]


def every_second(measurements: Sequence[Measurement], start: int) -> list[Measurement]:
    """Every second measurement, from that of number `start` on; of measurements of many views every second view of each."""
    if not any(one.operator.many_views for one in measurements):
        return list(measurements[start::2])
    half = slice(start, None, 2)
    return [one.replace(y=one.y[half], operator=one.operator.some(half), pair=None if one.pair is None else one.pair[half])
            for one in measurements]


def _views(one, count):
    """The first `count` views of a measurement."""
    H, bare = one.operator.without_pose(), {"pair": None, "pair_operator": None, "truth": None, "index": None}
    if not H.many_views:
        return [one.replace(operator=H, **bare)]
    return [one.replace(y=y, operator=own, **bare) for y, own in zip(one.y, H.apart(count))]


WHOLE = 2**20
SHOWN = 2**18
"""Numbers of the largest image on the disk that a run scores and shows as a whole, and of the middle of larger ones."""


def shown_part(measurement: Measurement) -> Measurement:
    """The middle of a large measurement on the disk by a local operator; any other one whole."""
    y = measurement.y
    large = isinstance(y, Deferred) and y.size > WHOLE and measurement.operator.local
    return crop(measurement, middle_part(y.shape, SHOWN)) if large else measurement


def middle_part(shape: tuple[int, ...], most: int) -> tuple[slice, ...]:
    """The widest window of `most` numbers in the middle of an image of `shape` [*S, C], as wide along each axis that is long enough."""
    *frame, channels = shape
    numbers = lambda width: channels * math.prod(min(n, width) for n in frame)
    width = max(1, bisect_right(range(max(frame) + 1), most, key=numbers) - 1)
    return tuple(middle(n, width) for n in frame)


def sampled(images: Sequence[Image]) -> np.ndarray:
    """Images of one shape as one array; of more than fit into memory their middles."""
    if len(images) * np.prod(images[0].shape) > IN_MEMORY:
        window = middle_part(images[0].shape, max(1, IN_MEMORY // 8 // len(images)))
        images = [image[window] for image in images]
    return np.stack([np.asarray(image) for image in images])
