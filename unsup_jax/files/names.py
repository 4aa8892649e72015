"""What names say: the format of a file, the files that a path means, and which files of two sets belong together."""

import os
import re
from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path

from unsup_jax.errors import InputError

KINDS = {
    ".tif": "tiff", ".tiff": "tiff", ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg",
    ".npy": "npy", ".h5": "hdf5", ".hdf5": "hdf5", ".hdf": "hdf5", ".nwb": "hdf5", ".zarr": "zarr",
    ".mrc": "mrc", ".mrcs": "mrc", ".rec": "mrc", ".st": "mrc", ".ali": "mrc", ".map": "mrc", ".ccp4": "mrc",
    ".mrc.gz": "mrc", ".map.gz": "mrc", ".czi": "vendor", ".nd2": "vendor", ".lif": "vendor",
}
INPUTS = (*KINDS, ".cfl", ".mrd", ".star", ".cs", ".mat")  # the last five are no images
WRITTEN = tuple(end for end in KINDS if end not in (".nwb", ".czi", ".nd2", ".lif"))  # a standard for more than an array; formats of makers
WHOLE_NUMBERS = (".png", ".jpg", ".jpeg")  # are all that these hold
VOLUMES = (".tif", ".tiff", ".h5", ".hdf5", ".zarr", ".mrc", ".rec", ".map", ".npy")
"""What is written of images and volumes that come from no image file: formats of float32 in any number of planes."""

_ENDS = re.compile(r"(?:\.ome)?\.(?:tiff?|zarr)$|\.(?:nii|mrc|map)\.gz$", re.IGNORECASE)
_DATASET = re.compile(r"(.*\.(?:h5|hdf5|hdf|nwb|mrd)):(.+)", re.IGNORECASE | re.DOTALL)


def parted(path: str | Path) -> tuple[Path, str]:
    """(file, dataset) of `file.h5:dataset`; the dataset is empty where none is named."""
    named = _DATASET.fullmatch(str(path))
    return (Path(named[1]), named[2]) if named else (Path(path), "")


def stem_and_end(path: str | Path) -> tuple[str, str]:
    """A file's name in two: "cell" and ".ome.tif", "map" and ".nii.gz", "a.b" and ".png"."""
    name = Path(path).name
    found = _ENDS.search(name)
    return (name[: found.start()], found[0]) if found else (Path(path).stem, Path(path).suffix)


def beside(path: str | Path, word: str) -> Path:
    """The file of the same format beside another whose name ends in a word: "cell_word.ome.tif"."""
    stem, end = stem_and_end(path)
    return Path(path).with_name(f"{stem}_{word}{end}")


def beside_in_float(path: str | Path, word: str) -> Path:
    """The file beside another whose name ends in a word, of a format that holds fractions: a TIFF beside a PNG or JPEG."""
    return beside(Path(path).with_suffix(".tif") if suffix(path) in WHOLE_NUMBERS else path, word)


