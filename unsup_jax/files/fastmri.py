"""fastMRI: HDF5 with "kspace", of several coils or of one, and the header of an ISMRMRD file (https://fastmri.org)."""

from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.ismrmrd_header import Header
from unsup_jax.files.scan import Geometry, Scan, Slices, is_whole, without_oversampling


def read(path: Path) -> Scan:
    """kspace [slice, coil, H, W], or [slice, H, W] of one coil, without the oversampling of its readout.

    Slices are read when they are asked for. Where there is a "mask" [W], only its lines were sampled. Images are wanted as large
    as the header's reconstructed matrix. Raises `InputError` on k-space that is not Cartesian and of another shape.
    """
    import h5py

    with h5py.File(path, "r") as file:
        array = file["kspace"]
        if array.ndim not in (3, 4) or array.dtype.kind != "c":
            raise InputError(
                f"{path}: kspace of type {array.dtype} and shape {array.shape}; accepted are complex [slice, coil, H, W] and [slice, H, W]")
        count, *_, height, width = array.shape
        coils = array.shape[1] if array.ndim == 4 else 1
        mask = file["mask"][...].astype(bool).ravel() if "mask" in file else None
        text = file["ismrmrd_header"][()] if "ismrmrd_header" in file else b""
    if mask is not None and mask.size != width:
        raise InputError(f"{path}: a mask of {mask.size} lines for k-space of {width}")

    def one(i):
        """k-space [coil, H, W] of a slice as it was stored."""
        with h5py.File(path, "r") as file:
            kspace = file["kspace"][i].astype(np.complex64).reshape(coils, height, width)
        return kspace if mask is None else kspace * mask.astype(np.float32)

    if not text:
        return Scan(path, Slices(path, count, (coils, height, width), one))
    header = Header.parse(path, text)
    header.check_cartesian(path)
    matrix = tuple(min(n, wanted) for n, wanted in zip((height, width), header.reconstructed.matrix))
    size = header.reconstructed.voxel_size_mm()
    geometry = Geometry(np.eye(3)[[2, 1, 0]] * size[[2, 0, 1], None], np.zeros(3))
    rows = matrix[0] if is_whole(one(count // 2), 1) else height
    kspace = Slices(path, count, (coils, rows, width), lambda i: without_oversampling(one(i), rows))
    return Scan(path, kspace, matrix, header.encoded, header.reconstructed, geometry, header.coil_names, header.text)
