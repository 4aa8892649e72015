"""BioImage.IO model packages: rdf.yaml of versions 0.4 and 0.5 beside its weights, in a zip, a folder or by the path of rdf.yaml itself.

Nothing of a package is executed or unpickled: of its weights, those in ONNX are read, and no others. What a package names lies in it, and
agrees with the checksum that it tells.
"""

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from unsup_jax.errors import InputError

LARGEST = 2**31
"""Bytes of a file of a package; a zip that tells more is not unpacked."""
DESCRIPTIONS = ("rdf.yaml", "bioimageio.yaml", "model.yaml")


@dataclass(frozen=True)
class Axis:
    """One axis of a tensor."""

    kind: str
    """batch, channel or space."""
    name: str
    """x, y or z of space."""
    size: int | None = None
    """The one size that it has, where it has one."""
    least: int = 1
    """Its least size."""
    step: int = 1
    """Its sizes are the least one and whole steps more."""


@dataclass(frozen=True)
class Package:
    """What is read of a package: a model of one input and one output."""

    name: str
    onnx: bytes
    """Its weights."""
    inputs: tuple[Axis, ...]
    outputs: tuple[Axis, ...]
    before: tuple[tuple[str, dict[str, Any]], ...]
    """Preprocessing, (name, options) each."""
    after: tuple[tuple[str, dict[str, Any]], ...]
    """Postprocessing."""
    own: dict[str, Any]
    """What unsup_jax itself says of a model that it exported."""


def is_package(path: str | Path) -> bool:
    """Whether a path looks like one of a model: a .zip, a description, a bare .onnx, or a folder with a description."""
    path = Path(path)
    return path.suffix.lower() in (".zip", ".onnx") or path.name in DESCRIPTIONS or any((path / name).is_file() for name in DESCRIPTIONS)


