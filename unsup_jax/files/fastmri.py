"""fastMRI: HDF5 with "kspace", of several coils or of one, and the header of an ISMRMRD file (https://fastmri.org)."""

from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.ismrmrd import Header
from unsup_jax.files.scan import Geometry, Scan, without_oversampling


def read(path: Path) -> Scan:
    """kspace [slice, coil, H, W], or [slice, H, W] of one coil, without the oversampling of its readout.

    Where there is a "mask" [W], only its lines were sampled. Images are wanted as large as the header's reconstructed matrix.
    Raises `InputError` on k-space that is not Cartesian and of another shape.
    """
    import h5py

    with h5py.File(path, "r") as file:
        array = file["kspace"]
        if array.ndim not in (3, 4) or array.dtype.kind != "c":
            raise InputError(
                f"{path}: kspace of type {array.dtype} and shape {array.shape}; accepted are complex [slice, coil, H, W] and [slice, H, W]")
        kspace = array[...].astype(np.complex64)
        mask = file["mask"][...].astype(bool).ravel() if "mask" in file else None
        text = file["ismrmrd_header"][()] if "ismrmrd_header" in file else b""
    kspace = kspace[:, None] if kspace.ndim == 3 else kspace
    if mask is not None:
        if mask.size != kspace.shape[3]:
            raise InputError(f"{path}: a mask of {mask.size} lines for k-space of {kspace.shape[3]}")
        kspace *= mask.astype(np.float32)
    if not text:
        return Scan(path, kspace)
    header = Header.parse(path, text)
    header.check_cartesian(path)
    matrix = tuple(min(n, wanted) for n, wanted in zip(kspace.shape[2:], header.reconstructed.matrix))
    size = header.reconstructed.voxel_size_mm()
    geometry = Geometry(np.eye(3)[[2, 1, 0]] * size[[2, 0, 1], None], np.zeros(3))
    return Scan(
        path, without_oversampling(kspace, matrix[0]), matrix, header.encoded, header.reconstructed, geometry, header.coil_names, header.text)
