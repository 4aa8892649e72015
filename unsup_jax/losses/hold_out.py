"""Hold-out masking of pixels: the index set J of self-supervised denoising, and its replacement kappa.

The network is shown y_{J^c} = 1_{J^c} y + 1_J kappa(y) and scored on y_J (article, after eq. 15).
An index set is a tuple of integer arrays, one an axis, so that `y[J]` are its pixels [m, C].
"""

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

Pixels = tuple[Array, ...]


def stratified_pixels(key: Array, shape: Sequence[int], fraction: float) -> Pixels:
    """Pixels drawn uniformly in each of the boxes that tile a frame of `shape`: one in a box of about 1 / fraction pixels.

    A fraction above 1/8 takes about eight, all different, in a box of 8 / fraction. The number of pixels depends on `shape`
    and `fraction` alone, so that a mean over J of one shard weighs as much as that of another. Boxes at the far border are
    moved inwards where they would stick out.
    """
    few = 1 if fraction <= 1 / 8 else 8
    sides = _box(shape, few / fraction)
    starts = [jnp.minimum(jnp.arange(0, n, s), n - s) for n, s in zip(shape, sides)]
    corners = [corner.ravel() for corner in jnp.meshgrid(*starts, indexing="ij")]
    if few == 1:
        keys = jax.random.split(key, len(shape))
        return tuple(c + jax.random.randint(k, c.shape, 0, s) for k, c, s in zip(keys, corners, sides))
    boxes = len(corners[0])
    score = jax.random.uniform(key, (boxes, math.prod(sides)))
    chosen = jax.lax.top_k(score, max(1, round(fraction * math.prod(shape) / boxes)))[1]
    return tuple((c[:, None] + place).ravel() for c, place in zip(corners, jnp.unravel_index(chosen, sides)))


def _box(shape, pixels):
    """Sides of a box of about as many pixels, as even as the frame allows: the others make up for a short axis."""
    sides = [1] * len(shape)
    for left, axis in zip(range(len(shape), 0, -1), sorted(range(len(shape)), key=shape.__getitem__)):
        sides[axis] = min(shape[axis], max(1, round(pixels ** (1 / left))))
        pixels = pixels / sides[axis]
    return sides


Kappa = Literal["uniform", "mean", "median"]
"""Replacement of held-out pixels: a random neighbour, or the mean or median of the neighbours."""


def replacement(key: Array, y: Array, pixels: Pixels, kappa: Kappa, radius: int) -> Array:
    """kappa(y)_J [m, C]: `neighbour`, `local_mean` or `local_median`."""
    return {"uniform": partial(neighbour, key), "mean": local_mean, "median": local_median}[kappa](y, pixels, radius)


def neighbour(key: Array, y: Array, pixels: Pixels, radius: int) -> Array:
    """kappa of Noise2Void: for each pixel of J, a pixel drawn uniformly from the window around it.

    The window spans 2 radius + 1 pixels an axis, clipped to the frame; its centre and other pixels of J are included, as
    published. [m, C].
    """
    keys = jax.random.split(key, len(pixels))
    drawn = tuple(
        jax.random.randint(k, p.shape, jnp.maximum(p - radius, 0), jnp.minimum(p + radius, n - 1) + 1)
        for k, p, n in zip(keys, pixels, y.shape)
    )
    return y[drawn]


def local_mean(y: Array, pixels: Pixels, radius: int) -> Array:
    """kappa of Noise2Self: for each pixel of J, the mean of those pixels of the window around it that are not in J.

    The window spans 2 radius + 1 pixels an axis; pixels beyond the frame are left out of the mean. Where all of the window is
    in J, the mean of the frame outside J. [m, C].
    """
    total, count = 0.0, 0.0
    for value, shown in _window(y, pixels, radius):
        total += jnp.where(shown, value, 0)
        count += shown.astype(y.real.dtype)
    return jnp.where(count > 0, total / jnp.maximum(count, 1), _mean_outside(y, pixels))


def local_median(y: Array, pixels: Pixels, radius: int) -> Array:
    """kappa of N2V2: the median in place of the mean of `local_mean`. [m, C]."""
    values = jnp.stack([jnp.where(shown, value, jnp.nan) for value, shown in _window(y, pixels, radius)])
    empty = jnp.all(jnp.isnan(values), 0)
    return jnp.where(empty, _mean_outside(y, pixels), jnp.nanmedian(jnp.where(empty[None], 0, values), 0))


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
    """(value [m, C], whether it is shown [m, 1]: in the frame and not in J) of each neighbour of the pixels of J."""
    in_J = _in(y, pixels)
    for offset in itertools.product(range(-radius, radius + 1), repeat=len(pixels)):
        if any(offset):
            place = tuple(p + o for p, o in zip(pixels, offset))
            inside = jnp.all(jnp.stack([(p >= 0) & (p < n) for p, n in zip(place, y.shape)]), 0)
            clipped = tuple(jnp.clip(p, 0, n - 1) for p, n in zip(place, y.shape))
            yield y[clipped], (inside & ~in_J[clipped])[:, None]


def _in(y, pixels):
    return jnp.zeros(y.shape[:-1], bool).at[pixels].set(True)


def _mean_outside(y, pixels):
    shown = ~_in(y, pixels)[..., None]
    axes = tuple(range(y.ndim - 1))
    return jnp.sum(jnp.where(shown, y, 0), axes)[None] / jnp.maximum(jnp.sum(shown, axes), 1).astype(y.real.dtype)[None]


def _moved(image, offset):
    """image moved by an offset of one pixel or none along each axis, zero coming in."""
    return jax.lax.pad(image, jnp.zeros((), image.dtype), [(o, -o, 0) for o in offset] + [(0, 0, 0)])
