"""The folder of a run: what each of its methods leaves there, and how it is read again."""

import json
import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import struct

from unsup_jax.core import LinearOperator, Measurement, Method
from unsup_jax.errors import InputError
from unsup_jax.noise import NoiseModel
from unsup_jax.noise.stored import from_json, to_json
from unsup_jax.operators import Identity
from unsup_jax.train import Train
from unsup_jax.train.checkpoint import Checkpoints, write_json
from unsup_jax.train.logging import read_metrics


def method_folder(directory: Path, label: str) -> Path:
    """Where a run keeps what belongs to one of its methods."""
    return directory / re.sub(r"\W+", "_", label.lower()).strip("_")


def leave_example(folder: Path, measurements: list[Measurement], shape: tuple[int, ...]) -> None:
    """Write what `load_trained` needs to know of the measurements that a method was trained on, in batches of `shape`."""
    first = measurements[0]
    write_json(folder / "example.json", {
        "shape": shape, "noise": to_json(_common_noise(measurements)), "dtype": str(first.y.dtype), "image": _image(first),
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


def load_trained(method: Method, train: Train, directory: Path) -> tuple[Any, NoiseModel | None]:
    """(state, noise model) of a method that a run left in `directory`.

    The noise model is that of the training, where all its measurements had the same one.
    """
    folder, stored = _example(method, directory)
    y = jax.ShapeDtypeStruct(tuple(stored["shape"]), stored.get("dtype", "float32"))
    image = stored.get("image")
    example = Measurement(y, Shaped(tuple(image["shape"]), image["dtype"]) if image else Identity(), **dict.fromkeys(method.sees, y))
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
    """Stands for a linear operator of which the shape of its images [*S, C] is all that is known."""

    shape: tuple[int, ...] = struct.field(pytree_node=False)
    dtype: str = struct.field(pytree_node=False)

    def domain(self, y):
        return jax.ShapeDtypeStruct(self.shape, self.dtype)

    def adjoint(self, y):
        return jax.numpy.zeros(self.shape, self.dtype)

    guess = adjoint

    def normal(self, x):
        return x

    def norm(self, y, *, iterations=20):
        return jax.numpy.ones(())


def _image(one):
    """The shape and type of what a measurement's operator maps from; None where that is as y."""
    if one.operator.local or not isinstance(one.operator, LinearOperator):
        return None
    like = one.operator.domain(jax.tree.map(jax.numpy.asarray, one.y))
    return {"shape": like.shape, "dtype": str(like.dtype)}
