"""TIFF, with the descriptions of ImageJ and OME."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from unsup_jax.files.metadata import Metadata
from unsup_jax.files.picture import Picture


def read(path: Path):
    """(array, axes, metadata) of a TIFF; a memory map where its pixels are stored plainly."""
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
    return array.reshape(series.shape), axes, Metadata(own=metadata)


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[np.ndarray]:
    """A TIFF like the picture, to be filled; it keeps the description, resolution and units of a TIFF."""
    import tifffile

    shape, dtype = tuple(picture.array.shape), np.dtype(picture.array.dtype)
    tags = picture.metadata.own if picture.kind == "tiff" else {}
    pixels = tifffile.memmap(
        path, shape=shape, dtype=dtype, bigtiff=dtype.itemsize * int(np.prod(shape)) > 2**31,
        metadata=None if "description" in tags else {"axes": picture.axes}, **tags,
    )
    yield pixels
    pixels.flush()
