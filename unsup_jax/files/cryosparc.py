"""Particles of cryoSPARC: a .cs is a NumPy array with a named field for each thing that is known."""

from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.particles import Particles, collected, one_value

_OPTICS = {
    "defocus_u_angstrom": "ctf/df1_A", "defocus_v_angstrom": "ctf/df2_A", "astigmatism_angle": "ctf/df_angle_rad",
    "spherical_aberration_mm": "ctf/cs_mm", "voltage_kv": "ctf/accel_kv", "amplitude_contrast": "ctf/amp_contrast",
    "phase_shift": "ctf/phase_shift_rad", "b_factor": "ctf/bfactor",
}


def read(path: Path) -> Particles:
    """The particles of a .cs that holds their images, whose stacks lie below its folder or one around it, or beside it."""
    table = np.load(path, allow_pickle=False)
    names = table.dtype.names or ()
    if missing := [name for name in ("blob/path", "blob/idx", "blob/psize_A") if name not in names]:
        raise InputError(f"{path}: has no {missing[0]}; accepted is the .cs of particles with their images (blob/path, blob/idx, blob/psize_A)")
    if not len(table):
        raise InputError(f"{path}: lists no particle")
    stacks = [one.decode().lstrip(">") if isinstance(one, bytes) else str(one).lstrip(">") for one in table["blob/path"]]
    images = collected(path, stacks, table["blob/idx"].astype(int), (path.parent, *path.resolve().parent.parents, Path(".")))
    pixel = one_value(path, table["blob/psize_A"].astype(np.float64), "pixel sizes")
    wanted = [field for field in _OPTICS.values() if field not in ("ctf/bfactor", "ctf/phase_shift_rad")]
    known = all(field in names for field in wanted)
    optics = {name: table[field].astype(np.float64) if field in names else np.zeros(len(table)) for name, field in _OPTICS.items()} if known else None
    rotations = shifts = None
    if "alignments3D/pose" in names:
        rotations = _turned(table["alignments3D/pose"].astype(np.float64))
        counted = table["alignments3D/psize_A"].astype(np.float64) if "alignments3D/psize_A" in names else np.full(len(table), pixel)
        shifts = -table["alignments3D/shift"].astype(np.float64) * counted[:, None] / pixel
    return Particles(path, images, pixel, optics, rotations, shifts)


def _turned(pose):
    """Rotations [N, 3, 3] of the axes by the vectors [N, 3], whose length is the angle (Rodrigues)."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(pose).inv().as_matrix()
