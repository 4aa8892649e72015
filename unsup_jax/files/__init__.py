"""Files: one format a module, each knowing arrays and metadata alone. They stand below the instruments."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files import hdf5, jpeg, mrc, npy, png, tiff, vendor, zarr
from unsup_jax.files.damaged import reading
from unsup_jax.files.grey_offset import grey_offset, spread
from unsup_jax.files.metadata import Metadata
from unsup_jax.files.names import KINDS, VOLUMES, WHOLE_NUMBERS, WRITTEN, beside, beside_in_float, is_image, is_several, kind_of, listed, matched, parted, suffix
from unsup_jax.files.outputs import check_apart, check_output, destinations, make_folder, replacing
from unsup_jax.files.picture import Picture, as_stored, channels_last, check_alone, checked_axes, indices, to_dtype
from unsup_jax.files.stored import Computed, Decoded, Deferred, Rescaled, Stored, Windowed, images, stored, targets

__all__ = [
    "IN_MEMORY", "KINDS", "VOLUMES", "WHOLE_NUMBERS", "WRITTEN", "Computed", "Deferred", "Image", "Picture", "Rescaled", "Stored", "Windowed", "as_stored", "beside",
    "beside_in_float",
    "channels_last", "check_alone", "check_apart", "check_output", "destinations", "grey_offset", "images", "indices", "is_image", "is_several", "kind_of", "listed",
    "make_folder", "matched", "open_image", "parted", "read_images", "replacing", "spread", "stored", "suffix", "targets", "to_dtype", "write_image",
    "writer",
]

_FORMATS = {"tiff": tiff, "png": png, "jpeg": jpeg, "npy": npy, "hdf5": hdf5, "zarr": zarr, "mrc": mrc, "vendor": vendor}
_DECODED = ("png", "jpeg", "vendor")  # are opened by decoding them
_PACKED = ("png", "jpeg", "zarr")  # the size of such a file is not known before it is written

IN_MEMORY = 2**27
"""Numbers of the images of one source, 512 MB in float32, that are read at once; of more, each part is read where it is wanted."""
Image = np.ndarray | Windowed


def open_image(path: str | Path, axes: str | None = None) -> Picture:
    """Open one image file, without reading its pixels where the format allows that.

    `axes` names the array's axes where the file does not, or does so wrongly. An HDF5 dataset is chosen by
    `file.h5:dataset`, else it is the only one. Raises `InputError` on a path, format, type or axes string
    that cannot be used.
    """
    path, dataset = parted(path)
    if not (path.is_file() or path.is_dir()):
        raise InputError(f"{path}: {'no file, but a pipe or a device' if path.exists() else 'no such file'}")
    kind = kind_of(path)
    with reading(path, kind):
        array, found, metadata = hdf5.read(path, dataset) if dataset else _FORMATS[kind].read(path)
    if array.dtype.kind not in "uifb":
        raise InputError(f"{path}: pixels of type {array.dtype}; accepted are real numbers")
    if 0 in array.shape:
        raise InputError(f"{path}: the image is empty, shape {tuple(array.shape)}")
    return Picture(path, kind, array, checked_axes(path, axes or found, axes is not None, array.shape), metadata, metadata.own.get("parts", ()))


def read_images(
    paths: Sequence[str | Path], axes: str | None, dimensions: int, offset: float = 0.0,
) -> list[tuple[Picture, Sequence[Image]]]:
    """Each file with its independent images [*S, C], less `offset`: read, or left on the disk where all together are more than `IN_MEMORY`.

    Raises `InputError` where two of the files are parts of one picture.
    """
    pictures, numbers = [], 0
    for path in paths:
        picture = replace(open_image(path, axes), offset=offset)
        check_alone(picture, paths)
        numbers += int(np.prod(picture.array.shape))
        if numbers > IN_MEMORY and picture.kind in _DECODED:
            picture = replace(picture, array=Decoded(lambda path=path: open_image(path, axes).array, picture.array))
        pictures.append(picture)
    read = stored if numbers > IN_MEMORY else images
    return [(picture, read(picture, dimensions)) for picture in pictures]


@contextmanager
def writer(picture: Picture, path: str | Path) -> Iterator[Any]:
    """An array like the picture's, stored at `path`, to be filled by assignment to its slices.

    TIFF, NPY, HDF5, Zarr and MRC are written as they are filled; a PNG or JPEG when it is complete. A file says what
    its format can hold of the picture's `Metadata`, and all that a file of its own format said. It appears under its
    name only when it is complete. Raises `InputError` as `check_output` does, on what the format cannot hold, and where
    `path` is the input.
    """
    path = Path(path)
    check_apart([path], [source for source in (picture.path, *picture.parts) if source != Path()])  # of an array that comes from no file
    kind = KINDS.get(suffix(path))
    size = int(np.prod(picture.array.shape)) * np.dtype(picture.array.dtype).itemsize
    check_output(path, WRITTEN, size=0 if kind in _PACKED or path.suffix == ".gz" else size)
    with replacing(path) as place, _FORMATS[kind].create(picture, place) as pixels:
        if isinstance(pixels, np.memmap) and hasattr(os, "posix_fallocate"):  # a full disk would end the program at any later pixel
            with open(place, "r+b") as file:
                os.posix_fallocate(file.fileno(), 0, place.stat().st_size)
        yield pixels


def write_image(path: str | Path, array: np.ndarray, axes: str, metadata: Metadata = Metadata(), *, source: str | Path = "") -> None:
    """An array that was read from no image, written with its `metadata`; `source` is what it was made of, where that is a file, which is never written to."""
    with writer(Picture(Path(source), "", array, axes, metadata), path) as pixels:
        pixels[...] = array
