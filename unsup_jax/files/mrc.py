"""MRC: images, stacks and volumes of electron microscopy (MRC2014, Cheng 2015), plain or compressed by gzip."""

import gzip
import io
import math
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.mapped import Mapped
from unsup_jax.files.metadata import Metadata, Scale
from unsup_jax.files.picture import Picture

_TYPES = {"int8": 0, "uint8": 6, "int16": 1, "float32": 2, "uint16": 6, "float16": 12}
_WIDTH = {0: 1, 1: 2, 2: 4, 3: 4, 6: 2, 12: 2}  # bytes of a pixel, by the mode; eight at most
_STACKS = (".mrcs", ".st", ".ali")
_OF_STACKS = (b"SERI", b"AGAR", b"FEI1", b"FEI2")  # extended headers with an entry for each image of a tilt series or a movie
_OWN = (  # what a header says beside the size and the type of the pixels, which are written anew, and their statistics
    "nxstart", "nystart", "nzstart", "mx", "my", "mz", "cella", "cellb", "mapc", "mapr", "maps", "ispg", "extra1", "exttyp", "extra2",
    "origin", "nlabl", "label",
)
_IMOD = 1146047817  # the bytes "IMOD": the header says by a flag whether bytes have a sign


def read(path: Path):
    """(array, axes, metadata) of an MRC; the array is read where it is sliced, unless it is compressed.

    The axes are in the order of the file, which `mapc`, `mapr` and `maps` give. What is a volume, and what a stack of
    images, is said by the space group; in files without one (0) by the suffix, the extended header, and `mz`, the number
    of sections of a volume.
    """
    import mrcfile
    from mrcfile.mrcinterpreter import MrcInterpreter

    packed = path.suffix == ".gz"
    if not packed and path.stat().st_size < _before_pixels(path):
        raise InputError(f"{path}: the MRC holds no data, or fewer than its header says")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that are not to the letter of the standard
        with MrcInterpreter(_unpacked(path), permissive=True) if packed else mrcfile.mmap(path, mode="r", permissive=True) as file:
            header, array, extended = file.header.copy(), file.data, np.array(file.extended_header)
            steps = file.voxel_size.copy()
    if array is None:
        raise InputError(f"{path}: the MRC holds no data, or fewer than its header says")
    if int(header.mode) == 0 and _unsigned(header):
        array = array.view(np.uint8)
    array = Mapped.like(array) if isinstance(array, np.memmap) else array
    axes = _axes(path, array, header)
    own = {name: header[name].copy() for name in _OWN} | {"extended": extended}
    if not header.mode.dtype.isnative:  # numbers are turned into this machine's order, but bytes of unknown meaning cannot be
        own = {name: value for name, value in own.items() if name not in ("extra1", "exttyp", "extra2", "extended")}
    origins = {a: float(header.origin[a.lower()]) for a in "XYZ"}
    scales = {a: Scale(step, "Å", origins[a]) for a in "XYZ" if a in axes and (step := float(steps[a.lower()])) > 0}
    return array, axes, Metadata(scales=scales, own=own)


