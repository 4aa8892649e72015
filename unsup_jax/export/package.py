"""A BioImage.IO model package: a zip of rdf.yaml (specification 0.5), weights, a test input and output, a cover and a README.

https://bioimage.io/docs, https://github.com/bioimage-io/spec-bioimage-io
"""

import hashlib
import io
import re
import time
import zipfile
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import unsup_jax
from unsup_jax.errors import InputError
from unsup_jax.export.citations import citations
from unsup_jax.export.cover import cover
from unsup_jax.export.graph import OPSET
from unsup_jax.export.symbolic import AXES, network_of, smallest

FORMAT = "0.5.3"
"""Version of the specification of rdf.yaml: the newest ones read it."""
PROGRAM = "model.jax"
"""The name of what `jax.export` wrote, in a package."""


@dataclass(frozen=True)
class Card:
    """What a package says of a model beside what it does. Raises `InputError` on a name that the specification does not take."""

    name: str | None = None
    """Its name: letters, digits, spaces, "_", "-", "+", "(" and ")"; by default the method and the run's folder."""
    description: str | None = None
    """One sentence about it; by default of the method and the images."""
    authors: tuple[str, ...] = ()
    """Who made it; by default your login name."""
    licence: str = "CC-BY-4.0"
    """An SPDX identifier of the licence of the weights."""

    def __post_init__(self):
        if self.name is not None and not re.fullmatch(r"[\w+\- ()]{5,128}", self.name, re.ASCII):
            raise InputError(f"the name of a model is of 5 to 128 letters, digits, spaces, _, -, + and brackets, not {self.name!r}")


@dataclass(frozen=True)
class Model:
    """What a package is made of."""

    method: Any
    """The method that was trained."""
    y: np.ndarray
    """An input [*S, C]."""
    estimate: np.ndarray
    """What the method makes of it, [*S, C']."""
    onnx: bytes
    program: bytes
    """What `jax.export` wrote."""
    run: str
    """The name of the run's folder."""
    noise: Any = None
    """The noise model of the training, which is a part of the function; None where it is not known."""


def write(path: Path, model: Model, card: Card) -> None:
    """Write a package as a zip file."""
    channels_first = lambda image: np.ascontiguousarray(np.moveaxis(image, -1, 0)[None])
    files = {
        "weights.onnx": model.onnx, PROGRAM: model.program, "input.npy": _npy(channels_first(model.y)),
        "output.npy": _npy(channels_first(model.estimate)), "cover.png": cover(model.y, model.estimate),
    }
    described = _named(card, model)
    files["README.md"] = _readme(described, model).encode()
    described = _described(described, model, files)
    files["rdf.yaml"] = yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=140).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("rdf.yaml", *(name for name in files if name != "rdf.yaml")):
            packed.writestr(name, files[name])


def _named(card, model):
    """What the card says, and what it leaves open."""
    kind = "volumes" if model.y.ndim == 4 else "images"
    seen = f"with their {', '.join(sorted(model.method.sees))}" if model.method.sees else "alone"
    return {
        "name": card.name or re.sub(r"[^\w+\- ()]+", " ", f"{model.method.label} of {model.run}", flags=re.ASCII)[:128],
        "description": card.description or f"{model.method.label}, trained with unsup_jax on {kind} {seen}",
        "authors": [{"name": name} for name in card.authors or (getuser(),)], "license": card.licence,
    }


def _described(named, model, files):
    """The content of rdf.yaml."""
    source = lambda name: {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}
    return {
        **{key: named[key] for key in ("name", "description")}, "format_version": FORMAT, "type": "model", "authors": named["authors"],
        "license": named["license"], "cite": citations(model.method.label), "covers": ["cover.png"], "documentation": "README.md",
        "tags": ["unsup_jax", "supervised" if "truth" in model.method.sees else "unsupervised", f"{model.y.ndim - 1}d"],
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "attachments": [source(PROGRAM)],
        "inputs": [{
            "id": "images", "axes": _input_axes(model), "test_tensor": source("input.npy"), "data": {"type": "float32"},
            "preprocessing": [{"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}],
        }],
        "outputs": [{"id": "estimates", "axes": _output_axes(model), "test_tensor": source("output.npy"), "data": {"type": "float32"}}],
        "weights": {"onnx": {**source("weights.onnx"), "opset_version": OPSET}},
        "config": {"unsup_jax": {
            "version": unsup_jax.__version__, "method": model.method.label, "reference": model.method.reference,
            **({"level": float(model.noise.sigma)} if model.method.equivariant and getattr(model.noise, "white", False) else {}),
        }},
    }


def _channels(image):
    return {"type": "channel", "id": "channel", "channel_names": [f"channel{i}" for i in range(image.shape[-1])]}


def _input_axes(model):
    _, alignment = model.method.tiling or (0, 1)
    least = smallest_tile(model.method)
    space = [{"type": "space", "id": axis, "size": {"min": least, "step": alignment}} for axis in AXES[model.y.ndim - 1]]
    return [{"type": "batch"}, _channels(model.y), *space]


def _output_axes(model):
    halo = {"halo": _halo(model.method)} if model.method.tiling else {}
    size = lambda axis: {"tensor_id": "images", "axis_id": axis, "offset": 0}
    space = [{"type": "space", "id": axis, "size": size(axis), **halo} for axis in AXES[model.y.ndim - 1]]
    return [{"type": "batch"}, _channels(model.estimate), *space]


def _halo(method):
    """Pixels at the edge of a tile that another tile knows better: the reach of the network, on its grid."""
    radius, alignment = method.tiling
    return max(1, -(-radius // alignment) * alignment)


def smallest_tile(method: Any) -> int:
    """Pixels an axis of the smallest tile that is more than its halo, on the grid of the method."""
    return max(smallest(method), 2 * _halo(method) + method.tiling[1]) if method.tiling else smallest(method)


def _npy(array):
    stored = io.BytesIO()
    np.save(stored, np.asarray(array, np.float32))
    return stored.getvalue()


def _readme(named, model):
    method, axes = model.method, AXES[model.y.ndim - 1]
    tiling = method.tiling
    tiles = (
        "The estimate of a pixel may depend on the whole image: do not cut it into tiles." if tiling is None else
        f"A pixel of the estimate depends on {tiling[0]} pixels around it: in tiles whose corners are multiples of {tiling[1]}, with a halo of "
        f"{_halo(method)}, it is the same as of the whole image.")
    return f"""# {named["name"]}

{named["description"]}.

- Method: {method.label} ({method.reference}), network {network_of(method)}.
- Input: float32 [n, {model.y.shape[-1]}, {", ".join(axes)}] in the grey levels of the images that it was trained on; their mean and unit stand in the
  graph, so that nothing is normalised before or after. Any n, and any size from {smallest(method)} pixels an axis on, odd ones too.
- Output: the estimate, [n, {model.estimate.shape[-1]}, {", ".join(axes)}], in the same grey levels.
- {tiles}
- `weights.onnx` and `{PROGRAM}` are the same function. The second runs without unsup_jax, on cpu, cuda and tpu:

      import jax
      from jax import export
      estimates = export.deserialize(bytearray(open("{PROGRAM}", "rb").read())).call(images)

## Validation

`input.npy` and `output.npy` are an image and what unsup_jax {unsup_jax.__version__} makes of it. A network that learnt from images of one
kind says nothing reliable of another kind, or of another level of noise: compare its residual, input less estimate, with noise.
"""