def suffix(path: str | Path) -> str:
    """The end of a file's name that says its format, in lower case and without ".ome"."""
    return stem_and_end(path)[1].lower().removeprefix(".ome")


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr, an array or a group, by what lies in it."""
    return path.is_dir() and any((path / name).exists() for name in ("zarr.json", ".zarray", ".zgroup"))


def kind_of(path: Path) -> str:
    """The format of a path, by its suffix; `InputError` names the ones that are known."""
    kind = "zarr" if is_zarr(path) else KINDS.get(suffix(path))
    if kind is None:
        raise InputError(f"{path}: unknown format {suffix(path) or '(no suffix)'!r}; known are {', '.join(sorted(KINDS))}")
    return kind


def is_image(path: str | Path) -> bool:
    """Whether a path means an image by its suffix; a dataset that is named is one."""
    file, dataset = parted(path)
    return bool(dataset) or is_zarr(file) or suffix(file) in KINDS


def natural(path: str | Path) -> tuple:
    """A key that sorts names as people count: a2 before a10."""
    pieces = re.split(r"(\d+)", str(path))
    return [int(piece) if i % 2 else piece.lower() for i, piece in enumerate(pieces)], str(path)


def is_partial(path: Path) -> bool:
    """Whether a name is that of an output which is not complete."""
    return path.name.startswith(".") and ".partial" in path.name


def partial(path: Path) -> Path:
    """Where an output is written before it is complete."""
    stem, end = stem_and_end(path)
    return path.with_name(f".{stem}.partial{end}")


def is_several(path: str | Path) -> bool:
    """Whether a path means several files: a folder that is no Zarr, or a pattern of names."""
    file, _ = parted(path)
    return (file.is_dir() and not is_zarr(file)) or (not file.exists() and has_magic(str(file)))


def trajectory_of(path: Path) -> Path:
    """Where BART keeps the trajectory of the samples in a .cfl: NAME_traj.cfl beside NAME.cfl."""
    return beside(path, "traj")


def listed(path: str | Path) -> list[Path]:
    """The files that a path means, in the natural order of their names: itself, those of a folder, or those of a pattern.

    Hidden names are left out, so that an output which is not complete is never an input, and of a folder or a pattern the
    trajectories, which are read with the samples beside them. A pattern may name a dataset, as in "*.h5:raw". Raises
    `InputError` where there is none, and on an address of another machine.
    """
    file, dataset = parted(path)
    if re.match(r"[a-z0-9+]{2,}:/", str(path)):
        raise InputError(f"{path}: is not on this machine; copy it here first")
    if file.is_dir() and not is_zarr(file):
        found = [p for p in file.iterdir() if not p.name.startswith(".") and (is_zarr(p) or suffix(p) in INPUTS and not p.is_dir())]
        if not found:
            raise InputError(f"{file}: no image file in this folder; known are {', '.join(sorted(INPUTS))}")
    elif not file.exists() and has_magic(str(file)):
        found = [p for p in map(Path, glob(str(file), recursive=True)) if not is_partial(p)]
        if not found:
            raise InputError(f"{path}: no file matches")
    elif is_partial(file):
        raise InputError(f"{path}: is an output that was not completed")
    else:
        return [Path(path)]
    trajectories = {trajectory_of(p) for p in found if p.suffix == ".cfl"}
    found = [p for p in found if p not in trajectories]
    return [Path(f"{p}:{dataset}") if dataset else p for p in sorted(found, key=natural)]


def matched(first: str | Path, second: str | Path) -> list[tuple[Path, Path]]:
    """Each file that `first` means, with the one of `second` that belongs to it.

    A file that is named belongs to the only other one. Those of folders and patterns do by their names, else by what tells the
    names of a set apart, where 1 and 01 are one number: img_1 and gt_01, a_noisy and a_clean. Raises `InputError` that
    names the first file without a partner, and one that is on both sides.
    """
    ones, others = listed(first), listed(second)
    if both := {path.resolve() for path in ones} & {path.resolve() for path in others}:
        raise InputError(f"{first} and {second} both mean {min(both)}; a file is no partner of its own")
    if len(ones) == len(others) == 1 and not (is_several(first) and is_several(second)):
        return [(ones[0], others[0])]
    attempts = [(keys(ones), keys(others)) for keys in (_names, _differences, _numbers)]
    for mine, theirs in attempts:
        if set(mine) == set(theirs) and len(set(mine)) == len(mine) == len(theirs):
            partners = dict(zip(theirs, others))
            return [(path, partners[key]) for path, key in zip(ones, mine)]
    mine, theirs = max(attempts, key=lambda attempt: len(set(attempt[0]) & set(attempt[1])))
    for paths, keys, facing, other in ((ones, mine, theirs, second), (others, theirs, mine, first)):
        for path, key in zip(paths, keys):
            if facing.count(key) != 1 or keys.count(key) != 1:
                found = "no file" if key not in facing else "no single file"
                raise InputError(f"{path}: {found} of {other} has its name or number ({len(ones)} in {first}, {len(others)} in {second})")


def _names(paths: Sequence[Path]) -> list[str]:
    """The names of files below the folder that holds them all, without suffixes."""
    folder = os.path.commonpath([p.absolute().parent for p in paths])
    parents = [p.absolute().parent.relative_to(folder) for p in paths]
    return [(parent / stem_and_end(parted(p)[0])[0]).as_posix() for parent, p in zip(parents, paths)]


def _differences(paths: Sequence[Path]) -> list[tuple[tuple[int, str], ...]]:
    """What is left of each name without the words and numbers that all names of the set begin or end with."""
    found = [re.findall(r"\d+|[^\W\d_]+", name.lower()) for name in _names(paths)]
    words = [[(int(w), "") if w.isdigit() else (0, w) for w in name] for name in found]
    if len(words) == 1:  # nothing tells what is common: the numbers alone
        return [tuple(w for w in words[0] if not w[1])]
    shortest = min(map(len, words))
    begin = next((i for i in range(shortest) if len({w[i] for w in words}) > 1), shortest)
    end = next((i for i in range(shortest - begin) if len({w[-1 - i] for w in words}) > 1), shortest - begin)
    return [tuple(w[begin: len(w) - end]) for w in words]


def _numbers(paths: Sequence[Path]) -> list[tuple[tuple[int, str], ...]]:
    """The numbers of what is left of each name."""
    return [tuple(w for w in left if not w[1]) for left in _differences(paths)]
