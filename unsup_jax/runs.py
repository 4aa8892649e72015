"""The folder of a run: what it is of, what each of its methods leaves there, and how it is read again.

    config.json     the configuration with its types, the program and the command that made it, a fingerprint of the data
    arrays.npz      what of the configuration is arrays
    my_methods.py   a copy of a file of the user's that the types are of; the file itself is what is loaded
    METHOD/         checkpoints, metrics and what was measured, of each method that was trained
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import struct

from unsup_jax import config, provenance
from unsup_jax.core import LinearOperator, Learned, Measurement, Method
from unsup_jax.core.measurement import MAY_SEE
from unsup_jax.errors import InputError
from unsup_jax.noise import NoiseModel
from unsup_jax.noise.stored import from_json, to_json
from unsup_jax.operators import Identity
from unsup_jax.train import Train
from unsup_jax.train.checkpoint import Checkpoints, write_json
from unsup_jax.train.logging import read_metrics


def begin(directory: Path, name: str | list[str], settings: Any, data: dict[str, Any]) -> list[str]:
    """Write what a run is of: its name, its configuration, where it comes from, and the fingerprints of its `data`.

    Of a run that is gone on with, the first ones stay; returns lines that say which of its data and files are others now.
    """
    path, arrays = directory / "config.json", {}
    before = json.loads(path.read_text()) if path.exists() else {}
    program, stored = provenance.program(), config.to_json(settings, arrays)
    content = {"made": program, "data": data} | before | {"experiment": name, "settings": stored}
    if before:
        content["resumed"] = [*before.get("resumed", []), program]
    if arrays:
        np.savez(directory / "arrays.npz", **arrays)
    changed, lines = provenance.changed(content["data"], data), []
    if changed:
        lines.append(f"the data are not those that this run began with: {', '.join(changed)} differ{'s' * (len(changed) == 1)}")
    for file in filter(Path.exists, config.files_of(stored)):
        copy = directory / file.name
        if not copy.exists():
            shutil.copyfile(file, copy)
        elif copy.read_bytes() != file.read_bytes():
            lines.append(f"{file} is not as it was when this run began; {copy} is")
    write_json(path, content)
    return lines


def configuration(directory: Path) -> dict[str, Any]:
    """What a run's folder says that it is of; `InputError` where there is no run."""
    path = directory / "config.json"
    if not path.exists():
        raise InputError(f"{directory}: no run here (no config.json)")
    return json.loads(path.read_text())


def settings_of(directory: Path, registry: Callable[[str], Any] | None = None) -> tuple[str | list[str], Any]:
    """(name, configuration) of a run: its experiment, or {"data", "modality", each NAME: experiment} of a comparison.

    Types are those that the run names. One of a version that named none is read with the help of the experiments of its names, as
    `registry` has them. Raises `InputError` on a run that cannot be read, or whose own file is gone or has lost its classes.
    """
    content = configuration(directory)
    name, stored = content["experiment"], content["settings"]
    arrays = np.load(directory / "arrays.npz") if (directory / "arrays.npz").exists() else {}
    if "made" in content:
        try:
            return name, config.from_json(None, stored, arrays)
        except InputError as error:
            gone = [file for file in config.files_of(stored) if not file.exists() and (directory / file.name).exists()]
            copies = f"; put it back from {directory / gone[0].name}" if gone else ""
            raise InputError(f"{directory}: {error}{copies}") from error
    if registry is None:
        raise InputError(f"{directory}: a run of a version that named no types; `resume` it once, which writes them")
    if isinstance(name, str):
        return name, config.from_json(registry(name), stored)
    first = registry(name[0])
    return name, config.from_json({"data": first.data, "modality": first.modality, **{each: registry(each) for each in name}}, stored)


def experiment_of(directory: Path, registry: Callable[[str], Any] | None = None) -> tuple[str, Any]:
    """(name, experiment) of a run of one experiment."""
    name, found = settings_of(directory, registry)
    if isinstance(name, list):
        raise InputError(f"{directory}: a comparison; name the run of one experiment")
    return name, found


def start_of(experiment: Any, registry: Callable[[str], Any] | None = None) -> Any:
    """theta of the run that an experiment starts from; None for one that starts from nothing."""
    if experiment.start is None:
        return None
    folder = Path(experiment.start)
    _, other = experiment_of(folder, registry)
    if other.method.scope == "measurement" or not isinstance(other.method, Learned):
        raise InputError(f"{folder}: {other.method.label} leaves no parameters to start from")
    return load_trained(other.method, other.train, folder)[0].params


def method_folder(directory: Path, label: str) -> Path:
    """Where a run keeps what belongs to one of its methods."""
    return directory / re.sub(r"\W+", "_", label.lower()).strip("_")


