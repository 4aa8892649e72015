"""Zarr arrays, through tensorstore."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.files.metadata import Metadata
from unsup_jax.files.picture import Picture


class _Zarr:
    """A tensorstore with NumPy's slicing, shape and dtype."""

    def __init__(self, store):
        self.store = store
        self.shape = tuple(store.shape)
        self.dtype = store.dtype.numpy_dtype
        self.ndim = store.ndim

    def __getitem__(self, index):
        return self.store[index].read().result()


def read(path: Path):
    """(array, axes, metadata) of a Zarr array of version 2 or 3."""
    import tensorstore as ts

    driver = "zarr3" if (path / "zarr.json").exists() else "zarr"
    store = ts.open({"driver": driver, "kvstore": {"driver": "file", "path": str(path)}}, open=True).result()
    labels = "".join(store.domain.labels).upper()
    return _Zarr(store), labels if len(labels) == store.ndim else None, Metadata()


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[Any]:
    """A Zarr array of version 3 like the picture's."""
    import shutil

    import tensorstore as ts

    shutil.rmtree(path, ignore_errors=True)
    yield ts.open(
        {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path)},
         "metadata": {"dimension_names": list(picture.axes.lower())}},
        create=True, dtype=ts.dtype(np.dtype(picture.array.dtype)), shape=tuple(picture.array.shape),
    ).result()
