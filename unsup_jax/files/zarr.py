"""Zarr, through tensorstore: an OME-Zarr image (see `ome_zarr`), or a single array of version 2 or 3."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files import ome_zarr
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

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[...], dtype)


def read(path: Path):
    """(array, axes, metadata) of an OME-Zarr image in full resolution, of a Zarr array, or of the only array of a group.

    An array inside of an OME-Zarr image is described by that image. Raises `InputError` on a group of several images.
    """
    attributes = _attributes(path)
    if (inner := ome_zarr.only_image(path, attributes)) is not None:
        return read(inner)
    if not _is_array(path):
        level, axes, metadata = ome_zarr.described(path, attributes)
        if level is None:
            arrays = sorted(p.name for p in path.iterdir() if _is_array(p))
            if len(arrays) != 1:
                raise InputError(f"{path}: a Zarr of {len(arrays)} arrays and no OME image; choose one by {path}/NAME: {', '.join(arrays) or 'there is none'}")
            return read(path / arrays[0])
        return _Zarr(_open(path / level)), axes, metadata
    store = _Zarr(_open(path))
    for group in list(path.parents)[:3]:
        found = ome_zarr.level(_attributes(group), path.relative_to(group).as_posix())
        if found is not None:
            return store, *found
    names = attributes.get("_ARRAY_DIMENSIONS") or store.store.domain.labels  # xarray's, or those of version 3
    axes = "".join(name[:1] for name in names).upper()
    return store, axes if len(axes) == store.ndim else None, Metadata(own={"array": 3 if (path / "zarr.json").exists() else 2})


class _Remote(_Zarr):
    """The same on a web server, whose chunks come over where they are sliced."""

    def __init__(self, store, address):
        super().__init__(store)
        self._address = address

    def __getitem__(self, index):
        try:
            return super().__getitem__(index)
        except Exception as error:  # tensorstore's are of several kinds
            raise InputError(f"{self._address}: a chunk cannot be read ({str(error).splitlines()[0][:200]})") from error


def read_remote(address: str, text: Callable[[str], str]):
    """(array, axes, metadata) of an OME-Zarr image on a web server, of which `text` gives small files; of a collection, its first image."""
    try:
        attributes, driver = json.loads(text(f"{address}/zarr.json")).get("attributes", {}), "zarr3"
    except InputError:
        attributes, driver = json.loads(text(f"{address}/.zattrs")), "zarr"
    if "bioformats2raw.layout" in attributes.get("ome", attributes):
        return read_remote(f"{address}/0", text)
    level, axes, metadata = ome_zarr.described(Path(address), attributes)
    if level is None:
        raise InputError(f"{address}: no OME-Zarr image")
    import tensorstore as ts

    spec = {"driver": driver, "kvstore": {"driver": "http", "base_url": f"{address}/{level}/"},
            "context": {"http_request_retries": {"max_retries": 6, "initial_delay": "200ms"}}}
    try:
        return _Remote(ts.open(spec, open=True, read=True).result(), address), axes, metadata
    except Exception as error:  # tensorstore's are of several kinds
        raise InputError(f"{address}: no readable array ({str(error).splitlines()[0][:200]})") from error


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[Any]:
    """An OME-Zarr image like the picture's, of the version it was read from, else 0.5; for an array an array of its version.

    Raises `InputError` on axes that an OME-Zarr cannot have.
    """
    own = picture.metadata.own if picture.kind == "zarr" else {}
    dtype, shape = np.dtype(picture.array.dtype), tuple(picture.array.shape)
    if "array" in own and not path.name.endswith(".ome.zarr"):
        store = _create(path, own["array"], shape, dtype, picture.axes)
        if own["array"] == 2:
            (path / ".zattrs").write_text(json.dumps({"_ARRAY_DIMENSIONS": list(picture.axes.lower())}))
        yield store
        return
    version, order = own.get("version", "0.5"), ome_zarr.order(picture)
    attributes = ome_zarr.attributes(picture, version)
    path.mkdir()
    if version == "0.4":
        (path / ".zgroup").write_text(json.dumps({"zarr_format": 2}))
        (path / ".zattrs").write_text(json.dumps(attributes, indent=2))
    else:
        (path / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": attributes}, indent=2))
    stored = "".join(picture.axes[i] for i in order)
    store = _create(path / "0", 2 if version == "0.4" else 3, tuple(shape[i] for i in order), dtype, stored)
    yield store.transpose([stored.index(a) for a in picture.axes])


def _create(path, version, shape, dtype, axes):
    import tensorstore as ts

    chunks = [min(n, 512) if a in "YX" else 1 for n, a in zip(shape, axes)]
    layout = (
        {"driver": "zarr3", "metadata": {
            "dimension_names": list(axes.lower()), "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}} if dtype.itemsize > 1 else {"name": "bytes"},
                       {"name": "zstd", "configuration": {"level": 3}}]}}
        if version == 3 else {"driver": "zarr", "metadata": {"chunks": chunks, "dimension_separator": "/"}})
    return ts.open(
        {**layout, "kvstore": {"driver": "file", "path": str(path)}}, create=True, dtype=ts.dtype(dtype.newbyteorder("=")), shape=shape,
    ).result()


def _open(path):
    import tensorstore as ts

    driver = "zarr3" if (path / "zarr.json").exists() else "zarr"
    return ts.open({"driver": driver, "kvstore": {"driver": "file", "path": str(path)}}, open=True, read=True).result()


def _is_array(path) -> bool:
    if (path / "zarr.json").exists():
        return json.loads((path / "zarr.json").read_text()).get("node_type") == "array"
    return (path / ".zarray").exists()


def _attributes(path) -> dict:
    """What a group or an array says of itself; empty where nothing."""
    if (path / "zarr.json").exists():
        return json.loads((path / "zarr.json").read_text()).get("attributes", {})
    return json.loads((path / ".zattrs").read_text()) if (path / ".zattrs").exists() else {}
