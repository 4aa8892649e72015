"""PNG: one image of grey levels or RGB, of 8 or 16 bits a channel."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata
from unsup_jax.files.picture import Picture

_PALETTE, _GREY_ALPHA, _RGB_ALPHA = 3, 4, 6  # types of colour
_COLOR_SPACE = {b"cHRM", b"cICP", b"gAMA", b"iCCP", b"sCAL", b"sRGB"}
_HEADER = 8 + 25  # the signature and the first chunk


def read(path: Path):
    """(array, axes, metadata) of a PNG, where fewer than 8 bits are read as 8, and a palette as its colours.

    `InputError` on transparency and on an animation.
    """
    import imagecodecs

    data = path.read_bytes()
    chunks = _chunks(data)
    names, color = [name for name, _ in chunks], data[25]
    if b"acTL" in names:
        raise InputError(f"{path}: is an animation; give a file for each frame")
    if color in (_GREY_ALPHA, _RGB_ALPHA) or b"tRNS" in names:
        raise InputError(f"{path}: has transparency (alpha) beside its colours or grey levels; save it without")
    array = imagecodecs.png_decode(data)
    if color == _PALETTE and (array == array[..., :1]).all():
        array = array[..., 0]
    kept = {name: body for name, body in chunks if name in _COLOR_SPACE}
    own = {"chunks": [*kept.items(), *((name, body) for name, body in chunks if name[3:].islower())]}  # marked as safe to copy
    return array, "YX" if array.ndim == 2 else "YXC", Metadata(own=own)


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[np.ndarray]:
    """An image like the picture, written when it is filled, with the text, resolution and colour space of a PNG it was read from.

    Raises `InputError` on what a PNG cannot hold.
    """
    import imagecodecs

    dtype, shape = np.dtype(picture.array.dtype).newbyteorder("="), tuple(picture.array.shape)
    if dtype not in (np.uint8, np.uint16) or picture.axes not in ("YX", "YXC", "YXS") or (*shape, 1)[2] not in (1, 3):
        raise InputError(f"a PNG holds one 8- or 16-bit image of 1 or 3 channels, not {dtype} with axes {picture.axes} {shape}")
    pixels = np.zeros(shape, dtype)
    yield pixels
    data = imagecodecs.png_encode(pixels.squeeze(2) if shape[2:] == (1,) else pixels)
    chunks = picture.metadata.own.get("chunks", []) if picture.kind == "png" else []
    path.write_bytes(data[:_HEADER] + b"".join(_chunk(*chunk) for chunk in chunks) + data[_HEADER:])


def _chunks(data):
    """(name, content) of each chunk of a PNG. https://www.w3.org/TR/png-3/#5Chunk-layout"""
    chunks, place = [], 8
    while place + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[place : place + 8])
        chunks.append((name, data[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def _chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
