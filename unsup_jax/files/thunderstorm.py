"""Tables of localised molecules as ThunderSTORM writes them: a .csv whose header names each column with its unit in brackets."""

import csv
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.outputs import replacing

COLUMNS = ("id", "frame", "x [nm]", "y [nm]", "intensity [photon]")
"""What is written; x counts along a row from the image's corner, frames from 1."""


def read(path: str | Path) -> dict[str, np.ndarray]:
    """The columns [molecule] of a table, by their names. Raises `InputError` on one without frames and places, or of no numbers."""
    try:
        with open(path, newline="") as file:
            header, *rows = csv.reader(file)
        table = np.array(rows, float).reshape(-1, len(header))
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: no table of molecules can be read there ({error})") from error
    names = [name.strip() for name in header]
    if missing := {"frame", "x [nm]", "y [nm]"} - set(names):
        raise InputError(f"{path}: has the columns {', '.join(names)}; it lacks {', '.join(sorted(missing))}")
    return dict(zip(names, table.T))


def write(path: str | Path, frame: np.ndarray, place_nm: np.ndarray, photons: np.ndarray) -> None:
    """A table of molecules [N] in the frames counted from 0, at (y, x) [N, 2], of their photons."""
    with replacing(path) as place, open(place, "w", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow(COLUMNS)
        for i, (t, (y, x), light) in enumerate(zip(frame, place_nm, photons)):
            writer.writerow([i + 1, int(t) + 1, round(float(x), 3), round(float(y), 3), round(float(light), 3)])
