"""Projections of a turning specimen as one array with their angles, whatever their format: HDF5 of DXchange, images with a text of angles."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files import open_image
from unsup_jax.files.damaged import holds, reading
from unsup_jax.files.metadata import Scale, symbol
from unsup_jax.files.table import read_table

_HDF5 = (".h5", ".hdf5", ".hdf", ".nxs")
TILTS = (".tlt", ".rawtlt")
"""Suffixes of the texts of tilt angles that stand beside a tilt series, in the order in which one is taken."""


@dataclass(frozen=True)
class Projections:
    """What a detector counted behind a specimen that turns about an axis along the detector's rows. What a file does not say is None."""

    path: Path
    counts: np.ndarray
    """[angle, row, detector] float32."""
    angles: np.ndarray | None = None
    """Radians, [angle]."""
    flat: np.ndarray | None = None
    """The detector without a specimen, [row, detector]."""
    dark: np.ndarray | None = None
    """The detector without a beam, [row, detector]."""
    scales: dict[str, Scale] = field(default_factory=dict)
    """Sizes of the detector's pixels: along X, and along the axis of rotation, Y."""


def is_exchange(path: str | Path) -> bool:
    """Whether a file is an HDF5 of projections as DXchange and TomoPy write it: with "exchange/data"."""
    return Path(path).suffix.lower() in _HDF5 and holds(path, "exchange/data")


def angles_beside(path: str | Path) -> Path | None:
    """The text of tilt angles that stands beside a tilt series under its name; None where there is none."""
    path = Path(path)
    return next((found for end in TILTS if (found := path.with_suffix(end)).exists()), None)


def read_angles(path: str | Path) -> np.ndarray:
    """Radians of a text that lists an angle in degrees a line, the last of its columns where there are several.

    Raises `InputError` on a text that holds no numbers.
    """
    table = read_table(path, "angles in degrees")
    return np.deg2rad(table[0] if len(table) == 1 else table[:, -1])


def read_exchange(path: str | Path) -> Projections:
    """The projections of a DXchange HDF5: "exchange/data" [angle, row, detector], its data_white, data_dark and theta.

    Frames of the flat and the dark field are averaged. Raises `InputError` on what lacks angles or does not fit together.
    """
    import h5py

    path = Path(path)
    with reading(path, "DXchange"), h5py.File(path, "r") as file:
        group = file["exchange"]
        if group["data"].ndim != 3:
            raise InputError(f"{path}: exchange/data of shape {group['data'].shape}; accepted is [angle, row, detector]")
        if "theta" not in group:
            raise InputError(f"{path}: no exchange/theta; its angles are needed")
        counts, theta = np.asarray(group["data"], np.float32), np.ravel(group["theta"]).astype(np.float64)
        units = group["theta"].attrs.get("units", "degrees")
        flat, dark = (_mean_frame(group.get(name), counts.shape[1:], path, name) for name in ("data_white", "data_dark"))
        scales = _pixel_sizes(file)
    units = units.decode() if isinstance(units, bytes) else str(units)
    angles = theta if units.lower().startswith("rad") else np.deg2rad(theta)
    return with_angles(_finite(Projections(path, counts, None, flat, dark, scales)), angles)


def read_images(path: str | Path, axes: str | None = None) -> Projections:
    """The projections of an image file: Y and X are the detector's, the other axis counts the angles; of a sinogram, Y does."""
    picture = open_image(path, axes)
    others = picture.axes.replace("Y", "").replace("X", "")
    if len(others) > 1:
        raise InputError(f"{picture.path}: axes {picture.axes!r}; projections have one for the angle beside Y and X (give --axes, to train --data.axes)")
    counts = np.asarray(picture.array, np.float32)
    counts = counts.transpose([picture.axes.index(a) for a in (f"{others}YX" if others else "YX")])
    scales = {axis: picture.metadata.scales[axis] for axis in ("YX" if others else "X") if axis in picture.metadata.scales}
    return _finite(Projections(picture.path, counts if others else counts[:, None], scales=scales))


def with_angles(one: Projections, angles: np.ndarray) -> Projections:
    """The same at these angles; `InputError` where they are not as many as the projections."""
    if len(angles) != len(one.counts):
        raise InputError(f"{one.path}: {len(one.counts)} projections and {len(angles)} angles; each projection has one")
    return replace(one, angles=np.asarray(angles))


def with_field(one: Projections, name: str, path: str | Path) -> Projections:
    """The same with the "flat" or the "dark" field of an image file, whose frames are averaged."""
    picture = open_image(path)
    frames = np.asarray(picture.array, np.float32).reshape(-1, *picture.array.shape[-2:])
    return replace(one, **{name: _mean_frame(frames, one.counts.shape[1:], path, name)})


def _mean_frame(frames, shape, path, name):
    if frames is None:
        return None
    mean = np.asarray(frames, np.float32).reshape(-1, *np.shape(frames)[-2:]).mean(0)
    if mean.shape != shape:
        raise InputError(f"{path}: {name} of {mean.shape[0]} x {mean.shape[1]} pixels beside projections of {shape[0]} x {shape[1]}")
    return mean


def _pixel_sizes(file):
    """Where the detector's pixels are in the specimen if the file says that, else on the detector."""
    scales = {}
    for axis in "XY":
        for place in (f"measurement/instrument/detector/actual_pixel_size_{axis.lower()}", f"measurement/instrument/detector/pixel_size_{axis.lower()}"):
            if axis not in scales and place in file:
                units = file[place].attrs.get("units", b"m")
                step = float(np.ravel(file[place])[0])
                if step > 0:
                    scales[axis] = Scale(step, symbol(units.decode() if isinstance(units, bytes) else str(units)))
    return scales


def _finite(one):
    if not np.isfinite(one.counts).all():
        raise InputError(f"{one.path}: {int((~np.isfinite(one.counts)).sum())} pixels are NaN or infinite; replace them first")
    return one
