"""Images of one specimen lit from many directions, as Fourier ptychographic microscopes store them: MATLAB files of the University of
Connecticut's Smart Imaging Lab, and stacks of images in any format."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files import open_image
from unsup_jax.files.damaged import reading


@dataclass(frozen=True)
class LedImages:
    """Intensities, and what the file says of the light. What it does not say is None."""

    path: Path
    intensities: np.ndarray
    """[LED, n, n] float32."""
    wavelength_um: float | None = None
    defocus_um: float | None = None
    """Of the specimen."""
    rotation_degrees: float | None = None
    """Of the array of LEDs against the camera."""
    offset_mm: tuple[float, float] | None = None
    """(x, y) of the first LED from the axis."""


def is_leds(path: str | Path) -> bool:
    """Whether a file is a MATLAB one of images of LEDs ("imlow_HDR")."""
    path = Path(path)
    if path.suffix.lower() != ".mat" or not path.is_file():
        return False
    import scipy.io

    try:
        return any(name == "imlow_HDR" for name, _, _ in scipy.io.whosmat(path))
    except Exception:  # SciPy raises many kinds for a damaged file
        return False


def read_mat(path: Path) -> LedImages:
    """The images of a MATLAB file, with its wavelength and defocus in metres."""
    import scipy.io

    with reading(path, "MATLAB"):
        file = scipy.io.loadmat(path)
    one = lambda name, unit=1.0: float(np.ravel(file[name])[0]) * unit if name in file and np.size(file[name]) == 1 else None
    offset = one("xint"), one("yint")
    return _checked(LedImages(
        path, np.moveaxis(np.asarray(file["imlow_HDR"], np.float32), -1, 0), one("wlength", 1e6), one("z", 1e6), one("theta"),
        None if None in offset else offset))


def read_stack(path: str | Path, axes: str | None = None) -> LedImages:
    """The images of a stack, one of each LED in the order in which they are lit."""
    picture = open_image(path, axes)
    others = picture.axes.replace("Y", "").replace("X", "")
    if len(others) != 1:
        raise InputError(f"{picture.path}: axes {picture.axes!r}; a stack of images of LEDs has one axis beside Y and X")
    return _checked(LedImages(picture.path, np.asarray(picture.array, np.float32).transpose([picture.axes.index(a) for a in f"{others}YX"])))


def _checked(one):
    shape = one.intensities.shape
    if len(shape) != 3 or shape[1] != shape[2] or not np.isfinite(one.intensities).all() or not one.intensities.max() > 0:
        raise InputError(f"{one.path}: images of shape {shape}; accepted are finite square ones [LED, n, n] with light in them")
    return one
