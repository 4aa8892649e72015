"""Hold-out masking of pixels: the index set J of self-supervised denoising, and its replacement kappa.

The network is shown y_{J^c} = 1_{J^c} y + 1_J kappa(y) and scored on y_J (article, after eq. 15).
An index set is a tuple of integer arrays, one an axis, so that `y[J]` are its pixels [m, C].
"""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

Pixels = tuple[Array, ...]


def stratified_pixels(key: Array, shape: Sequence[int], fraction: float) -> Pixels:
    """One uniformly drawn pixel in each box of about 1 / fraction pixels that tile a frame of `shape`.

    The number of pixels depends on `shape` and `fraction` alone, so that a mean over J of one shard weighs
    as much as that of another. Boxes at the far border are moved inwards where they would stick out.
    """
    side = max(1, round(fraction ** (-1 / len(shape))))
    sides = [min(side, n) for n in shape]
    starts = [jnp.minimum(jnp.arange(0, n, s), n - s) for n, s in zip(shape, sides)]
    corners = [corner.ravel() for corner in jnp.meshgrid(*starts, indexing="ij")]
    keys = jax.random.split(key, len(shape))
    return tuple(c + jax.random.randint(k, c.shape, 0, s) for k, c, s in zip(keys, corners, sides))


Kappa = Literal["uniform", "mean", "median"]
"""Replacement of held-out pixels: a random neighbour, or the mean or median of the neighbours."""


def replacement(key: Array, y: Array, pixels: Pixels, kappa: Kappa, radius: int) -> Array:
    """kappa(y)_J [m, C]: `neighbour`, `local_mean` or `local_median`."""
    return {"uniform": partial(neighbour, key), "mean": local_mean, "median": local_median}[kappa](y, pixels, radius)


def neighbour(key: Array, y: Array, pixels: Pixels, radius: int) -> Array:
    """kappa of Noise2Void: for each pixel of J, a pixel drawn uniformly from the window around it.

    The window spans 2 radius + 1 pixels an axis, clipped to the frame, its centre included. [m, C].
    """
    keys = jax.random.split(key, len(pixels))
    drawn = tuple(
        jax.random.randint(k, p.shape, jnp.maximum(p - radius, 0), jnp.minimum(p + radius, n - 1) + 1)
        for k, p, n in zip(keys, pixels, y.shape)
    )
    return y[drawn]


def local_mean(y: Array, pixels: Pixels, radius: int) -> Array:
    """kappa of Noise2Self: for each pixel of J, the mean of the window around it without the pixel itself.

    The window spans 2 radius + 1 pixels an axis; pixels beyond the frame are left out of the mean. [m, C].
    """
    total, count = 0.0, 0.0
    for value, inside in _window(y, pixels, radius):
        total += jnp.where(inside, value, 0)
        count += inside.astype(y.real.dtype)
    return total / count


def local_median(y: Array, pixels: Pixels, radius: int) -> Array:
    """kappa of N2V2: the median of the window around each pixel of J without the pixel itself. [m, C]."""
    values = jnp.stack([jnp.where(inside, value, jnp.nan) for value, inside in _window(y, pixels, radius)])
    return jnp.nanmedian(values, 0)


def beside(pixels: Pixels, shape: Sequence[int], extent: Sequence[int]) -> Pixels:
    """J with the pixels up to `extent` away along each axis: the blind mask of structN2V, for correlated noise.

    Places beyond the frame are moved to its border.
    """
    offsets = itertools.product(*(range(-e, e + 1) for e in extent))
    places = [tuple(jnp.clip(p + o, 0, n - 1) for p, o, n in zip(pixels, offset, shape)) for offset in offsets]
    return tuple(jnp.concatenate(axis) for axis in zip(*places))


def grid_pixels(phase: Array, shape: Sequence[int], width: int) -> Array:
    """The mask [*shape] of one set of the partition into width^d grids: every `width`-th pixel of each axis from `phase`.

    `phase` is the number of the set, 0 to width^d - 1.
    """
    mask = jnp.ones((1,) * len(shape), bool)
    for axis, n in enumerate(shape):
        start = (phase // width**axis) % width
        line = (jnp.arange(n) % width == start).reshape([n if a == axis else 1 for a in range(len(shape))])
        mask = mask & line
    return jnp.broadcast_to(mask, tuple(shape))


def masked_mean(y: Array, mask: Array) -> Array:
    """kappa for a whole mask [*S]: the mean of the neighbours of each pixel that the mask leaves, weighted as 1 / distance.

    Neighbours lie one step away along any axes. Exactly independent of y on the mask. [*S, C].
    """
    shown = (~mask)[..., None].astype(y.dtype)
    total, weight = jnp.zeros_like(y), jnp.zeros_like(shown)
    for offset in itertools.product((-1, 0, 1), repeat=y.ndim - 1):
        if any(offset):
            near = 1 / sum(abs(o) for o in offset)
            total += near * _moved(shown * y, offset)
            weight += near * _moved(shown, offset)
    return total / jnp.maximum(weight, 1e-6)


def _window(y, pixels, radius):
    """(value [m, C], inside the frame [m, 1]) of each neighbour of the pixels, themselves left out."""
    for offset in itertools.product(range(-radius, radius + 1), repeat=len(pixels)):
        if any(offset):
            place = tuple(p + o for p, o in zip(pixels, offset))
            inside = jnp.all(jnp.stack([(p >= 0) & (p < n) for p, n in zip(place, y.shape)]), 0)[:, None]
            yield y[tuple(jnp.clip(p, 0, n - 1) for p, n in zip(place, y.shape))], inside


def _moved(image, offset):
    """image moved by an offset of one pixel or none along each axis, zero coming in."""
    return jax.lax.pad(image, jnp.zeros((), image.dtype), [(o, -o, 0) for o in offset] + [(0, 0, 0)])
