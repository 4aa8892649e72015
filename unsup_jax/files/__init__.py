"""Files: one format a module, each knowing arrays and metadata alone. They stand below the instruments."""

import shutil
from contextlib import contextmanager
from pathlib import Path

from unsup_jax.errors import InputError
from unsup_jax.files import hdf5, mrc, npy, png, tiff, zarr
from unsup_jax.files.picture import Picture, as_stored, channels_last, checked_axes, images, indices, to_dtype

__all__ = ["KINDS", "Picture", "as_stored", "channels_last", "images", "in_folder", "indices", "kind_of", "open_image", "to_dtype", "writer"]

_FORMATS = {"tiff": tiff, "png": png, "npy": npy, "hdf5": hdf5, "zarr": zarr, "mrc": mrc}

KINDS = {
    ".tif": "tiff", ".tiff": "tiff", ".png": "png", ".jpg": "png", ".jpeg": "png",
    ".npy": "npy", ".h5": "hdf5", ".hdf5": "hdf5", ".zarr": "zarr",
    ".mrc": "mrc", ".mrcs": "mrc", ".rec": "mrc", ".st": "mrc", ".map": "mrc",
}


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
        array, found, metadata = hdf5.read(path, dataset) if dataset else _FORMATS[kind].read(path)
    except InputError:
        raise
    except Exception as error:  # each library raises its own kinds for a damaged file
        raise InputError(f"{path}: not a readable {kind} file ({error})") from error
    if array.dtype.kind not in "uifb":
        raise InputError(f"{path}: pixels of type {array.dtype}; accepted are real numbers")
    if 0 in array.shape:
        raise InputError(f"{path}: the image is empty, shape {tuple(array.shape)}")
    return Picture(path, kind, array, checked_axes(path, axes or found, axes is not None, array.shape), metadata)


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
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    with _FORMATS[kind].create(picture, partial) as pixels:
        yield pixels
    if path.is_dir():
        shutil.rmtree(path)
    partial.rename(path)
