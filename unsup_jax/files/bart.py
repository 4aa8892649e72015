"""BART: complex arrays of sixteen axes, a .cfl beside a .hdr (https://mrirecon.github.io/bart)."""

from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.names import trajectory_of
from unsup_jax.files.scan import Scan, Trajectory, is_whole, slices_along

_AXES = ("READ", "PHS1", "PHS2", "COIL", "MAPS", "TE", "COEFF", "COEFF2", "ITER", "CSHIFT", "TIME", "TIME2", "LEVEL", "SLICE", "AVG", "BATCH")
_IMAGES = ("BATCH", "SLICE", "TIME2", "TIME", "CSHIFT", "TE")   # each makes images of its own
_FLAT = 4                                                        # lines of an image differ in energy by much more than that


def read(path: Path) -> Scan:
    """k-space: coils, one to three axes of space, and any of slices, times, echoes and batches, all images of their own.

    Averages are averaged where they were sampled. Three axes of space become slices across the readout. Samples of spokes or spirals,
    along PHS1 and PHS2, take their trajectory from NAME_traj.cfl beside NAME.cfl, as BART has it: cycles a field of view, whose image is
    twice as wide as the trajectory reaches. Raises `InputError` on other axes, on a trajectory alone, and on what looks like such samples
    without one.
    """
    array, text = _array(path)
    sizes = dict(zip(_AXES, array.shape))
    said = " ".join(f"{name} {n}" for name, n in sizes.items() if n > 1) or "1"
    refused = [name for name, n in sizes.items() if n > 1 and name not in ("READ", "PHS1", "PHS2", "COIL", "AVG", *_IMAGES)]
    if refused:
        raise InputError(f"{path}: {said}; accepted are READ, PHS1, PHS2, COIL, AVG, {', '.join(_IMAGES[::-1])}, not {', '.join(refused)}")
    if sizes["READ"] == 3 and sizes["COIL"] == 1 and not array.imag.any():
        raise InputError(f"{path}: {said}, real: a trajectory; accepted is Cartesian k-space")
    array = np.moveaxis(array, [_AXES.index(name) for name in (*_IMAGES, "COIL", "READ", "PHS1", "PHS2", "AVG")], range(11))
    array = array.reshape(-1, *array.shape[6:11])               # [image, coil, read, phase 1, phase 2, average]
    if sizes["AVG"] > 1:
        array = array.sum(-1, keepdims=True) / np.maximum((array != 0).any(1, keepdims=True).sum(-1, keepdims=True), 1)
    array = array[..., 0]
    space = array.shape[2:]
    if sum(n > 1 for n in space) < 2:
        raise InputError(f"{path}: {said}; an image takes two of READ, PHS1 and PHS2")
    beside = trajectory_of(path)
    if space[0] == 1 and beside.exists():
        return _along(path, array[:, :, 0], beside, text)
    if space[0] == 1 and _is_flat(array[:, :, 0]):
        raise InputError(f"{path}: {said}, and all lines are alike in energy: samples of spokes or spirals; give their trajectory as {beside.name}")
    if min(space) > 1:
        if not is_whole(array, 2):
            raise InputError(f"{path}: three-dimensional k-space whose readout is sampled in part; accepted are whole lines")
        kspace = np.concatenate([slices_along(volume, 1) for volume in array])
    else:
        kspace = array.reshape(*array.shape[:2], *(n for n in space if n > 1))
    return Scan(path, kspace.astype(np.complex64), header=text)


def _along(path, kspace, beside, text):
    """k-space [image, coil, sample, shot] at the places of BART's trajectory [3, sample, shot], in cycles a field of view."""
    points = np.moveaxis(_array(beside)[0].real, [_AXES.index(name) for name in (*_IMAGES, "READ", "PHS1", "PHS2")], range(9))
    points = points.reshape(-1, *points.shape[6:9])                 # [image, 3, sample, shot]
    images, coils, *shape = kspace.shape
    if points.shape[0] not in (1, images) or points.shape[1:] != (3, *shape) or points[:, 2].any():
        raise InputError(f"{beside}: a trajectory of shape {points.shape} for {images} images of {shape[0]} x {shape[1]} samples; accepted are plane ones")
    frame = tuple((2 * np.ceil(np.abs(points[:, :2]).max((0, 2, 3)) - 1e-3)).astype(int).tolist())
    coordinates = (points[:, :2] / np.reshape(frame, (2, 1, 1))).reshape(len(points), 2, -1).swapaxes(1, 2)
    places = Trajectory(np.broadcast_to(coordinates, (images, *coordinates.shape[1:])), frame)
    return Scan(path, kspace.reshape(images, coils, -1).astype(np.complex64), header=text, trajectory=places)


def _array(path):
    header = path.with_suffix(".hdr")
    if not path.exists() or not header.exists():
        raise InputError(f"{path}: a BART file is a .cfl beside a .hdr of the same name")
    text = header.read_text(errors="replace")
    try:
        sizes = [int(n) for n in next(line for line in text.splitlines() if line.strip() and not line.startswith("#")).split()]
    except (StopIteration, ValueError) as error:
        raise InputError(f"{header}: holds no sizes") from error
    sizes = [*sizes, *[1] * (len(_AXES) - len(sizes))]
    array = np.fromfile(path, np.complex64)
    if array.size != np.prod(sizes) or len(sizes) > len(_AXES):
        raise InputError(f"{path}: {array.size} values; its header says {' x '.join(map(str, sizes))}")
    return array.reshape(sizes, order="F"), text


def _is_flat(kspace):
    """Whether the lines of [image, coil, H, W] along H are alike in energy, as those through zero frequency are, and lines of an image not."""
    energy = np.sum(np.abs(kspace) ** 2, (0, 1, 2))
    return energy.max() < _FLAT * np.median(energy[energy > 0]) if energy.any() else False


def write(path: Path, header: Path, images: np.ndarray) -> None:
    """Images [volume, slice, H, W, sets] as READ, PHS1, MAPS, TIME and SLICE: the .cfl `path` and its `header`."""
    volumes, slices, height, width, sets = images.shape
    sizes = [height, width, 1, 1, sets, *[1] * 5, volumes, 1, 1, slices, 1, 1]
    header.write_text("# Dimensions\n" + " ".join(map(str, sizes)) + "\n")
    images.transpose(1, 0, 4, 3, 2).astype(np.complex64).tofile(path)