def read(path: str | Path) -> Package:
    """The model of a package, or of a bare .onnx of images [N, C, Y, X].

    Raises `InputError` on a package that is damaged, whose description cannot be used, that names files outside of it or with other checksums,
    that has no ONNX weights, of several inputs or outputs, and on axes that are no images'.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.suffix.lower() == ".onnx":
        axes = (Axis("batch", "batch"), Axis("channel", "channel"), Axis("space", "y"), Axis("space", "x"))
        return Package(path.stem, path.read_bytes(), axes, axes, (), (), {})
    names, content = _opened(path)
    found = next((name for name in DESCRIPTIONS if name in names), None)
    if found is None:
        raise InputError(f"{path}: no rdf.yaml in it; a BioImage.IO package has one")
    try:
        described = yaml.safe_load(content(found))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {found} is no readable YAML ({str(error).splitlines()[0][:100]})") from error
    try:
        return _package(path, described, content)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: {found} describes no model of version 0.4 or 0.5 ({type(error).__name__}: {str(error)[:80]})") from error


def _package(path, described, content):
    if described.get("type", "model") != "model":
        raise InputError(f"{path}: describes a {described['type']}, not a model")
    weights = described["weights"].get("onnx")
    if weights is None:
        kinds = ", ".join(described["weights"])
        raise InputError(f"{path}: has weights of the kind {kinds}, and none in ONNX; pickled or scripted ones are not read")
    if len(described["inputs"]) != 1 or len(described["outputs"]) != 1:
        raise InputError(f"{path}: has {len(described['inputs'])} inputs and {len(described['outputs'])} outputs; a denoiser has one of each")
    (one,), (made,) = described["inputs"], described["outputs"]
    steps = lambda tensor, kind: tuple((step.get("id", step.get("name")), step.get("kwargs") or {}) for step in tensor.get(kind) or ())
    return Package(
        described["name"], _checked(path, weights, content), _axes(path, one), _axes(path, made), steps(one, "preprocessing"),
        steps(made, "postprocessing"), (described.get("config") or {}).get("unsup_jax") or {})


def _checked(path, weights, content):
    """The bytes of the file that weights name, of the checksum that they tell."""
    name = str(weights["source"])
    data = content(name)
    told = weights.get("sha256")
    if told and hashlib.sha256(data).hexdigest() != told:
        raise InputError(f"{path}: {name} has another checksum than rdf.yaml tells; download it again")
    return data


def _opened(path) -> tuple[set[str], Callable[[str], bytes]]:
    """(names of the files, name -> its bytes) of a zip or of a folder. Names that lead out of it are refused."""
    if path.is_dir() or path.name in DESCRIPTIONS:
        folder = (path if path.is_dir() else path.parent).resolve()

        def read_file(name):
            file = (folder / _inside(path, name)).resolve()
            if not file.is_relative_to(folder):
                raise InputError(f"{path}: {name} leads out of the package")
            if not file.is_file():
                raise InputError(f"{path}: {name} is missing in it")
            return file.read_bytes()

        return {each.name for each in folder.iterdir()}, read_file
    try:
        packed = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(f"{path}: not a readable zip file ({error})") from error
    entries = {entry.filename: entry for entry in packed.infolist()}
    for name in entries:
        _inside(path, name)

    def unpacked(name):
        entry = entries.get(_inside(path, name))
        if entry is None:
            raise InputError(f"{path}: {name} is missing in it")
        if entry.file_size > LARGEST:
            raise InputError(f"{path}: {name} unpacks to {entry.file_size / 1e9:.3g} GB; up to {LARGEST / 1e9:.3g} are read")
        try:
            return packed.read(entry)
        except (zipfile.BadZipFile, OSError, EOFError, RuntimeError, NotImplementedError) as error:
            raise InputError(f"{path}: {name} in it is damaged ({error})") from error

    return set(entries), unpacked


def _inside(path, name):
    """The name of a file of a package; `InputError` on an address, and on one that leads out."""
    name = name.removeprefix("./")
    if "://" in name:
        raise InputError(f"{path}: {name} is on another machine; give the package with its weights in it")
    if "\\" in name or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or ":" in name:
        raise InputError(f"{path}: {name} leads out of the package")
    return name


_LETTERS = {"b": "batch", "c": "channel", "x": "space", "y": "space", "z": "space"}


def _axes(path, tensor):
    """The axes of a tensor, by version 0.5 a list of descriptions, by 0.4 a word of letters beside a shape."""
    axes = tensor["axes"]
    if isinstance(axes, str):
        if wrong := sorted(set(axes) - set(_LETTERS)):
            raise InputError(f"{path}: has the axes {axes}; of {', '.join(wrong)} nothing is known here, those of images are b c z y x")
        shape = tensor.get("shape") or [None] * len(axes)
        if isinstance(shape, dict):
            least, steps = shape.get("min") or [1] * len(axes), shape.get("step") or [1] * len(axes)
            found = [Axis(_LETTERS[letter], letter, None, int(n), max(int(s), 1)) for letter, n, s in zip(axes, least, steps)]
        else:
            found = [Axis(_LETTERS[letter], letter, n) for letter, n in zip(axes, shape)]
    else:
        found = [_axis(path, axis) for axis in axes]
    space = [axis.name for axis in found if axis.kind == "space"]
    if sorted(space) not in (["x", "y"], ["x", "y", "z"]) or len({axis.name for axis in found}) < len(found):
        raise InputError(f"{path}: has the axes {' '.join(axis.name for axis in found)}, which are no image's; those of images are b c z y x")
    return tuple(found)


def _axis(path, axis):
    kind, name = axis["type"], str(axis.get("id", axis["type"]))
    if kind not in ("batch", "channel", "space"):
        raise InputError(f"{path}: has an axis of {kind}, of which nothing is known here; those of images are b c z y x")
    if kind == "channel":
        return Axis(kind, name, len(axis.get("channel_names") or [0]))
    size = axis.get("size")
    if isinstance(size, dict) and "min" in size:
        return Axis(kind, name, None, int(size["min"]), int(size["step"]))
    return Axis(kind, name, size if isinstance(size, int) and kind == "space" else None)
