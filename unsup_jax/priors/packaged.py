r"""A denoiser in a BioImage.IO package, of whoever made it, as a prior: D(x, sigma) of plug-and-play, of RED and of samplers.

    D(x, sigma) = (sigma / s) P(s x / sigma)        of a model P that removes white noise of deviation s     (Xu et al., arXiv 2005.11325)
    D(x, sigma) = P(x)                              of any other one, which denoises as it learnt

s is what a package of unsup_jax tells, or `level`. P is what the package describes: preprocessing, the ONNX graph as a function of JAX
(`unsup_jax.onnx`), so that D has derivatives, and postprocessing; images of sizes that it does not take are extended by reflection.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax import onnx
from unsup_jax.errors import InputError
from unsup_jax.files import bioimageio
from unsup_jax.files.bioimageio import Axis, Package
from unsup_jax.priors.installed import installed

_EPSILON = 1e-6  # of the specification's normalisations


@dataclass(frozen=True)
class PackagedDenoiser:
    """x, sigma -> D(x, sigma) of images [*S, C] and volumes, by the model of a package.

    A model of planes takes those of a volume, one of one channel each of them, and the real and the imaginary part of complex ones. Where it is
    used it raises `InputError` on a package that cannot be read, as `files.bioimageio.read` and `onnx.load` do, and on images that it does not take.
    """

    path: str | None = None
    """A .zip, a folder, an rdf.yaml or an .onnx; None: the general denoiser that is installed beside the package (`make weights`)."""
    level: float | None = None
    """s, in the grey levels that the model takes; None: as the package tells, else it denoises as it learnt."""

    @property
    def file(self) -> Path:
        """The package."""
        found = installed() if self.path is None else Path(self.path)
        if found is None:
            raise InputError("no general denoiser is installed: `make weights` makes one, or give the path of a package")
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must hear: which model was installed."""
        return (f"plug-and-play denoises by the network in {self.file}",) if self.path is None else ()

    def __call__(self, x: Array, sigma: Array) -> Array:
        if jnp.iscomplexobj(x):
            parts = self(jnp.concatenate([x.real, x.imag], -1), sigma / jnp.sqrt(jnp.asarray(2, sigma.dtype)))
            return jnp.asarray(1, x.dtype) * parts[..., : x.shape[-1]] + jnp.asarray(1j, x.dtype) * parts[..., x.shape[-1] :]
        model = opened(str(self.file.resolve()))
        level = model.level if self.level is None else self.level
        if level is None:
            return model(x)
        times = jnp.maximum(sigma, jnp.finfo(x.dtype).tiny ** 0.5).astype(x.dtype) / level
        return times * model(x / times)

    def in_units(self, unit: Array) -> Callable[[Array, Array], Array]:
        """The same of images that are counted in units of so many grey levels."""
        return lambda x, sigma: self(unit.astype(x.dtype) * x, unit * sigma) / unit.astype(x.dtype)


@lru_cache(maxsize=4)
def opened(path: str) -> "Model":
    """The model of a package; read once."""
    package = bioimageio.read(path)
    return Model(package, onnx.load(package.onnx, path))


class Model:
    """P: images [*S, C] -> estimates [*S, C]. Raises `InputError` on steps of a package that are not known here."""

    def __init__(self, package: Package, graph: onnx.Graph):
        if len(graph.inputs) != 1:
            raise InputError(f"{package.name}: its ONNX graph has the inputs {', '.join(graph.inputs)}; a denoiser of one image has one")
        for name, _ in (*package.before, *package.after):
            if name not in _STEPS:
                raise InputError(f"{package.name}: the step {name!r} is not known here; known are {', '.join(sorted(_STEPS))}")
        self._package, self._graph = package, graph
        self._space = [axis for axis in package.inputs if axis.kind == "space"]
        self._channels = next((axis.size for axis in package.inputs if axis.kind == "channel"), 1)

    @property
    def level(self) -> float | None:
        """The deviation of the white noise that it removes, where the package tells it."""
        told = self._package.own.get("level")
        return None if told is None else float(told)

    def __call__(self, x: Array) -> Array:
        rank = len(self._space)
        if x.ndim - 1 < rank or x.ndim - 1 > 3:
            raise InputError(f"{self._package.name} takes {'images' if rank == 2 else 'volumes'}, not an array of shape {x.shape}")
        if self._channels not in (None, 1, x.shape[-1]):
            raise InputError(f"{self._package.name} takes images of {self._channels} channels, not of {x.shape[-1]}")
        apart = self._channels == 1
        outer = x.shape[: x.ndim - 1 - rank]                         # planes of a volume
        batch = jnp.moveaxis(x, -1, 0)[..., None] if apart else x[None]
        batch = batch.reshape(-1, *batch.shape[-1 - rank :])
        made = self._batch(batch)
        made = made.reshape(-1, *outer, *made.shape[1:])
        return jnp.moveaxis(made[..., 0], 0, -1) if apart and made.shape[-1] == 1 else self._whole(made, x)

    def _whole(self, made, x):
        if made.shape[0] != 1 or made.shape[1:] != x.shape:
            raise InputError(f"{self._package.name} makes {made.shape[-1]} channels of {self._channels}; a denoiser makes as many")
        return made[0]

    def _batch(self, images):
        """P of images [N, *S, C] of as many axes of space as the model has."""
        frame = images.shape[1:-1]
        for name, options in self._package.before:
            images = _STEPS[name](images, images, options)
        sizes = [_size(self._package.name, axis, n) for axis, n in zip(self._ordered, frame)]
        widths = [(0, 0), *((0, m - n) for m, n in zip(sizes, frame)), (0, 0)]
        shown = jnp.pad(images, widths, mode="reflect") if any(map(sum, widths)) else images
        arranged = _arranged(shown, self._package.inputs)
        many = any(axis.kind == "batch" for axis in self._package.inputs)
        runs = [arranged] if many else [arranged[k] for k in range(len(images))]
        results = [self._graph(each)[0] for each in runs]
        made = _images(results[0] if many else jnp.stack(results), self._package.outputs, many)
        if made.shape[1:-1] != tuple(sizes):
            raise InputError(f"{self._package.name} makes images of shape {made.shape[1:-1]} of those of {tuple(sizes)}; a denoiser keeps it")
        made = made[(slice(None), *(slice(n) for n in frame))]
        for name, options in self._package.after:
            made = _STEPS[name](made, images, options)
        return made.astype(jnp.float32)

    @property
    def _ordered(self):
        """The axes of space from z to x."""
        return sorted(self._space, key=lambda axis: axis.name, reverse=True)


