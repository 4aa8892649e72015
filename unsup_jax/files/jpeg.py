"""JPEG: one image of grey levels or RGB, of 8 bits a channel, compressed with loss."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata
from unsup_jax.files.picture import Picture

_LARGEST = 65500  # pixels a side
_KEPT = ("dpi", "icc_profile", "exif", "comment")


def read(path: Path):
    """(array, axes, metadata) of a JPEG, upright. `InputError` on colours other than RGB, and on several images in a file."""
    from PIL import Image, ImageOps

    with Image.open(path, formats=["JPEG"]) as file:
        if file.mode not in ("L", "RGB"):
            raise InputError(f"{path}: its colours are {file.mode}; accepted are grey levels and RGB")
        if getattr(file, "n_frames", 1) > 1:
            raise InputError(f"{path}: holds {file.n_frames} images; give a file for each")
        upright = ImageOps.exif_transpose(file)
        array = np.asarray(upright)
        own = {key: upright.info[key] for key in _KEPT if key in upright.info}
    return array, "YX" if array.ndim == 2 else "YXC", Metadata(own=own)


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[np.ndarray]:
    """An image like the picture, written with little loss when it is filled, with what a JPEG said that it was read from.

    Raises `InputError` on what a JPEG cannot hold.
    """
    from PIL import Image

    dtype, shape = np.dtype(picture.array.dtype), tuple(picture.array.shape)
    if dtype != np.uint8 or picture.axes not in ("YX", "YXC", "YXS") or (*shape, 1)[2] not in (1, 3) or max(shape) > _LARGEST:
        raise InputError(
            f"a JPEG holds one 8-bit image of 1 or 3 channels, up to {_LARGEST} pixels a side, not {dtype} with axes "
            f"{picture.axes} {shape}; write a .tif")
    pixels = np.zeros(shape, dtype)
    yield pixels
    own = picture.metadata.own if picture.kind == "jpeg" else {}
    Image.fromarray(pixels.squeeze(2) if shape[2:] == (1,) else pixels).save(path, "JPEG", quality=95, subsampling=0, **own)
