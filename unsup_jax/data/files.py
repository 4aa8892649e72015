"""The user's own images: TIFF, PNG (and JPEG), NPY, HDF5, Zarr, MRC; read lazily, written like their original.

An axes string names each axis of an array: Y and X are always there, Z is depth, C or S are channels, and
every other letter (T, I, Q, ...) counts independent images.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.errors import InputError

KINDS = {
    ".tif": "tiff", ".tiff": "tiff", ".png": "png", ".jpg": "png", ".jpeg": "png",
    ".npy": "npy", ".h5": "hdf5", ".hdf5": "hdf5", ".zarr": "zarr",
    ".mrc": "mrc", ".mrcs": "mrc", ".rec": "mrc", ".st": "mrc", ".map": "mrc",
}


@dataclass(frozen=True)
class Picture:
    """An opened image file: an array that is read when it is sliced, and what is needed to write its like."""

    path: Path
    array: Any
    axes: str
    metadata: dict = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return kind_of(self.path)

    def channels(self) -> str:
        """The axes that are channels."""
        return "".join(a for a in self.axes if a in "CS")

    def spatial(self, dimensions: int) -> str:
        """The axes that are space for a method of 2 or 3 dimensions."""
        return "ZYX" if dimensions == 3 else "YX"


def kind_of(path: Path) -> str:
    """The format of a path, by its suffix; `InputError` names the ones that are known."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise InputError(f"{path}: unknown format {path.suffix or '(no suffix)'!r}; known are {', '.join(sorted(KINDS))}")
    return kind


def in_folder(folder: str | Path) -> list[Path]:
    """The image files of a folder, in the order of their names; `InputError` where there is none."""
    found = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in KINDS)
    if not found:
        raise InputError(f"{folder}: no image file in this folder; known are {', '.join(sorted(KINDS))}")
    return found


def open_image(path: str | Path, axes: str | None = None) -> Picture:
    """Open one image file, without reading its pixels where the format allows that.

    `axes` names the array's axes where the file does not, or does so wrongly. An HDF5 dataset is chosen by
    `file.h5:dataset`, else it is the only one. Raises `InputError` on a path, format, type or axes string
    that cannot be used.
    """
    name, _, dataset = str(path).partition(".h5:") if ".h5:" in str(path) else (str(path), "", "")
    path = Path(name + ".h5" if dataset else name)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    kind = kind_of(path)
    try:
        array, found, metadata = {
            "tiff": _open_tiff, "png": _open_png, "npy": _open_npy, "zarr": _open_zarr,
            "hdf5": lambda p: _open_hdf5(p, dataset), "mrc": _open_mrc,
        }[kind](path)
    except InputError:
        raise
    except Exception as error:  # each library raises its own kinds for a damaged file
        raise InputError(f"{path}: not a readable {kind} file ({error})") from error
    if array.dtype.kind not in "uifb":
        raise InputError(f"{path}: pixels of type {array.dtype}; accepted are real numbers")
    if 0 in array.shape:
        raise InputError(f"{path}: the image is empty, shape {tuple(array.shape)}")
    return Picture(path, array, _checked_axes(path, axes or found, axes is not None, array.shape), metadata)


def _checked_axes(path, axes, given, shape):
    if axes is None:
        if len(shape) not in (2, 3):
            raise InputError(f"{path}: {len(shape)} axes of shape {tuple(shape)}; name them, for example --axes TZYX")
        axes = "YX" if len(shape) == 2 else "YXC" if shape[-1] <= 4 else "IYX"
    axes = axes.upper()
    word = "given" if given else "found"
    if len(axes) != len(shape):
        raise InputError(f"{path}: axes {axes!r} {word} for an array of {len(shape)} axes, shape {tuple(shape)}")
    if len(set(axes)) < len(axes) or not {"Y", "X"} <= set(axes) or not axes.isalpha():
        raise InputError(f"{path}: axes {axes!r} {word}; each letter stands once, and Y and X must be there")
    return axes


def images(picture: Picture, dimensions: int) -> list[np.ndarray]:
    """The independent images of a file, each [*S, C] in float32; Z is space for 3 dimensions, else a count.

    Raises `InputError` on pixels that are not finite, and on 3 dimensions without a Z axis.
    """
    moved = [np.asarray(picture.array[index], np.float32) for index in indices(picture, dimensions)]
    order = channels_last(picture, dimensions)
    result = []
    for image in moved:
        if not np.isfinite(image).all():
            bad = int((~np.isfinite(image)).sum())
            raise InputError(f"{picture.path}: {bad} pixels are NaN or infinite; replace them first")
        result.append(order(image))
    return result