def leave_example(folder: Path, measurements: list[Measurement], batch: Measurement | None = None) -> None:
    """Write what `load_trained` needs to know of the measurements that a method was trained on, in batches like `batch`."""
    first = measurements[0]
    beside = {} if batch is None else {name: _described(array) for name in sorted(MAY_SEE) if (array := getattr(batch, name)) is not None}
    write_json(folder / "example.json", {
        "shape": (first if batch is None else batch).y.shape, "noise": to_json(_common_noise(measurements)), "dtype": str(first.y.dtype),
        "image": _image(first if batch is None else jax.tree.map(lambda leaf: leaf[0], batch)), "beside": beside, "offset": first.offset,
    })


def _example(method, directory):
    """(folder of the method, what a run left there of the measurements it trained on)."""
    folder = method_folder(directory, method.label)
    if not (folder / "example.json").exists():
        raise InputError(f"{directory}: no finished training of {method.label}; `resume` it first")
    return folder, json.loads((folder / "example.json").read_text())


def trained_channels(method: Method, directory: Path) -> int:
    """Channels of the images that a run in `directory` was trained on."""
    _, stored = _example(method, directory)
    return (stored.get("image") or stored)["shape"][-1]


def trained_offset(method: Method, directory: Path) -> float:
    """What was taken from the grey levels of the images that a run in `directory` is of; its noise model is of what is left."""
    path = method_folder(directory, method.label) / "example.json"
    return json.loads(path.read_text()).get("offset", 0.0) if path.exists() else 0.0


def check_like(one: Measurement, method: Method, directory: Path) -> None:
    """Raise `InputError` on a measurement of other channels or of another type than those that a run in `directory` was trained on."""
    if method.scope == "measurement":
        return
    _, stored = _example(method, directory)
    image, dtype = stored.get("image"), stored.get("dtype", "float32")
    trained, given = (image or stored)["shape"][-1], (one.operator.domain(one.y) if one.operator.linear else one.y).shape[-1]
    if trained != given or one.y.dtype != dtype or bool(image) != bool(_image(one)):
        raise InputError(
            f"{one.y.dtype} data of shape {one.y.shape} of images of {given} channels by {type(one.operator).__name__}; the run was "
            f"trained on {dtype} data {'' if image else 'that are images '}of {trained} channels")


def load_trained(method: Method, train: Train, directory: Path) -> tuple[Any, NoiseModel | None]:
    """(state, noise model) of a method that a run left in `directory`; one of measurement scope has no state before it is solved.

    The noise model is that of the training, where all its measurements had the same one.
    """
    if method.scope == "measurement":
        path = method_folder(directory, method.label) / "example.json"
        return None, from_json(json.loads(path.read_text()).get("noise")) if path.exists() else None
    folder, stored = _example(method, directory)
    y = jax.ShapeDtypeStruct(tuple(stored["shape"]), stored.get("dtype", "float32"))
    image, beside = stored.get("image"), dict.fromkeys(method.sees, y)      # of an older version, all are taken to be like y
    beside |= {name: jax.ShapeDtypeStruct(tuple(like["shape"]), like["dtype"]) for name, like in stored.get("beside", {}).items()}
    example = Measurement(y, Shaped(tuple(image["shape"]), image["dtype"]) if image else Identity(), **beside)
    like = jax.eval_shape(method.planned(train.steps).init, jax.random.key(0), example)
    watched = "validation_loss" if any("validation_loss" in row for row in read_metrics(folder)) else None
    checkpoints = Checkpoints(folder / "checkpoints", watched=watched)
    try:
        step = checkpoints.best() if train.use == "best" else checkpoints.steps()[-1]
        return checkpoints.restore(like, step)[1], from_json(stored.get("noise"))
    finally:
        checkpoints.close()


def _common_noise(measurements):
    """The noise model of the measurements; None where they differ in it."""
    first = measurements[0].noise
    same = lambda model: jax.tree.structure(model) == jax.tree.structure(first) and jax.tree.all(jax.tree.map(np.array_equal, model, first))
    return first if all(same(m.noise) for m in measurements) else None


class Shaped(LinearOperator):
    """Stands for an operator that mixes pixels, of which the shape of its images [*S, C] is all that is known."""

    shape: tuple[int, ...] = struct.field(pytree_node=False)
    dtype: str = struct.field(pytree_node=False)

    def domain(self, y):
        return jax.ShapeDtypeStruct(self.shape, self.dtype)

    def sample_axes(self, y):
        return tuple(range(y.ndim + 1 - len(self.shape), y.ndim))           # of k-space, behind the coils

    def adjoint(self, y):
        return jax.numpy.zeros(self.shape, self.dtype)

    guess = adjoint

    def normal(self, x):
        return x

    def norm(self, y, *, iterations=20):
        return jax.numpy.ones(())


def _image(one):
    """The shape and type of what a measurement's operator maps from; None where that is as y."""
    if one.operator.local:
        return None
    return _described(one.operator.domain(jax.tree.map(jax.numpy.asarray, one.y)))


def _described(array):
    return {"shape": array.shape, "dtype": str(array.dtype)}
