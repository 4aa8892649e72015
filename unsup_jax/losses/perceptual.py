r"""Perceptual loss: a distance of features in place of grey values (Johnson, Alahi, Fei-Fei, ECCV 2016; article, eqs. (6)-(7)).

    L(x, x^) = (1/J) sum_j (1/n_j) ||phi_j(x^) - phi_j(x)||^2

phi_j are the maps, of n_j entries, of a fixed convolutional network. By default its weights are drawn once, by a seed: level j
is a rectified 3-tap convolution, without bias, of level j - 1 averaged over blocks of 2^d pixels, so that it compares textures
2^j pixels wide; phi_j(a x) = a phi_j(x) for a > 0, and L(a x, a x^) = a^2 L(x, x^), as of the mean square. With a VGG's
weights, from a file of yours, phi_1 alone is compared: the rectified map of one of its convolutions.
"""

import functools
import math
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses.fidelity import mean_square_error
from unsup_jax.losses.objective import Estimator, Objective
from unsup_jax.networks.convolution import convolve, same_padding
from unsup_jax.networks.critic import pooled
from unsup_jax.networks.partial_unet import largest
from unsup_jax.networks.unet import align

Convolution = tuple[int, np.ndarray, np.ndarray]
"""Of a VGG: (number of the layer, kernel [3, 3, C, F], bias [F])."""


@dataclass(frozen=True)
class Perceptual(Objective):
    """Johnson 2016, of ONE real image in two or three dimensions, in the units of grey in which the network works.

    A VGG sees images in the plane of three channels, and one channel three times; it was trained on images of mean 0 and
    deviation 1. Raises `InputError` on a width or depth below 1, on weights that cannot be read, on complex images, and on others
    than a VGG sees.
    """

    sees: ClassVar[frozenset[str]] = frozenset({"truth"})

    weights: str | None = None
    """NPZ file of a VGG's convolutions, [F, C, 3, 3] and [F], under the names of torchvision: "features.0.weight",
    "features.0.bias", ... or without "features."; `np.savez(path, **vgg19(weights="DEFAULT").features.state_dict())` makes one.
    None for random weights."""
    layer: int | None = None
    """Number of the VGG's convolution that is compared, in those names (14 of VGG-16 is Johnson's relu3_3); None: the last in the file."""
    width: int = 16
    """Features of the first random level; doubled at each level below."""
    depth: int = 3
    """Random levels, J."""
    seed: int = 0
    """Of the random weights."""

    def __post_init__(self):
        if self.width < 1 or self.depth < 1:
            raise InputError(f"Perceptual needs width and depth of 1 or more, not {self.width} and {self.depth}")
        if self.layer is not None and self.weights is None:
            raise InputError(f"layer {self.layer} is of a VGG, of which `weights` names no file")

    def check(self, one: Measurement) -> None:
        x = one.operator.domain(one.y)
        if jnp.issubdtype(x.dtype, jnp.complexfloating):
            raise InputError("Perceptual compares real images, not complex ones")
        if self.weights is not None:
            vgg_convolutions(self.weights, self.layer)
            if len(x.shape) != 3 or x.shape[-1] not in (1, 3):
                raise InputError(f"a VGG sees images in the plane of one channel or three, not of shape {x.shape}")

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        pairs = zip(self.features(F(one)), self.features(one.truth), strict=True)
        errors = [mean_square_error(*pair) for pair in pairs]
        return sum(errors) / len(errors), {}

    def features(self, x: Array) -> list[Array]:
        """phi_j of one image [*S, C]."""
        if self.weights is not None:
            return [vgg(vgg_convolutions(self.weights, self.layer), x)]
        return random_features(jax.random.key(self.seed), x, width=self.width, depth=self.depth)


def random_features(key: Array, x: Array, *, width: int, depth: int) -> list[Array]:
    """The maps [*S / 2^j, width 2^j] of a network with He-normal weights that the key draws."""
    taps, maps = (3,) * (x.ndim - 1), []
    for level in range(depth):
        if level:
            x = pooled(align(x, 2))
        shape = (*taps, x.shape[-1], width * 2**level)
        kernel = math.sqrt(2 / math.prod(shape[:-1])) * jax.random.normal(jax.random.fold_in(key, level), shape, x.dtype)
        x = jax.nn.relu(convolve(x[None], kernel, padding=same_padding(taps))[0])
        maps.append(x)
    return maps


def vgg(convolutions: tuple[Convolution, ...], x: Array) -> Array:
    """The rectified map of the last of the convolutions, of one image [H, W, 1 or 3]."""
    x, before = jnp.broadcast_to(x, (*x.shape[:-1], 3)), 0
    for layer, kernel, bias in convolutions:
        if layer - before == 3:                                     # a pooling lies between them, beside the rectification
            x = largest(x[: x.shape[0] // 2 * 2, : x.shape[1] // 2 * 2])
        x = convolve(x[None], jnp.asarray(kernel, x.dtype), padding=((1, 1), (1, 1)))[0]
        x, before = jax.nn.relu(x + jnp.asarray(bias, x.dtype)[None, None]), layer
    return x


@functools.lru_cache
def vgg_convolutions(path: str, layer: int | None = None) -> tuple[Convolution, ...]:
    """The convolutions of an NPZ file in order, up to that of the `layer`.

    Raises `InputError` where the file holds none, or anything but a VGG's.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no file {path}; Perceptual takes an NPZ file of a VGG's convolutions, or no weights for random ones")
    try:
        with np.load(path) as stored:
            layers = {int(named[1]): name for name in stored.files if (named := re.fullmatch(r"(?:features\.)?(\d+)\.weight", name))}
            found = [(i, stored[name], stored[name.removesuffix("weight") + "bias"]) for i, name in sorted(layers.items())]
    except (ValueError, OSError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not an NPZ file of convolutions with their biases ({error})") from error
    numbers, kernels, biases = zip(*found) if found else ((), (), ())
    channels = [3, *(len(kernel) for kernel in kernels)]
    follows = all(after - before in (2, 3) for before, after in zip((-2, *numbers), numbers))       # without or with a pooling
    fits = all(kernel.shape[1:] == (c, 3, 3) and bias.shape == kernel.shape[:1] for kernel, bias, c in zip(kernels, biases, channels))
    if not found or numbers[0] or not (follows and fits):
        raise InputError(f"{path}: accepted are a VGG's convolutions of 3 x 3 taps under torchvision's names, 0.weight, 0.bias, 2.weight, ...")
    last = numbers[-1] if layer is None else layer
    if last not in numbers:
        raise InputError(f"{path}: layer {last} is no convolution of it; there are {', '.join(map(str, numbers))}")
    return tuple((i, kernel.transpose(2, 3, 1, 0), bias) for i, kernel, bias in found if i <= last)