def indices(picture: Picture, dimensions: int) -> Iterator[tuple]:
    """The index of each independent image of a file, in the order of the file."""
    spatial = picture.spatial(dimensions)
    missing = set(spatial) - set(picture.axes)
    if missing:
        raise InputError(f"{picture.path}: axes {picture.axes!r} lack {sorted(missing)}, needed for {dimensions} dimensions")
    counts = [n if a not in spatial + "CS" else 1 for a, n in zip(picture.axes, picture.array.shape)]
    for place in np.ndindex(*counts):
        yield tuple(i if a not in spatial + "CS" else slice(None) for i, a in zip(place, picture.axes))


def channels_last(picture: Picture, dimensions: int):
    """A function that orders the axes of one image of the file as [*S, C]."""
    spatial, channels = picture.spatial(dimensions), picture.channels()
    left = [a for a in picture.axes if a in spatial + channels]
    order = [left.index(a) for a in spatial + channels]

    def ordered(image: np.ndarray) -> np.ndarray:
        image = image.transpose(order)
        return image.reshape(*image.shape[: len(spatial)], -1)

    return ordered


def as_stored(picture: Picture, dimensions: int, image: np.ndarray) -> np.ndarray:
    """The inverse of `channels_last`: one image [*S, C] with the axes and the type of the file.

    Integers are rounded and clipped to the range of their type.
    """
    spatial, channels = picture.spatial(dimensions), picture.channels()
    left = [a for a in picture.axes if a in spatial + channels]
    sizes = dict(zip(picture.axes, picture.array.shape))
    image = image.reshape(*image.shape[: len(spatial)], *(sizes[a] for a in channels))
    return to_dtype(image.transpose([(spatial + channels).index(a) for a in left]), picture.array.dtype)