def _size(name, axis: Axis, n: int) -> int:
    """The least size of an axis that holds n pixels."""
    if axis.size is None:
        return max(axis.least, axis.least + -(-(n - axis.least) // axis.step) * axis.step)
    if n > axis.size:
        raise InputError(f"{name} takes images of {axis.size} pixels along {axis.name}, not of {n}")
    return axis.size


_PLACES = {"batch": 0, "z": -4, "y": -3, "x": -2, "channel": -1}


def _places(axes):
    """Where each axis of a tensor stands in images [N, *S, C]."""
    return [_PLACES[axis.kind if axis.kind != "space" else axis.name] for axis in axes]


def _arranged(images, axes):
    """Images [N, *S, C] as a tensor of those axes; the batch stays in front where they have none."""
    places = [place % images.ndim for place in _places(axes)]
    batched = 0 in places
    if images.ndim - 1 not in places:
        images = images[..., 0]
    return images.transpose(places if batched else [0, *places])


def _images(tensor, axes, batched):
    """A tensor of those axes as images [N, *S, C]."""
    rank = sum(axis.kind == "space" for axis in axes) + 2
    places = [place % rank for place in _places(axes)]
    places = places if batched and 0 in places else [0, *places]
    if rank - 1 not in places:
        tensor, places = tensor[..., None], [*places, rank - 1]
    return tensor.transpose(np.argsort(places).tolist())


def _over(image, options):
    """The axes that a statistic is over: all but the batch, or those that the options name."""
    named = options.get("axes")
    if named is None:
        return tuple(range(1, image.ndim))
    letters = {"b": "batch", "c": "channel"}
    places = {_PLACES[letters.get(name, name)] % image.ndim for name in named}
    return tuple(sorted(places - {0}))


def _scalar(value, image):
    """One number, or one a channel."""
    return jnp.asarray(value, image.dtype).reshape(*(1,) * (image.ndim - 1), -1)


def _zero_mean(image, shown, options):
    over, eps = _over(image, options), options.get("eps", _EPSILON)
    if options.get("mode") == "fixed" or "mean" in options:
        return _fixed_zero_mean(image, shown, options)
    return (image - jnp.mean(image, over, keepdims=True)) / (jnp.std(image, over, keepdims=True) + eps)


def _fixed_zero_mean(image, shown, options):
    return (image - _scalar(options["mean"], image)) / _scalar(options["std"], image)


def _scale_range(image, shown, options):
    over, eps = _over(image, options), options.get("eps", _EPSILON)
    low, high = options.get("min_percentile", 0.0), options.get("max_percentile", 100.0)
    low, high = (jnp.percentile(image, q, over, keepdims=True) for q in (low, high))
    return (image - low) / (high - low + eps)


def _scale_linear(image, shown, options):
    return image * _scalar(options.get("gain", 1.0), image) + _scalar(options.get("offset", 0.0), image)


def _scale_mean_variance(image, shown, options):
    over, eps = _over(image, options), options.get("eps", _EPSILON)
    unit = (image - jnp.mean(image, over, keepdims=True)) / (jnp.std(image, over, keepdims=True) + eps)
    return unit * (jnp.std(shown, over, keepdims=True) + eps) + jnp.mean(shown, over, keepdims=True)


_STEPS: dict[str, Callable[[Array, Array, dict[str, Any]], Array]] = {
    "zero_mean_unit_variance": _zero_mean, "fixed_zero_mean_unit_variance": _fixed_zero_mean, "scale_range": _scale_range,
    "scale_linear": _scale_linear, "scale_mean_variance": _scale_mean_variance,
    "clip": lambda image, shown, options: jnp.clip(image, options.get("min"), options.get("max")),
    "sigmoid": lambda image, shown, options: 1 / (1 + jnp.exp(-image)), "ensure_dtype": lambda image, shown, options: image.astype(jnp.float32),
}
