"""Two-dimensional Cartesian scans in the ISMRM raw data format (.h5 or .mrd with the group "dataset"), through `ismrmrd`."""

from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError

_NOT_IMAGE = (
    "NOISE_MEASUREMENT", "NAVIGATION_DATA", "PHASECORR_DATA", "DUMMYSCAN_DATA", "RTFEEDBACK_DATA", "HPFEEDBACK_DATA",
    "SURFACECOILCORRECTIONSCAN_DATA", "PHASE_STABILIZATION", "PHASE_STABILIZATION_REFERENCE",
)
_LOOPS = ("contrast", "phase", "repetition", "set", "kspace_encode_step_2")


def read_ismrmrd(path: str | Path) -> np.ndarray:
    """[slice, coil, readout, phase] complex64, centred on the encoded matrix; what was not acquired is zero.

    Lines that were acquired several times are averaged, and lines for calibration kept; noise scans and navigators
    are not. Slices are in the order of their index. Raises `InputError` on another trajectory, on reversed lines
    (which need a correction of their phase first), on more than one contrast, phase, repetition, set or partition,
    and where `ismrmrd` is missing.
    """
    try:
        import ismrmrd
    except ImportError as error:
        raise InputError("ISMRMRD needs the package ismrmrd: pip install 'unsup_jax[mri]'") from error
    with ismrmrd.Dataset(path, mode="r") as file:
        encoding = ismrmrd.xsd.CreateFromDocument(file.read_xml_header()).encoding[0]
        lines = [file.read_acquisition(i) for i in range(file.number_of_acquisitions())]
    skipped = [getattr(ismrmrd, f"ACQ_IS_{kind}") for kind in _NOT_IMAGE]
    lines = [a for a in lines if a.encoding_space_ref == 0 and not any(a.is_flag_set(flag) for flag in skipped)]
    trajectory = encoding.trajectory.value
    reverse = sum(a.is_flag_set(ismrmrd.ACQ_IS_REVERSE) for a in lines)
    if trajectory != "cartesian" or reverse or not lines:
        raise InputError(f"{path}: {len(lines)} lines of an image, {reverse} reversed, {trajectory}; accepted are cartesian ones in one direction")
    for loop in _LOOPS:
        found = {getattr(a.idx, loop) for a in lines}
        if len(found) > 1:
            raise InputError(f"{path}: {len(found)} values of {loop}; accepted is one, with slices")
    coils = {a.active_channels for a in lines}
    if len(coils) > 1:
        raise InputError(f"{path}: lines of {sorted(coils)} coils; accepted is one number")
    matrix, limits = encoding.encodedSpace.matrixSize, encoding.encodingLimits.kspace_encoding_step_1
    centre = matrix.y // 2 if limits is None else limits.center
    slices = sorted({a.idx.slice for a in lines})
    kspace = np.zeros((len(slices), coils.pop(), matrix.x, matrix.y), np.complex64)
    acquired = np.zeros((len(slices), 1, matrix.x, matrix.y), np.float32)
    for a in lines:
        data = a.data[:, a.discard_pre:a.number_of_samples - a.discard_post]
        first = matrix.x // 2 - a.center_sample + a.discard_pre
        column = a.idx.kspace_encode_step_1 - centre + matrix.y // 2
        if first < 0 or first + data.shape[1] > matrix.x or not 0 <= column < matrix.y:
            raise InputError(f"{path}: line {a.idx.kspace_encode_step_1} of {data.shape[1]} samples is outside of its {matrix.x} x {matrix.y} matrix")
        place = slices.index(a.idx.slice), slice(None), slice(first, first + data.shape[1]), column
        kspace[place] += data
        acquired[place] += 1
    return kspace / np.maximum(acquired, 1)
