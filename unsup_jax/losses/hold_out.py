"""Hold-out masking of pixels: the index set J of self-supervised denoising, and its replacement kappa.

The network is shown y_{J^c} = 1_{J^c} y + 1_J kappa(y) and scored on y_J (article, after eq. 15).
An index set is a tuple of integer arrays, one an axis, so that `y[J]` are its pixels [m, C].
"""

import itertools
from collections.abc import Sequence

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
    for offset in itertools.product(range(-radius, radius + 1), repeat=len(pixels)):
        if not any(offset):
            continue
        place = tuple(p + o for p, o in zip(pixels, offset))
        inside = jnp.all(jnp.stack([(p >= 0) & (p < n) for p, n in zip(place, y.shape)]), 0)[:, None]
        total += jnp.where(inside, y[tuple(jnp.clip(p, 0, n - 1) for p, n in zip(place, y.shape))], 0)
        count += inside.astype(y.real.dtype)
    return total / count
