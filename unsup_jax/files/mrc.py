"""MRC: images, stacks and volumes of electron microscopy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata, Scale
from unsup_jax.files.picture import Picture


_TYPES = {"int8": 0, "int16": 1, "float32": 2, "uint16": 6, "float16": 12}


def read(path: Path):
    """(array, axes, metadata) of an MRC, mapped into memory."""
    import mrcfile

    with mrcfile.mmap(path, mode="r", permissive=True) as file:
        header, array = file.header, file.data
        if array is None:
            raise InputError(f"{path}: the MRC holds no data")
        spacegroup = int(header.ispg)
        # a stack of images, or a volume; files that predate MRC2014 say it by their suffix alone
        stacked = array.ndim == 3 and (path.suffix.lower() in (".mrcs", ".st") or file.is_image_stack())
        axes = {2: "YX", 3: "IYX" if stacked else "ZYX", 4: "IZYX"}[array.ndim]
        own = {"spacegroup": spacegroup, "origin": header.origin.copy(), "labels": file.get_labels()}
        scales = {a: Scale(step, "Å") for a in "XYZ" if a in axes and (step := float(file.voxel_size[a.lower()])) > 0}
        return array, axes, Metadata(scales=scales, own=own)


@contextmanager
def create(picture: Picture, path: Path) -> Iterator[np.ndarray]:
    """An MRC like the picture, filled in place. Raises `InputError` on what an MRC cannot hold."""
    import mrcfile

    shape, dtype = tuple(picture.array.shape), np.dtype(picture.array.dtype)

    if dtype.name not in _TYPES:
        raise InputError(f"{path.name}: an MRC holds {', '.join(_TYPES)}, not {dtype}")
    if len(shape) not in (2, 3, 4) or "C" in picture.axes or "S" in picture.axes:
        raise InputError(f"{path.name}: an MRC holds images, stacks and volumes without channels, not axes {picture.axes}")
    with mrcfile.new_mmap(path, shape, _TYPES[dtype.name], overwrite=True) as file:
        if len(shape) == 3 and "Z" not in picture.axes:
            file.set_image_stack()
        steps = {a: scale.to("Å") for a, scale in picture.metadata.scales.items()}
        file.voxel_size = tuple(steps[a].step if steps.get(a) else 0.0 for a in "XYZ")
        if picture.kind == "mrc":
            own = picture.metadata.own
            file.header.ispg = own["spacegroup"]
            file.header.origin = own["origin"]
            for label in own["labels"][:9]:
                file.add_label(label)
        yield file.data
        file.update_header_stats()