def _before_pixels(path):
    """The bytes before the pixels, as the header says; where it says less than none, more than any file has."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        header = file.read(1024)
    extended = struct.unpack(f"{_order(header)}i", header[92:96])[0] if len(header) == 1024 else 0
    return 1024 + (extended if extended >= 0 else 2**40)


def _unpacked(path):
    """What a compressed file holds as far as its header says, which may be much less than it would unpack to."""
    before = _before_pixels(path)
    with gzip.open(path) as file:
        header = file.read(1024)
        *shape, mode = struct.unpack(f"{_order(header)}4i", header[:16]) if len(header) == 1024 else (0, 0, 0, 0)
        pixels = math.prod(max(n, 0) for n in shape) * _WIDTH.get(mode, 8)
        return io.BytesIO(header + file.read(min(before - 1024 + pixels, 2**40)))


def _order(header):
    """That of the bytes of a header's numbers."""
    return ">" if header[212:213] == b"\x11" else "<"


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[np.ndarray]:
    """An MRC like the picture, filled in place, or when it is complete if it is compressed; of an MRC it keeps the header.

    Bytes without a sign are written as 16 bits, but for an MRC that had them. Raises `InputError` on what an MRC cannot hold.
    """
    import mrcfile

    shape, dtype = tuple(picture.array.shape), np.dtype(picture.array.dtype)
    if dtype.name not in _TYPES:
        raise InputError(f"{path.name}: an MRC holds {', '.join(_TYPES)}, not {dtype}")
    of_planes, of_volumes = set(picture.axes[-2:]) == {"X", "Y"}, set(picture.axes[-3:]) == {"X", "Y", "Z"}
    if len(shape) > 4 or not (of_volumes or of_planes and len(shape) < 4) or picture.channels():
        raise InputError(f"{path.name}: an MRC holds images, stacks and volumes without channels, not axes {picture.axes}")
    own = picture.metadata.own if picture.kind == "mrc" else {}
    signless = dtype == np.uint8 and bool(own)
    mode = 0 if signless else _TYPES[dtype.name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path.suffix == ".gz":
            file = mrcfile.new(path, np.zeros(shape, mrcfile.utils.dtype_from_mode(mode)), compression="gzip", overwrite=True)
        else:
            file = mrcfile.new_mmap(path, shape, mode, overwrite=True, extended_header=own.get("extended"))
        with file:
            if "extended" in own and path.suffix == ".gz":
                file.set_extended_header(own["extended"])
            _describe(file, picture, own)
            if len(shape) == 3 and "Z" not in picture.axes and "Z" in _axes(path, file.data, file.header):  # its name said it was a stack
                file.header.cella.z /= max(int(file.header.mz), 1)
                file.set_image_stack()
            yield file.data.view(np.uint8) if signless else file.data
            file.update_header_stats()
            if signless:
                pixels = file.data.view(np.uint8)
                file.header.dmin, file.header.dmax, file.header.dmean, file.header.rms = pixels.min(), pixels.max(), pixels.mean(), pixels.std()


def head(opened: IO[bytes], count: int, path: Path) -> bool:
    """Write the first `count` images of a stack that is read from its beginning on as a file of its own; False where it has no more of them.

    Raises `InputError` where it is no MRC, or of a type without whole bytes.
    """
    import mrcfile

    opened.seek(0)
    raw = opened.read(1024)
    try:
        order = mrcfile.utils.byte_order_from_machine_stamp(raw[212:216])
        header = np.frombuffer(raw, mrcfile.dtypes.HEADER_DTYPE.newbyteorder(order)).copy()[0]
        section = int(header["nx"]) * int(header["ny"]) * mrcfile.utils.dtype_from_mode(header["mode"]).itemsize
    except (ValueError, IndexError) as error:
        raise InputError(f"{path.name}: no MRC whose images can be cut off ({error})") from error
    if int(header["nz"]) <= count:
        return False
    header["nz"] = count
    header["mz"] = min(int(header["mz"]), count)
    with path.open("wb") as file:
        file.write(header.tobytes() + opened.read(int(header["nsymbt"])))
        for _ in range(count):
            file.write(opened.read(section))
    return True


def _unsigned(header) -> bool:
    stamp, flags = np.frombuffer(header.extra2.tobytes()[-44:-36], header.mode.dtype)[:2]
    return stamp == _IMOD and not flags & 1


def _axes(path, array, header) -> str:
    group, ends = int(header.ispg), path.name.lower().removesuffix(".gz")
    by_number = {1: "X", 2: "Y", 3: "Z"}
    order = "".join(by_number.get(int(header[name]), "") for name in ("maps", "mapr", "mapc"))
    order = order if sorted(order) == ["X", "Y", "Z"] else "ZYX"
    plane = order.replace("Z", "") if order[0] == "Z" else "YX"
    if array.ndim != 3:
        return {2: plane, 4: "I" + order}[array.ndim]
    volume = int(header.mz) == array.shape[0] > 1 and bytes(header.exttyp) not in _OF_STACKS
    return "I" + plane if ends.endswith(_STACKS) or group == 0 and not volume else order


def _describe(file, picture, own):
    steps = {a: scale.to("Å") for a, scale in picture.metadata.scales.items()}
    if own:
        for name in set(_OWN) & set(own):
            file.header[name] = own[name]
        return
    if any(steps.values()):
        file.voxel_size = tuple(steps[a].step if steps.get(a) else 0.0 for a in "XYZ")
        for a in "XYZ":
            file.header.origin[a.lower()] = steps[a].origin if steps.get(a) else 0.0
    numbers = [{"X": 1, "Y": 2}.get(a, 3) for a in f"Z{picture.axes}"[-3:]]
    file.header.maps, file.header.mapr, file.header.mapc = numbers
