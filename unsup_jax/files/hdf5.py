"""HDF5: one dataset, with its axes as an attribute."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata
from unsup_jax.files.picture import Picture


def read(path: Path, dataset: str = ""):
    """(array, axes, metadata) of the only dataset of two or more axes, or of the one named."""
    import h5py

    file = h5py.File(path, "r")
    found = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) and item.ndim >= 2 else None)
    if dataset not in file if dataset else len(found) != 1:
        raise InputError(f"{path}: choose one dataset by {path}:NAME; the file has {', '.join(found) or 'none of 2 or more axes'}")
    chosen = file[dataset or found[0]]
    axes = chosen.attrs.get("axes")
    return chosen, axes if isinstance(axes, str) else None, Metadata()


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[Any]:
    """A dataset "data" like the picture's array, with the attribute "axes"."""
    import h5py

    with h5py.File(path, "w") as file:
        pixels = file.create_dataset("data", tuple(picture.array.shape), np.dtype(picture.array.dtype), chunks=True)
        pixels.attrs["axes"] = picture.axes
        yield pixels
