"""Poses and parameters of the contrast transfer as cryoDRGN keeps them: pickles of NumPy arrays, or the same arrays in an NPZ."""

import pickle
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError

_ALLOWED = {("numpy", "ndarray"), ("numpy", "dtype")} | {
    (f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")}


def read_poses(path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """(rotations [N, 3, 3], shifts [N, 2] in widths of the image) that bring the particles to the middle; shifts may be None."""
    arrays = _arrays(path)
    rotations = arrays[0]
    shifts = arrays[1] if len(arrays) > 1 else None
    if rotations.ndim != 3 or rotations.shape[1:] != (3, 3) or shifts is not None and shifts.shape != (len(rotations), 2):
        raise InputError(f"{path}: holds {', '.join(str(a.shape) for a in arrays)}; poses are rotations [N, 3, 3], and shifts [N, 2]")
    return rotations, shifts


def read_ctf(path: Path) -> tuple[float, int, dict[str, np.ndarray]]:
    """(pixel size in angstrom, image width that it is of, parameters [N] of `unsup_jax.operators.ctf`)."""
    table = _arrays(path)[0]
    if table.ndim != 2 or table.shape[1] != 9:
        raise InputError(f"{path}: holds an array of shape {table.shape}; CTF parameters are [N, 9]")
    names = ("defocus_u_angstrom", "defocus_v_angstrom", "astigmatism_angle", "voltage_kv", "spherical_aberration_mm", "amplitude_contrast", "phase_shift")
    degrees = ("astigmatism_angle", "phase_shift")
    optics = {name: np.deg2rad(values) if name in degrees else values for name, values in zip(names, table[:, 2:].T.astype(np.float64))}
    return float(table[0, 1]), int(table[0, 0]), optics


def _arrays(path):
    path = Path(path)
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return [np.asarray(file[name]) for name in file.files]
        with open(path, "rb") as file:
            found = _Arrays(file).load()
        return [np.asarray(one) for one in found] if isinstance(found, tuple) else [np.asarray(found)]
    except (OSError, ValueError, pickle.UnpicklingError, EOFError) as error:
        raise InputError(f"{path}: no arrays of cryoDRGN can be read there ({error})") from error


class _Arrays(pickle.Unpickler):
    """Reads arrays and calls nothing else that a pickle names."""

    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}; accepted are arrays")
        return super().find_class(module, name)
