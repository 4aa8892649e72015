"""STAR: the particles of RELION, from version 3.1 (and 5) with a table of optics groups, and before in one table."""

from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.particles import Particles, collected, euler_zyz, one_value

_OPTICS = {  # name of `operators.ctf`: (RELION's, how many of the first one of the second is, what stands where nothing does)
    "defocus_u_angstrom": ("rlnDefocusU", 1, None), "defocus_v_angstrom": ("rlnDefocusV", 1, None),
    "astigmatism_angle": ("rlnDefocusAngle", np.pi / 180, 0.0), "spherical_aberration_mm": ("rlnSphericalAberration", 1, None),
    "voltage_kv": ("rlnVoltage", 1, None), "amplitude_contrast": ("rlnAmplitudeContrast", 1, None),
    "phase_shift": ("rlnPhaseShift", np.pi / 180, 0.0), "b_factor": ("rlnCtfBfactor", 1, 0.0),
}


def read(path: Path) -> Particles:
    """The particles of a STAR, whose stacks lie below its folder or one around it, or beside it.

    Raises `InputError` on a STAR of something else, on particles of several pixel sizes, and where CTFs were multiplied already.
    """
    import pandas
    import starfile

    tables = {name: pandas.DataFrame([one]) if isinstance(one, dict) else one for name, one in starfile.read(path, always_dict=True).items()}
    table = tables.get("particles", next(iter(tables.values())) if len(tables) == 1 else None)
    if table is None or "rlnImageName" not in table.columns:
        raise InputError(f"{path}: a STAR with the tables {', '.join(tables)}; accepted is one of particles, with rlnImageName")
    if not len(table):
        raise InputError(f"{path}: lists no particle")
    if (groups := tables.get("optics")) is not None:
        table = table.merge(groups, on="rlnOpticsGroup", how="left", suffixes=("", "Group"))
    column = lambda name: np.asarray(table[name], np.float64) if name in table.columns else None
    if (done := column("rlnCtfDataAreCtfPremultiplied")) is not None and done.any():
        raise InputError(f"{path}: its images were multiplied by the CTF; accepted are images as they were extracted")
    pixel = _pixel_size(path, column)
    indices, names = zip(*(_place(path, str(name)) for name in table["rlnImageName"]))
    images = collected(path, names, indices, (path.parent, *path.resolve().parent.parents, Path(".")))
    angles = [column(name) for name in ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")]
    posed = all(angle is not None for angle in angles)
    return Particles(
        path, images, pixel, _optics(column, len(table)), euler_zyz(*np.deg2rad(angles)) if posed else None, _shifts(column, pixel) if posed else None)


def _place(path, name):
    """(place in the stack, the stack) of "000001@stack.mrcs"."""
    number, at, stack = name.partition("@")
    if not at:
        return 0, name
    if not number.isdigit():
        raise InputError(f"{path}: an image is called {name!r}; accepted is NUMBER@STACK")
    return int(number) - 1, stack


def _pixel_size(path, column):
    sizes = column("rlnImagePixelSize")
    if sizes is None:
        detector, magnification = column("rlnDetectorPixelSize"), column("rlnMagnification")
        sizes = column("rlnPixelSize") if detector is None or magnification is None else 1e4 * detector / magnification
    if sizes is None or not (sizes > 0).all():
        raise InputError(f"{path}: says no pixel size of its images (rlnImagePixelSize, or rlnDetectorPixelSize and rlnMagnification)")
    return one_value(path, sizes, "pixel sizes")


def _optics(column, count):
    """The parameters of the CTF; None where the defocus, or what it takes beside, is not there."""
    found = {}
    for name, (theirs, unit, default) in _OPTICS.items():
        values = column(theirs)
        if values is None and default is None:
            return None
        found[name] = np.full(count, default) if values is None else values * unit
    return found


def _shifts(column, pixel):
    """RELION's origin is what brings a particle back to the middle: its place is the opposite."""
    found = []
    for axis in "XY":
        angstrom, pixels = column(f"rlnOrigin{axis}Angst"), column(f"rlnOrigin{axis}")
        found.append(angstrom / pixel if angstrom is not None else 0 if pixels is None else pixels)
    return None if all(np.ndim(one) == 0 for one in found) else -np.stack(np.broadcast_arrays(*found), -1)
