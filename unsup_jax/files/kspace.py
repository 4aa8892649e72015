"""Files of k-space and of the images that are made of it: BART, fastMRI, ISMRMRD and complex NPY; HDF5, NIfTI, NPY and BART."""

from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files import bart, fastmri, ismrmrd, nifti
from unsup_jax.files.damaged import holds, reading
from unsup_jax.files.outputs import check_output, replacing
from unsup_jax.files.scan import Scan, checked

_HDF5 = (".h5", ".hdf5", ".mrd")
OUTPUTS = (".h5", ".nii", ".nii.gz", ".npy", ".cfl")


def is_kspace(path: str | Path) -> bool:
    """Whether a file holds k-space: a .cfl, an HDF5 with "kspace" (fastMRI) or "dataset/xml" (ISMRMRD), or a complex NPY."""
    return _format(Path(path)) is not None


def read_kspace(path: str | Path) -> Scan:
    """The scan of a file, whatever its format; an NPY is [H, W], [coil, H, W] or [slice, coil, H, W].

    Raises `InputError` on what is no k-space about its middle, or cannot be read.
    """
    path = Path(path)
    read = {"bart": bart.read, "fastmri": fastmri.read, "ismrmrd": ismrmrd.read, "npy": _read_npy}.get(_format(path))
    if read is None:
        raise InputError(f"{path}: holds no k-space; accepted are BART's .cfl, fastMRI's and ISMRMRD's .h5, and complex .npy")
    with reading(path, "k-space"):
        return checked(read(path))


def _format(path):
    if path.suffix == ".cfl":
        return "bart"
    if path.suffix in _HDF5 and path.is_file():
        return _layout(path)
    if path.suffix == ".npy" and path.is_file():
        try:
            return "npy" if np.issubdtype(np.load(path, mmap_mode="r").dtype, np.complexfloating) else None
        except Exception:
            return None                                             # a damaged file: the reader of images says so
    return None


def _layout(path):
    """How an HDF5 file holds k-space: "fastmri", "ismrmrd" or not at all (None)."""
    return "fastmri" if holds(path, "kspace") else "ismrmrd" if holds(path, "dataset/xml", "dataset/data") else None


def _read_npy(path):
    array = np.load(path)
    if not 2 <= array.ndim <= 4:
        raise InputError(f"{path}: k-space of shape {array.shape}; accepted are [H, W], [coil, H, W] and [slice, coil, H, W]")
    return Scan(path, array.reshape((1,) * (4 - array.ndim) + array.shape).astype(np.complex64))


def check_images(path: str | Path, scan: Scan) -> None:
    """Raise `InputError` where the images of a scan cannot be written to `path`, as its suffix says."""
    check_output(path, OUTPUTS)
    if Path(path).name.endswith((".nii", ".nii.gz")):
        nifti.check(path, scan)


def write_images(path: str | Path, images: np.ndarray, scan: Scan) -> str:
    """Write the wanted middle of complex images [slice, H, W, sets] of a scan, and return what of them the file holds.

    The volumes of a scan of several make a first axis, in NIfTI a fourth one, in BART its TIME. HDF5 ("image", with its voxel size and affine), NPY and BART hold the complex images of all sets; NIfTI the root of
    their sum of squares over the sets, which is the modulus where there is one. Raises `InputError` as `check_images`.
    """
    path, sets = Path(path), images.shape[-1]
    check_images(path, scan)
    images = scan.cropped(images)
    images = images.reshape(scan.volumes, -1, *images.shape[1:])
    size = f"{scan.volumes} x " * (scan.volumes > 1) + " x ".join(map(str, images.shape[1:4]))
    images = images if scan.volumes > 1 else images[0]
    with replacing(path) as place:
        if path.suffix == ".npy":
            np.save(place, images)
        elif path.suffix == ".cfl":
            with replacing(path.with_suffix(".hdr")) as header:
                bart.write(place, header, images.reshape(scan.volumes, -1, *images.shape[-3:]))
        elif path.suffix == ".h5":
            _write_hdf5(place, images, scan)
        else:
            nifti.write(place, np.sqrt(np.sum(np.abs(images) ** 2, -1)), scan)
            return f"the modulus of {size} images" if sets == 1 else f"the root of the sum of squares of the {sets} sets of {size} images"
    return f"complex images, {size}" + (f" of {sets} sets" if sets > 1 else "")


def _write_hdf5(path, images, scan):
    import h5py

    with h5py.File(path, "w") as file:
        data = file.create_dataset("image", data=images)
        data.attrs["axes"] = "TZYXC"[-images.ndim:]
        if scan.geometry is not None:
            data.attrs["affine_mm"] = scan.geometry.affine(*images.shape[-3:-1])   # of (column, row, slice)
            data.attrs["voxel_size_mm"] = np.linalg.norm(scan.geometry.steps, axis=1)  # slice, row, column
