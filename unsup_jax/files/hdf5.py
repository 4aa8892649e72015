"""HDF5: one dataset, with its axes as an attribute."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata, Scale
from unsup_jax.files.picture import Picture


class _Dataset:
    """A dataset with NumPy's slicing, shape and dtype; its file is open only while it is read."""

    def __init__(self, path: Path, dataset: Any):
        self._path, self._name = path, dataset.name
        self.shape, self.ndim, self.dtype = dataset.shape, dataset.ndim, dataset.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        import h5py

        with h5py.File(self._path, "r") as file:
            return file[self._name][index]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.asarray(self[...], dtype)


def read(path: Path, dataset: str = ""):
    """(array, axes, metadata) of the only dataset of two or more axes, or of the one named.

    The axes are those of the attribute "axes", or of "axistags" (ilastik); the voxel size is "element_size_um" (ImageJ).
    """
    import h5py

    with h5py.File(path, "r") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) and item.ndim >= 2 else None)
        dataset = dataset.strip("/")
        if dataset not in found if dataset else len(found) != 1:
            raise InputError(f"{path}: choose one dataset by {path}:NAME; the file has {', '.join(found) or 'none of 2 or more axes'}")
        chosen = file[dataset or found[0]]
        array, attributes = _Dataset(path, chosen), dict(chosen.attrs)
    axes = _axes(attributes)
    sizes = np.ravel(attributes.get("element_size_um", []))
    scales = {a: Scale(float(size), "µm") for a, size in zip("ZYX"[-len(sizes):], sizes) if a in (axes or "") and size > 0}
    return array, axes, Metadata(scales=scales, own={"dataset": dataset or found[0]})


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[Any]:
    """A dataset like the picture's array, of the name it was read by or "data", with the attributes "axes" and "element_size_um"."""
    import h5py

    own = picture.metadata.own if picture.kind == "hdf5" else {}
    with h5py.File(path, "w") as file:
        pixels = file.create_dataset(own.get("dataset", "data"), tuple(picture.array.shape), np.dtype(picture.array.dtype), chunks=True)
        pixels.attrs["axes"] = picture.axes
        sizes = [scale.to("µm") for a in "ZYX" if (scale := picture.metadata.scales.get(a)) is not None]
        if len(sizes) == sum(a in picture.axes for a in "ZYX") and all(sizes):
            pixels.attrs["element_size_um"] = [scale.step for scale in sizes]
        yield pixels


def _axes(attributes) -> str | None:
    axes = attributes.get("axes")
    if axes is None and "axistags" in attributes:
        axes = "".join(axis["key"] for axis in json.loads(attributes["axistags"])["axes"])
    if isinstance(axes, (list, tuple, np.ndarray)):  # NeXus names each axis
        axes = "".join(str(np.asarray(a).astype(str))[:1] for a in axes)
    axes = axes.decode() if isinstance(axes, bytes) else axes
    return axes.upper() if isinstance(axes, str) and axes.isalpha() else None
