"""NIfTI, written through `nibabel`."""

from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.scan import Scan


def check(path: Path, scan: Scan) -> None:
    """Raise `InputError` where `nibabel` is missing, and on slices that no affine places."""
    try:
        import nibabel  # noqa: F401
    except ImportError as error:
        raise InputError("NIfTI needs nibabel: pip install 'unsup_jax[mri]'") from error
    if scan.geometry is not None and not scan.geometry.even:
        raise InputError(f"{path}: NIfTI holds parallel slices at equal distances, and those of {scan.path} are not; write .h5, .npy or .cfl")


def write(path: Path, images: np.ndarray, scan: Scan) -> None:
    """Real images [slice, H, W], indexed (column, row, slice), or of a fourth axis first that is indexed last, where the scan's geometry places them; at voxels of 1 without one."""
    import nibabel

    known = scan.geometry is not None
    affine = scan.geometry.affine(*images.shape[-2:]) if known else np.eye(4)
    image = nibabel.Nifti1Image(images.astype(np.float32).T, affine)
    image.header.set_xyzt_units("mm" if known else "unknown")
    image.set_sform(affine, "scanner" if known else "unknown")
    image.set_qform(affine, "scanner" if known else "unknown")
    nibabel.save(image, path)
