"""Phase and amplitude of light behind a turning specimen: series of qpimage in HDF5, complex arrays and texts, images of the phase, off-axis
holograms."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files import open_image, parted
from unsup_jax.files.damaged import holds, reading
from unsup_jax.files.names import natural
from unsup_jax.files.table import read_table

_HDF5 = (".h5", ".hdf5", ".hdf")


@dataclass(frozen=True)
class Fields:
    """Views [angle, detector], or [angle, row, detector], as a field or as phase and amplitude. What a file does not say is None."""

    path: Path
    field: np.ndarray | None = None
    """Complex, over the incident wave's."""
    phase: np.ndarray | None = None
    """Radians, unwrapped."""
    amplitude: np.ndarray | None = None
    """Over the incident wave's."""
    wavelength_um: float | None = None
    medium_index: float | None = None
    pixel_size_um: float | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the views."""
        return (self.phase if self.field is None else self.field).shape


def is_series(path: str | Path) -> bool:
    """Whether a file is an HDF5 of phase images as qpimage writes it: with "qpi_0/phase"."""
    return Path(path).suffix.lower() in _HDF5 and holds(path, "qpi_0/phase")


def read_series(path: Path) -> Fields:
    """The phases and amplitudes of a series of qpimage, each without its background: lengths in metres there."""
    import h5py

    path = Path(path)
    with reading(path, "qpimage"), h5py.File(path, "r") as file:
        groups = [file[name] for name in sorted((name for name in file if name.startswith("qpi_")), key=natural)]
        phase = np.stack([_without(group["phase"], np.subtract) for group in groups])
        amplitude = np.stack([_without(group["amplitude"], np.divide) for group in groups]) if all("amplitude" in group for group in groups) else None
        known = {name: groups[0].attrs.get(theirs) for name, theirs in (
            ("wavelength_um", "wavelength"), ("medium_index", "medium index"), ("pixel_size_um", "pixel size"))}
    metres = ("wavelength_um", "pixel_size_um")
    return _checked(Fields(
        path, phase=phase, amplitude=amplitude,
        **{name: None if value is None or np.isnan(value) else float(value) * (1e6 if name in metres else 1) for name, value in known.items()}))


def _without(group, less):
    image = np.asarray(group["raw"], np.float64)
    for name, background in group["bg_data"].items():
        image = less(image, np.asarray(background, np.float64).reshape(image.shape if np.size(background) > 1 else ()))
    return image.astype(np.float32)


def is_text(path: str | Path) -> bool:
    """Whether a file is the text of a field's real part, NAME_real.txt, beside which that of its imaginary part stands, NAME_imag.txt."""
    path = Path(path)
    return path.name.endswith("_real.txt") and path.is_file() and _imaginary(path).is_file()


def _imaginary(path):
    return path.with_name(path.name.removesuffix("_real.txt") + "_imag.txt")


def read_views(path: str | Path, axes: str | None = None) -> np.ndarray:
    """Views [angle, row, detector], or [angle, detector], of a complex NPY, of which the order is taken, of an image file, or of texts of
    one view [detector] a line."""
    file, _ = parted(path)
    if is_text(file):
        real, imaginary = (read_table(part, "a field, one view") for part in (file, _imaginary(file)))
        if real.shape != imaginary.shape:
            raise InputError(f"{file}: a real part of shape {real.shape}, and an imaginary one of {imaginary.shape}; they must agree")
        return (real + 1j * imaginary).astype(np.complex64)
    if file.suffix.lower() == ".npy" and file.is_file() and np.iscomplexobj(np.load(file, mmap_mode="r")):
        return np.load(file)
    picture = open_image(path, axes)
    others = picture.axes.replace("Y", "").replace("X", "")
    if len(others) > 1:
        raise InputError(f"{picture.path}: axes {picture.axes!r}; views have one for the angle beside Y and X (give --axes, to train --data.axes)")
    return np.asarray(picture.array, np.float32).transpose([picture.axes.index(a) for a in (f"{others}YX" if others else "YX")])


def read_field(path: Path) -> Fields:
    """The views of a complex array."""
    return _checked(Fields(Path(path), field=read_views(path)))


def read_phase(path: str | Path, axes: str | None = None, amplitude: str | None = None) -> Fields:
    """The views of images of the unwrapped phase, with those of the amplitude where they are given."""
    found = Fields(parted(path)[0], phase=read_views(path, axes), amplitude=None if amplitude is None else read_views(amplitude, axes))
    if found.amplitude is not None and found.amplitude.shape != found.phase.shape:
        raise InputError(f"{amplitude}: amplitudes of shape {found.amplitude.shape} beside phases of {found.phase.shape}; they must agree")
    return _checked(found)


def _checked(one):
    arrays = [array for array in (one.field, one.phase, one.amplitude) if array is not None]
    if one.field is not None and not np.iscomplexobj(one.field):
        raise InputError(f"{one.path}: a field of type {one.field.dtype}; accepted is a complex one")
    if len(one.shape) not in (2, 3) or not all(np.isfinite(array).all() for array in arrays):
        raise InputError(f"{one.path}: views of shape {one.shape}; accepted are finite ones, [angle, detector] or [angle, row, detector]")
    return one
