"""Multi-coil Cartesian k-space from files: BART (.cfl beside .hdr), fastMRI and ISMRMRD (.h5), complex NPY; images to HDF5, NIfTI, NPY.

k-space is stored centred, as scanners and both tools write it, and becomes `SENSE` measurements: what is zero in all
coils was not sampled, and the sensitivities are estimated from the centre of each slice (ESPIRiT). The image of a
measurement is in the units of an orthonormal FFT of the file's values.
"""

from collections.abc import Iterator
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.data.ismrmrd import read_ismrmrd
from unsup_jax.errors import InputError
from unsup_jax.operators import SENSE, espirit
from unsup_jax.operators.fourier import uncentred

_HDF5 = (".h5", ".hdf5", ".mrd")
OUTPUTS = (".h5", ".nii", ".nii.gz", ".npy")


def is_kspace(path: str | Path) -> bool:
    """Whether a file holds k-space: a .cfl, an HDF5 with "kspace" (fastMRI) or "dataset/xml" (ISMRMRD), or a complex NPY."""
    path = Path(path)
    if path.suffix == ".cfl":
        return True
    if path.suffix in _HDF5 and path.exists():
        return bool(_layout(path))
    if path.suffix == ".npy" and path.exists():
        try:
            return np.issubdtype(np.load(path, mmap_mode="r").dtype, np.complexfloating)
        except (ValueError, EOFError):
            return False                                            # a damaged file: the reader of images says so
    return False


def read_kspace(path: str | Path) -> np.ndarray:
    """[slice, coil, H, W] complex64, centred.

    A BART file has the readout along its first axis, phase encoding along its second, coils along its fourth and
    slices along its 14th. Raises `InputError` on any other layout, and on a file that cannot be read.
    """
    path = Path(path)
    if path.suffix == ".cfl":
        array = _read_cfl(path)
    elif path.suffix == ".npy":
        array = np.load(path)
    elif _layout(path) == "ismrmrd":
        array = read_ismrmrd(path)
    else:
        import h5py

        with h5py.File(path, "r") as file:
            array = file["kspace"][:]
    array = array[None] if array.ndim == 3 else array
    if array.ndim != 4:
        raise InputError(f"{path}: k-space of shape {array.shape}; accepted are [coil, H, W] and [slice, coil, H, W]")
    if not np.isfinite(array).all() or not array.any():
        raise InputError(f"{path}: the k-space is all zero, or holds values that are NaN or infinite")
    return array.astype(np.complex64)


def _layout(path):
    """How an HDF5 file holds k-space: "fastmri", "ismrmrd" or not at all (None)."""
    import h5py

    if not h5py.is_hdf5(path):
        return None
    with h5py.File(path, "r") as file:
        return "fastmri" if "kspace" in file else "ismrmrd" if "dataset/xml" in file and "dataset/data" in file else None


def _read_cfl(path):
    header = path.with_suffix(".hdr")
    if not path.exists() or not header.exists():
        raise InputError(f"{path}: a BART file is a .cfl beside a .hdr of the same name")
    lines = [line for line in header.read_text().splitlines() if line and not line.startswith("#")]
    sizes = [int(n) for n in lines[0].split()] + [1] * 16
    array = np.fromfile(path, np.complex64)
    if array.size != np.prod(sizes):
        raise InputError(f"{path}: {array.size} values; its header says {' x '.join(map(str, sizes[:16]))}")
    if any(n > 1 for axis, n in enumerate(sizes) if axis not in (0, 1, 3, 13)):
        raise InputError(f"{path}: sizes {sizes[:16]}; accepted are readout, phase, coils (fourth) and slices (14th) alone")
    readout, phase, coils, slices = (sizes[axis] for axis in (0, 1, 3, 13))
    return array.reshape(slices, coils, phase, readout).swapaxes(-1, -2)    # first axis fastest


def measurements(path: str | Path, *, calibration: int = 24) -> Iterator[Measurement]:
    """A `SENSE` measurement of each slice, with maps from the central `calibration` samples an axis, all of them sampled.

    Raises `InputError` where fewer are.
    """
    for kspace in read_kspace(path):
        y = uncentred(jnp.asarray(kspace))
        mask = (jnp.abs(y).max(0) > 0).astype(jnp.float32)
        width = _sampled_centre(np.asarray(mask), calibration)
        if width < 8:
            raise InputError(f"{path}: the {width} x {width} centre of k-space is fully sampled; ESPIRiT takes 8 or more")
        maps, _ = espirit(y, calibration=width, crop=0.9)
        yield Measurement(np.asarray(y), SENSE(np.asarray(maps), np.asarray(mask)))


def _sampled_centre(mask, most):
    centred = np.fft.fftshift(mask)
    for width in range(min(most, *mask.shape), 0, -2):
        window = tuple(slice(n // 2 - width // 2, n // 2 - width // 2 + width) for n in mask.shape)
        if centred[window].mean() > 0.95:   # vendors leave out corners
            return width
    return 0


def write_images(path: str | Path, images: np.ndarray) -> None:
    """Complex images [slice, H, W, sets]: all of it to .h5 ("image") and .npy, the modulus of the first set to NIfTI.

    Raises `InputError` on another suffix.
    """
    path = Path(path)
    if not path.name.endswith(OUTPUTS):
        raise InputError(f"{path}: images of k-space are written to {', '.join(OUTPUTS)}")
    if path.suffix == ".npy":
        np.save(path, images)
    elif path.suffix == ".h5":
        import h5py

        with h5py.File(path, "w") as file:
            file.create_dataset("image", data=images).attrs["axes"] = "ZYXC"
    else:
        try:
            import nibabel
        except ImportError as error:
            raise InputError("NIfTI needs nibabel: pip install 'unsup_jax[mri]'") from error
        volume = np.abs(images[..., 0]).astype(np.float32).transpose(2, 1, 0)   # x, y, slice
        nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), path)