def to_dtype(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`image` in another type, rounded and clipped where that is an integer type."""
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return np.clip(np.rint(image.astype(np.float64)), limits.min, limits.max).astype(dtype)
    return (image > 0.5) if dtype == bool else image.astype(dtype)


@contextmanager
def writer(picture: Picture, path: str | Path):
    """An array like the picture's, stored at `path`, to be filled by assignment to its slices.

    TIFF, NPY, HDF5, Zarr and MRC are written as they are filled; a PNG when it is complete. A TIFF keeps the
    description (ImageJ, OME-XML), resolution and units of a TIFF it was read from, an MRC the voxel size, origin
    and labels of an MRC. The file appears under
    its name only when it is complete. Raises `InputError` on an unknown format or a missing folder.
    """
    path = Path(path)
    kind = kind_of(path)
    if not path.parent.is_dir():
        raise InputError(f"{path}: the folder {path.parent} does not exist")
    if path.exists() and path.resolve() == picture.path.resolve():
        raise InputError(f"{path}: is the input; give another output")
    shape, dtype = tuple(picture.array.shape), np.dtype(picture.array.dtype)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    if kind == "png":
        import imageio.v3 as iio

        if dtype not in (np.uint8, np.uint16) or not (picture.axes in ("YX", "YXC", "YXS")):
            raise InputError(f"{path}: a PNG holds one 8- or 16-bit image, not {dtype} with axes {picture.axes}")
        pixels = np.zeros(shape, dtype)
        yield pixels
        iio.imwrite(partial, pixels)
    elif kind == "tiff":
        import tifffile

        tags = picture.metadata if picture.kind == "tiff" else {}
        pixels = tifffile.memmap(
            partial, shape=shape, dtype=dtype, bigtiff=dtype.itemsize * int(np.prod(shape)) > 2**31,
            metadata=None if "description" in tags else {"axes": picture.axes}, **tags,
        )
        yield pixels
        pixels.flush()
    elif kind == "npy":
        pixels = np.lib.format.open_memmap(partial, "w+", dtype, shape)
        yield pixels
        pixels.flush()
    elif kind == "hdf5":
        import h5py

        with h5py.File(partial, "w") as file:
            pixels = file.create_dataset("data", shape, dtype, chunks=True)
            pixels.attrs["axes"] = picture.axes
            yield pixels
    elif kind == "mrc":
        with _new_mrc(picture, partial, shape, dtype) as file:
            yield file.data
            file.update_header_stats()
    else:
        import shutil

        import tensorstore as ts

        shutil.rmtree(partial, ignore_errors=True)
        pixels = ts.open(
            {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(partial)},
             "metadata": {"dimension_names": list(picture.axes.lower())}},
            create=True, dtype=ts.dtype(dtype), shape=shape,
        ).result()
        yield pixels
        shutil.rmtree(path, ignore_errors=True)
    partial.rename(path)


def _open_tiff(path):
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        page = file.pages.first
        axes = "".join(a for a in series.axes)
        metadata = {"photometric": page.photometric}
        if page.description and (file.is_imagej or file.is_ome):
            metadata["description"] = page.description
        if "XResolution" in page.tags:
            metadata["resolution"] = page.resolution
            metadata["resolutionunit"] = page.resolutionunit
        try:
            array = tifffile.memmap(path, mode="r", series=0)
        except ValueError:  # compressed or tiled: has to be read as a whole
            array = series.asarray()
    return array.reshape(series.shape), axes, metadata


def _open_png(path):
    import imageio.v3 as iio

    array = iio.imread(path)
    return array, "YX" if array.ndim == 2 else "YXC", {}


def _open_npy(path):
    return np.load(path, mmap_mode="r", allow_pickle=False), None, {}


def _open_hdf5(path, dataset):
    import h5py

    file = h5py.File(path, "r")
    found = []
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) and item.ndim >= 2 else None)
    if dataset not in file if dataset else len(found) != 1:
        raise InputError(f"{path}: choose one dataset by {path}:NAME; the file has {', '.join(found) or 'none of 2 or more axes'}")
    chosen = file[dataset or found[0]]
    axes = chosen.attrs.get("axes")
    return chosen, axes if isinstance(axes, str) else None, {}


class _Zarr:
    """A tensorstore with NumPy's slicing, shape and dtype."""

    def __init__(self, store):
        self.store = store
        self.shape = tuple(store.shape)
        self.dtype = store.dtype.numpy_dtype
        self.ndim = store.ndim

    def __getitem__(self, index):
        return self.store[index].read().result()


def _open_zarr(path):
    import tensorstore as ts

    driver = "zarr3" if (path / "zarr.json").exists() else "zarr"
    store = ts.open({"driver": driver, "kvstore": {"driver": "file", "path": str(path)}}, open=True).result()
    labels = "".join(store.domain.labels).upper()
    return _Zarr(store), labels if len(labels) == store.ndim else None, {}


_MRC_TYPES = {"int8": 0, "int16": 1, "float32": 2, "uint16": 6, "float16": 12}


def _open_mrc(path):
    import mrcfile

    with mrcfile.mmap(path, mode="r", permissive=True) as file:
        header, array = file.header, file.data
        if array is None:
            raise InputError(f"{path}: the MRC holds no data")
        spacegroup = int(header.ispg)
        # a stack of images, or a volume; files that predate MRC2014 say it by their suffix alone
        stacked = array.ndim == 3 and (path.suffix.lower() in (".mrcs", ".st") or file.is_image_stack())
        axes = {2: "YX", 3: "IYX" if stacked else "ZYX", 4: "IZYX"}[array.ndim]
        metadata = {"voxel_size": file.voxel_size.copy(), "spacegroup": spacegroup, "origin": header.origin.copy(), "labels": file.get_labels()}
        return array, axes, metadata


@contextmanager
def _new_mrc(picture, path, shape, dtype):
    import mrcfile

    if dtype.name not in _MRC_TYPES:
        raise InputError(f"{path.name}: an MRC holds {', '.join(_MRC_TYPES)}, not {dtype}")
    if len(shape) not in (2, 3, 4) or "C" in picture.axes or "S" in picture.axes:
        raise InputError(f"{path.name}: an MRC holds images, stacks and volumes without channels, not axes {picture.axes}")
    with mrcfile.new_mmap(path, shape, _MRC_TYPES[dtype.name], overwrite=True) as file:
        if len(shape) == 3 and "Z" not in picture.axes:
            file.set_image_stack()
        if picture.kind == "mrc":
            file.voxel_size = picture.metadata["voxel_size"]
            file.header.ispg = picture.metadata["spacegroup"]
            file.header.origin = picture.metadata["origin"]
            for label in picture.metadata["labels"][:9]:
                file.add_label(label)
        yield file
