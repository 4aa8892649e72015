r"""Models leave the house: a trained run as ONNX, as a program of `jax.export`, or as a BioImage.IO package of both.

    model.zip     BioImage.IO: rdf.yaml, ONNX, the program, a test input and output, a cover, a README
    model.onnx    ONNX alone, for onnxruntime, OpenCV, ImageJ, napari, ...
    model.jax     `jax.export` alone: for cpu, cuda and tpu, without unsup_jax

Each is `reconstruct` whole: the parameters that reconstruct, the units of grey, the noise model, the hidden pixels, the turned copies; of any
number of images of any size. What is written is run on an image first, and compared with what the run makes of it.

ONNX holds what is one pass of a network, or a few; a sampler, or an iteration to convergence, leaves the house as a program alone.
"""

from pathlib import Path
from typing import Any

import numpy as np
from jax import Array

from unsup_jax.core import Measurement, Method
from unsup_jax.errors import InputError
from unsup_jax.export import graph, package, symbolic
from unsup_jax.export.package import Card
from unsup_jax.export.symbolic import network_of
from unsup_jax.files import check_output, replacing
from unsup_jax.inference import estimator
from unsup_jax.lazy import Lazy
from unsup_jax.noise import NoiseModel
from unsup_jax.noise.correlation import middle

__all__ = ["Card", "export"]

ENDINGS = (".zip", ".onnx", ".jax")
TOLERANCE = 1e-4  # of the largest number of an estimate
_SHOWN = {2: 256, 3: 64}  # pixels each way of the image that is written beside the weights

onnxruntime = Lazy("onnxruntime")
reference = Lazy("onnx.reference")


def check(method: Method, output: str | Path, offset: float = 0.0) -> None:
    """Raise `InputError` on a method that is no function of images, or is one of images less an `offset`, and on an output that cannot be
    written."""
    kind = Path(output).suffix.lower()
    check_output(output, ENDINGS)
    if kind != ".jax":
        graph.check_installed()
    if not method.reconstructs or method.reads or method.single_views or method.scope == "measurement" and method.sees:
        raise InputError(f"{method.label} makes no image of one image; what leaves the house is a function of images")
    if method.scope == "measurement" and kind != ".jax":
        raise InputError(
            f"{method.label} is solved anew for each measurement, which is no pass of a network: ONNX takes trained methods; "
            "as a program of jax.export, give a name that ends in .jax")
    if offset:
        raise InputError(f"the images were learnt less {offset:g} grey levels, which float32 would lose: train on images less that number")


def export(
    key: Array, method: Method, state: Any, noise: NoiseModel | None, output: str | Path, example: Measurement, *, name: str, card: Card = Card(),
) -> str:
    """Write a trained method to a .zip, .onnx or .jax, checked on an `example` of its measurements; returns a line that says what was written.

    `state` and `noise` are those of `runs.load_trained`, `name` is that of the run. Raises `InputError` on a method, a network or a measurement
    that has no such form, by what it is that has none.
    """
    check(method, output)
    kind = Path(output).suffix.lower()
    if np.iscomplexobj(example.y) or np.ndim(example.y) not in (3, 4):
        raise InputError(f"{example.y.dtype} data of shape {np.shape(example.y)} are no image; what leaves the house is a function of images [*S, C]")
    least = package.smallest_tile(method) if kind == ".zip" else symbolic.smallest(method)
    one = example.only(()).replace(y=_part(np.asarray(example.y), method, least), noise=noise)
    method.check(one)
    estimate = next(iter(estimator(method, state, key)([one])))[0]
    function = symbolic.estimates(method, state, noise, one.operator)
    images = symbolic.symbolic_images(method, one.y.shape[-1], one.y.ndim - 1)
    program = weights = None
    if kind != ".onnx":
        program = symbolic.serialized(method, function, images)
        _compare(method, estimate, symbolic.deserialized(program), one.y, "the program")
    if kind != ".jax":
        weights = symbolic.traced(method, lambda: graph.onnx_model(function, images, name=network_of(method))).SerializeToString()
        _compare(method, estimate, _runner(weights), one.y, "the ONNX graph")
    with replacing(output) as place:
        if kind == ".zip":
            package.write(place, package.Model(method, one.y, estimate, weights, program, name, noise), card)
        else:
            place.write_bytes(weights if kind == ".onnx" else program)
    size, frame = Path(output).stat().st_size, " x ".join(map(str, one.y.shape[:-1]))
    said = f"what it makes of an image of {frame} pixels is what the run makes of it"
    return f"{output}: {method.label} ({network_of(method)}), {size / 1e6:.2g} MB; {said}"


def _part(y, method, least):
    """The middle of an image, on the grid of the method. Raises `InputError` on an image that is too small."""
    _, alignment = method.tiling or (0, 1)
    frame = y.shape[:-1]
    if min(frame) < least:
        raise InputError(f"an example of shape {y.shape}; it takes {least} pixels along each axis")
    most = max(_SHOWN[len(frame)], least)
    return y[tuple(middle(n, min(n, most) // alignment * alignment) for n in frame)]


def _runner(weights):
    """images -> estimates of an ONNX model, by onnxruntime, or by ONNX's own reference where that is not installed."""
    try:
        session = onnxruntime.InferenceSession(weights, providers=["CPUExecutionProvider"])
    except ImportError:
        session = reference.ReferenceEvaluator(graph.onnx.load_model_from_string(weights))
    return lambda y: session.run(None, {"images": np.asarray(y)})[0]


def _compare(method, estimate, function, y, what):
    """Raise `InputError` where what is to be written makes something else of y than the run does."""
    made = np.moveaxis(np.asarray(function(np.moveaxis(y, -1, 0)[None]))[0], 0, -1)
    error = np.max(np.abs(made - estimate)) / max(np.max(np.abs(estimate)), 1e-30) if made.shape == estimate.shape else np.inf
    if not error <= TOLERANCE:
        raise InputError(f"{method.label} does not leave the house: {what} makes another estimate than the run ({error:.1e} of the largest number)")
