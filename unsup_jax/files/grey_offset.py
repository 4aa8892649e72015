"""The number that is taken from grey levels which float32 would lose.

In float32 an image of 1e8 + N(0, 1) is steps of 8. There, one of their least grey levels is taken from all images of a data set in double
precision, before they become float32, and is added to what is made of them. The rule: float32's spacing at the mean is more than a thousandth of the
standard deviation, for most of the images. Everywhere else the number is zero.
"""

from collections.abc import Sequence

import numpy as np

from unsup_jax.files.stored import Stored

_SAMPLED = 16          # images that are asked
_WIDTH = 128           # pixels along each axis of their middles, which are asked first
_LOST = 1e-3           # part of the standard deviation


def spread(things: Sequence) -> Sequence:
    """At most 16 of them, evenly spread."""
    return things[:: -(-len(things) // _SAMPLED)]


def grey_offset(images: Sequence[Stored | np.ndarray]) -> float:
    """The number to take from all images of a data set: zero, unless float32 would lose the grey levels of most of them.

    Of images that keep theirs little is read: the middles of some.
    """
    asked = [image for image in spread(images) if _may_lose(image)]
    if not _least_lost(image[_middle(image)] for image in asked):
        return 0.0
    return _least_lost(asked)


def _may_lose(image):
    dtype = getattr(image, "stored_dtype", image.dtype)
    return dtype.kind in "uif" and dtype.itemsize >= 4


def _least_lost(images):
    """The median of the images' least grey levels where those of most are lost, else zero; constant images have none to lose."""
    found = []
    for image in map(_finite, images):
        if image.size and image.min() < image.max():
            found.append((float(np.spacing(np.float32(abs(image.mean())))) / image.std(), image.min()))
    if not found or np.median([part for part, _ in found]) <= _LOST:
        return 0.0
    return float(sorted(least for _, least in found)[len(found) // 2])


def _finite(image):
    image = image.exact() if isinstance(image, Stored) else np.asarray(image, np.float64)
    return image[np.isfinite(image)]


def _middle(image):
    frame = image.shape[:-1] if isinstance(image, Stored) else image.shape
    return tuple(slice(max(0, (n - _WIDTH) // 2), (n + _WIDTH) // 2 if n > _WIDTH else n) for n in frame)
