"""NumPy arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from unsup_jax.files.mapped import Mapped
from unsup_jax.files.metadata import Metadata
from unsup_jax.files.picture import Picture


def read(path: Path):
    """(array, axes, metadata) of an NPY; the array is read where it is sliced, and does not name its axes."""
    return Mapped.like(np.load(path, mmap_mode="r", allow_pickle=False)), None, Metadata()


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[np.ndarray]:
    """An array like the picture's, filled in place."""
    pixels = np.lib.format.open_memmap(path, "w+", np.dtype(picture.array.dtype), tuple(picture.array.shape))
    yield pixels
    pixels.flush()
