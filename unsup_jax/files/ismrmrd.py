"""The ISMRM raw data format (.h5 or .mrd with the group "dataset"): its header, and Cartesian scans through `ismrmrd`."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.scan import Geometry, Scan, Space, slices_along_readout, without_oversampling

_NOT_IMAGE = (
    "NOISE_MEASUREMENT", "NAVIGATION_DATA", "PHASECORR_DATA", "DUMMYSCAN_DATA", "RTFEEDBACK_DATA", "HPFEEDBACK_DATA",
    "SURFACECOILCORRECTIONSCAN_DATA", "PHASE_STABILIZATION", "PHASE_STABILIZATION_REFERENCE",
)
_LOOPS = ("contrast", "phase", "repetition", "set")
_TO_RAS = np.array([-1.0, -1.0, 1.0])   # ISMRMRD, as DICOM, counts towards left, back and head


@dataclass(frozen=True)
class Header:
    """What the XML header says of the first encoding."""

    text: str
    encoded: Space
    reconstructed: Space
    centres: tuple[int, int]
    """Zero frequency among the counted steps of phase and partition encoding."""
    trajectory: str
    coil_names: tuple[str, ...]

    @classmethod
    def parse(cls, path: Path, text: bytes | str) -> "Header":
        """The header of a file; `InputError` where it is damaged or says no matrix."""
        text = text.decode(errors="replace") if isinstance(text, bytes) else text
        try:
            root = ElementTree.fromstring(text.encode())
            for node in root.iter():
                node.tag = node.tag.rpartition("}")[2]
            encoding = root.find("encoding")
            numbers = lambda kind, place: tuple(kind(encoding.findtext(f"{place}/{axis}")) for axis in "xyz")
            spaces = [
                Space(numbers(int, f"{name}/matrixSize"), numbers(float, f"{name}/fieldOfView_mm")) for name in ("encodedSpace", "reconSpace")
            ]
        except (ElementTree.ParseError, AttributeError, TypeError, ValueError) as error:
            raise InputError(f"{path}: its ISMRMRD header cannot be read ({error})") from error
        steps = [encoding.findtext(f"encodingLimits/kspace_encoding_step_{i}/center") for i in (1, 2)]
        centres = tuple(n // 2 if step is None else int(step) for n, step in zip(spaces[0].matrix[1:], steps))
        names = tuple(node.text or "" for node in root.findall("acquisitionSystemInformation/coilLabel/coilName"))
        return cls(text, *spaces, centres, encoding.findtext("trajectory") or "cartesian", names)

    def check_cartesian(self, path: Path) -> None:
        """Raise `InputError` on another trajectory."""
        if self.trajectory != "cartesian":
            raise InputError(f"{path}: {self.trajectory} k-space; accepted is cartesian k-space")

    def wanted(self) -> tuple[int, int, int]:
        """Samples of the encoded grid that span the reconstructed field of view."""
        ratio = np.divide(self.reconstructed.field_of_view_mm, self.encoded.field_of_view_mm)
        return tuple(min(n, round(n * part)) for n, part in zip(self.encoded.matrix, ratio))


def read(path: Path) -> Scan:
    """Every image line on the encoded matrix, without the oversampling of the readout; what was not acquired is zero.

    Lines that were acquired several times are averaged, and lines for calibration kept; noise scans and navigators
    are not. Slices are in the order of their index, or of their place where only that is even; three-dimensional scans become
    slices across the readout. Raises `InputError` on another trajectory, on reversed lines (which need a correction of their
    phase first), on more than one encoding, contrast, phase, repetition or set, on several slabs, and where `ismrmrd` is missing.
    """
    try:
        import ismrmrd
    except ImportError as error:
        raise InputError("ISMRMRD needs the package ismrmrd: pip install 'unsup_jax[mri]'") from error
    with ismrmrd.Dataset(path, mode="r") as file:
        header = Header.parse(path, file.read_xml_header())
        lines = [file.read_acquisition(i) for i in range(file.number_of_acquisitions())]
    skipped = [getattr(ismrmrd, f"ACQ_IS_{kind}") for kind in _NOT_IMAGE]
    lines = [a for a in lines if not any(a.is_flag_set(flag) for flag in skipped)]
    header.check_cartesian(path)
    reverse = sum(a.is_flag_set(ismrmrd.ACQ_IS_REVERSE) for a in lines)
    if reverse or not lines:
        raise InputError(f"{path}: {len(lines)} lines of an image, {reverse} reversed; accepted are lines in one direction")
    for loop in _LOOPS:
        _one(path, loop, {getattr(a.idx, loop) for a in lines})
    _one(path, "encoding", {a.encoding_space_ref for a in lines})
    coils = _one(path, "number of coils", {a.active_channels for a in lines})
    slices = sorted({a.idx.slice for a in lines})
    kspace = _on_grid(path, lines, header, slices, coils)           # [slice, coil, readout, phase, partition]
    directions = [np.array([getattr(a, f"{name}_dir") for name in ("slice", "read", "phase")], float) for a in map(_first(lines), slices)]
    places = np.array([_first(lines)(s).position for s in slices], float)
    wanted, size = header.wanted(), header.encoded.voxel_size_mm()
    shared = dict(encoded=header.encoded, reconstructed=header.reconstructed, coil_names=header.coil_names, header=header.text)
    if kspace.shape[4] > 1:
        if len(slices) > 1:
            raise InputError(f"{path}: {len(slices)} slabs of {kspace.shape[4]} partitions; accepted is one slab, or slices")
        kspace = slices_along_readout(path, kspace[0], wanted[0])
        across, along, phase = directions[0] * size[[2, 0, 1], None] * _TO_RAS
        if not directions[0].any():
            across, along, phase = np.eye(3)[[2, 0, 1]] * size[[2, 0, 1], None]
        return Scan(path, kspace, wanted[1:], **shared, geometry=Geometry(
            np.stack([along, phase, across]), places[0] * _TO_RAS - len(kspace) // 2 * along))
    order, geometry = _geometry(places, directions, size)
    kspace = without_oversampling(kspace[order, ..., 0], wanted[0])
    return Scan(path, kspace, wanted[:2], **shared, geometry=geometry)


def _one(path, what, found):
    if len(found) > 1:
        raise InputError(f"{path}: {len(found)} values of {what}; accepted is one, with slices")
    return next(iter(found))


def _first(lines):
    return lambda index: next(a for a in lines if a.idx.slice == index)


def _on_grid(path, lines, header, slices, coils):
    x, y, z = header.encoded.matrix
    kspace = np.zeros((len(slices), coils, x, y, z), np.complex64)
    acquired = np.zeros((len(slices), 1, x, y, z), np.float32)
    for a in lines:
        data = a.data[:, a.discard_pre:a.number_of_samples - a.discard_post]
        first = x // 2 - a.center_sample + a.discard_pre
        steps = a.idx.kspace_encode_step_1, a.idx.kspace_encode_step_2
        column, partition = (step - centre + n // 2 for step, centre, n in zip(steps, header.centres, (y, z)))
        if first < 0 or first + data.shape[1] > x or not (0 <= column < y and 0 <= partition < z):
            raise InputError(f"{path}: line {steps} of {data.shape[1]} samples is outside of its {x} x {y} x {z} matrix")
        place = slices.index(a.idx.slice), slice(None), slice(first, first + data.shape[1]), column, partition
        kspace[place] += data
        acquired[place] += 1
    return kspace / np.maximum(acquired, 1)


def _geometry(places, directions, size):
    """(order of the slices, their geometry); in the order given where the places are even in it, else along the slice direction."""
    size = size[[2, 0, 1], None]                                # slice, row along the readout, column along the phase
    if not all(d.any(1).all() for d in directions):             # no orientation: voxels along the axes, about zero
        return np.arange(len(places)), Geometry(np.eye(3)[[2, 1, 0]] * size, np.zeros(3))
    normal = directions[0][0]
    for order in (np.arange(len(places)), np.argsort(places @ normal, kind="stable")):
        gaps = np.diff(places[order], axis=0)
        if len(gaps) == 0 or (np.abs(gaps - gaps[0]).max() < 1e-2 and np.linalg.norm(gaps[0]) > 1e-3):
            break
    parallel = all(np.abs(d - directions[0]).max() < 1e-3 for d in directions)
    even = len(gaps) == 0 or bool(np.abs(gaps - gaps[0]).max() < 1e-2 and np.linalg.norm(gaps[0]) > 1e-3)
    steps = directions[0] * size
    if len(gaps) and even:
        steps[0] = gaps[0]
    return order, Geometry(steps * _TO_RAS, places[order[0]] * _TO_RAS, even and parallel)
