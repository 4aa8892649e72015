"""Where a run comes from: the program, the command, the day, and a fingerprint of the data.

Up to `SMALL` bytes, the fingerprint of files is a hash of all that they hold; of more, it is one of their sizes, of the times at
which they were written, and of samples of what they hold. It says which of the two it is.
"""

import hashlib
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import unsup_jax
from unsup_jax.core import Measurement
from unsup_jax.data import Data
from unsup_jax.data.prepared import located
from unsup_jax.files import listed, parted
from unsup_jax.files.names import trajectory_of
from unsup_jax.modalities import Modality

SMALL = 64 * 2**20
"""Bytes of data that are hashed whole."""
_FILES = ("path", "pair", "truth", "unpaired", "calibration", "signal", "clean", "scored")  # fields of `Data` that name some
_SAMPLES, _SAMPLE = 32, 65536  # of a large file, and bytes of each


def program() -> dict[str, Any]:
    """The version of the package, its commit where it stands in a working tree of git, the command line, and the time."""
    date = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return {"version": unsup_jax.__version__, "commit": commit(), "command": shlex.join(sys.orig_argv), "date": date}


def commit() -> str | None:
    """The commit of the working tree that the package stands in, with "+changes" where files of it were changed; None elsewhere."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return None
    git = lambda *words: subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True)
    try:
        head = git("rev-parse", "HEAD")
        return head.stdout.strip() + "+changes" * bool(git("diff", "--quiet", "HEAD").returncode) if head.returncode == 0 else None
    except OSError:  # no git here
        return None


def of_data(data: Data, modality: Modality, measurements: Sequence[Measurement]) -> dict[str, dict[str, Any]]:
    """The fingerprint of each of the files that `data` and the instrument name, and of the measurements where their source is no file."""
    found = {name: of_files(path) for name in _FILES if (path := getattr(data, name)) is not None}
    for name, value in vars(modality).items():                      # a PSF, a text of angles
        if isinstance(value, str) and parted(value)[0].is_file():
            found[f"modality.{name}"] = of_files(value)
    return found if data.path or data.clean else found | {"source": of_arrays([one.y for one in measurements])}


def of_files(path: str) -> dict[str, Any]:
    """The fingerprint of the files that a path means, {"sha256", "of", "files", "bytes"}; of a data set known by a name, its name."""
    path = located(path)
    places = [Path(path)] if (Path(path) / "dataset_info.json").exists() else listed(path)
    places = list(dict.fromkeys(parted(place)[0] for place in places))
    found = [file for place in places for file in (sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place])]
    found += [each for file in found if file.suffix == ".cfl" for each in _beside(file)]
    if not all(file.exists() for file in found):
        return {"of": f"the name {path}"}
    total, digest = sum(file.stat().st_size for file in found), hashlib.sha256()
    for i, file in enumerate(found):
        if total <= SMALL:
            digest.update(file.read_bytes())
            continue
        state = file.stat()
        digest.update(f"{file.name} {state.st_size} {state.st_mtime_ns}".encode())
        if i % -(-len(found) // _SAMPLES) == 0:
            _sample(digest, file, state.st_size, -(-_SAMPLES // len(found)))
    of = "content" if total <= SMALL else "sizes, times and samples of the content"
    return {"sha256": digest.hexdigest(), "of": of, "files": len(found), "bytes": total}


def of_arrays(arrays: Sequence[np.ndarray]) -> dict[str, Any]:
    """The fingerprint of arrays: of all that they hold, or of their shapes and the first values of each."""
    total, digest = sum(np.size(a) * np.result_type(a).itemsize for a in arrays), hashlib.sha256()
    for array in arrays:
        digest.update(f"{np.shape(array)} {np.result_type(array)}".encode())
        held = np.asarray(array).ravel()
        digest.update((held if total <= SMALL else held[: SMALL // 4 // len(arrays) + 1]).tobytes())
    of = "content" if total <= SMALL else "shapes and first values"
    return {"sha256": digest.hexdigest(), "of": of, "arrays": len(arrays), "bytes": int(total)}


def changed(stored: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """The names under which two records of fingerprints differ."""
    return sorted(name for name in stored.keys() | found.keys() if stored.get(name) != found.get(name))


def _beside(file):
    """What BART reads with a .cfl: its header, and the trajectory of its samples."""
    trajectory = trajectory_of(file)
    return filter(Path.exists, (file.with_suffix(".hdr"), trajectory, trajectory.with_suffix(".hdr")))


def _sample(digest, file, size, count):
    with file.open("rb") as opened:
        for k in range(count):
            opened.seek(k * max(0, size - _SAMPLE) // max(1, count - 1))
            digest.update(opened.read(_SAMPLE))

