"""PNG and JPEG: one image a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata
from unsup_jax.files.picture import Picture


def read(path: Path):
    """(array, axes, metadata) of a PNG or JPEG."""
    import imageio.v3 as iio

    array = iio.imread(path)
    return array, "YX" if array.ndim == 2 else "YXC", Metadata()


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[np.ndarray]:
    """An image like the picture, written when it is filled. Raises `InputError` on what a PNG cannot hold."""
    import imageio.v3 as iio

    dtype = np.dtype(picture.array.dtype)
    if dtype not in (np.uint8, np.uint16) or not (picture.axes in ("YX", "YXC", "YXS")):
        raise InputError(f"{path}: a PNG holds one 8- or 16-bit image, not {dtype} with axes {picture.axes}")
    pixels = np.zeros(tuple(picture.array.shape), dtype)
    yield pixels
    iio.imwrite(path, pixels)
