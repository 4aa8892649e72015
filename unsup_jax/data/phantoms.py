r"""Procedural specimens, drawn on the device by key.

    nuclei      x(p) = sum_i a_i sigmoid((1 - |R_i (p - c_i) / r_i|) / edge) (1 + texture)
    filaments   x(p) = sum_i a_i max_t exp(-|p - path_i(t)|^2 / (2 width^2)), path_i a smooth random walk
    beads       x(p) = sum_i a_i exp(-|p - c_i|^2 / (2 width^2))
    blobs       as beads, but nine wide ones in the middle of the frame: a particle of electron microscopy
    cells       one ellipsoid in the middle of the frame, of half the peak, with a nucleus, and organelles of more or of less in it
    molecules   x(p) = sum_i a_i [p = c_i], of as many i as are drawn, up to one in 128 pixels
    medium      two phases, x(p) = peak [g(p) > t], g white noise under a Gaussian, of a volume fraction of 0.4

for p over the pixels of a 2-D or 3-D frame. Values lie in [0, about `peak`].
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.errors import InputError


def nuclei(key: Array, shape: tuple[int, ...], count: int = 12, peak: float = 100.0) -> Array:
    """`count` ellipsoidal nuclei with granular chromatin, [*S, 1]."""
    places, sizes, angles, heights, grain = jax.random.split(key, 5)
    rank, extent = len(shape), min(shape)
    centre = jax.random.uniform(places, (count, rank), maxval=jnp.array([shape], jnp.float32))
    radius = extent * jax.random.uniform(sizes, (count, rank), minval=0.06, maxval=0.14)
    turn = jnp.linalg.qr(jax.random.normal(angles, (count, rank, rank)))[0]
    height = peak * jax.random.uniform(heights, (count,), minval=0.4, maxval=1.0)
    texture = _smooth_noise(grain, shape, extent / 40)
    grid = _grid(shape)

    def add(image, one):
        c, r, q, a = one
        distance = jnp.linalg.norm(((grid - _like(grid, c)) @ q.T) / _like(grid, r), axis=-1)
        return jnp.maximum(image, a * jax.nn.sigmoid((1 - distance) / 0.08)), None

    image, _ = jax.lax.scan(add, jnp.zeros(shape), (centre, radius, turn, height))
    return (image * (1 + 0.25 * texture))[..., None]


def filaments(key: Array, shape: tuple[int, ...], count: int = 8, peak: float = 100.0, width: float = 1.2) -> Array:
    """`count` smooth curves of Gaussian cross-section, `width` pixels in standard deviation, [*S, 1]."""
    places, headings, bends, heights = jax.random.split(key, 4)
    rank, points = len(shape), 48
    start = jax.random.uniform(places, (count, 1, rank), maxval=jnp.array([[shape]], jnp.float32))
    heading = jax.random.normal(headings, (count, 1, rank))
    bend = jnp.cumsum(jax.random.normal(bends, (count, points, rank)), 1) / 12
    direction = heading / jnp.linalg.norm(heading, axis=-1, keepdims=True) + bend
    step = max(shape) / points * direction / jnp.linalg.norm(direction, axis=-1, keepdims=True)
    path = start + jnp.cumsum(step, 1) - step.sum(1, keepdims=True) / 2
    height = peak * jax.random.uniform(heights, (count,), minval=0.4, maxval=1.0)
    grid = _grid(shape)

    def add(image, one):
        points, a = one

        def nearest(distance, ends):
            begin, end = ends
            offset, piece = grid - _like(grid, begin), end - begin
            along = jnp.clip(offset @ piece / jnp.sum(piece**2), 0, 1)
            return jnp.minimum(distance, jnp.sum((offset - along[..., None] * _like(grid, piece)) ** 2, -1)), None

        distance, _ = jax.lax.scan(nearest, jnp.full(shape, jnp.inf), (points[:-1], points[1:]))
        return image + a * jnp.exp(-distance / (2 * width**2)), None

    image, _ = jax.lax.scan(add, jnp.zeros(shape), (path, height))
    return jnp.minimum(image, 2 * peak)[..., None]


def beads(key: Array, shape: tuple[int, ...], count: int = 60, peak: float = 100.0, width: float = 1.5) -> Array:
    """`count` Gaussian spots of `width` pixels in standard deviation, [*S, 1]."""
    places, heights = jax.random.split(key)
    centre = jax.random.uniform(places, (count, len(shape)), maxval=jnp.array([shape], jnp.float32))
    height = peak * jax.random.uniform(heights, (count,), minval=0.2, maxval=1.0)
    grid = _grid(shape)

    def add(image, one):
        c, a = one
        return image + a * jnp.exp(-jnp.sum((grid - _like(grid, c)) ** 2, -1) / (2 * width**2)), None

    image, _ = jax.lax.scan(add, jnp.zeros(shape), (centre, height))
    return image[..., None]


def molecules(key: Array, shape: tuple[int, ...], most: int | None = None, peak: float = 100.0) -> Array:
    """One to `most` molecules, by default one in 128 pixels at the most, of 0.4 to 1 of the `peak`'s light in one pixel each, [*S, 1]."""
    number, places, heights = jax.random.split(key, 3)
    most = math.prod(shape) // 128 if most is None else most
    shines = jnp.arange(most) < jax.random.randint(number, (), min(most, 1), most + 1)
    place = jax.random.randint(places, (most, len(shape)), 0, jnp.array([shape]))
    light = jnp.where(shines, peak * jax.random.uniform(heights, (most,), minval=0.4, maxval=1.0), 0)
    return jnp.zeros(shape).at[tuple(place.T)].add(light)[..., None]


def blobs(key: Array, shape: tuple[int, ...], count: int = 9, peak: float = 100.0, width: float = 0.08) -> Array:
    """`count` Gaussian blobs of `width` frames in standard deviation, a fifth to two thirds of the way from the middle to the edge, [*S, 1]."""
    directions, radii, heights = jax.random.split(key, 3)
    size = min(shape)
    direction = jax.random.normal(directions, (count, len(shape)))
    radius = size / 2 * jax.random.uniform(radii, (count, 1), minval=0.2, maxval=0.65)
    centre = jnp.array([[n // 2 for n in shape]]) + radius * direction / jnp.linalg.norm(direction, axis=-1, keepdims=True)
    height = peak * jax.random.uniform(heights, (count,), minval=0.5, maxval=1.0)
    grid = _grid(shape)

    def add(image, one):
        c, a = one
        return image + a * jnp.exp(-jnp.sum((grid - _like(grid, c)) ** 2, -1) / (2 * (width * size) ** 2)), None

    image, _ = jax.lax.scan(add, jnp.zeros(shape), (centre, height))
    return image[..., None]


def cells(key: Array, shape: tuple[int, ...], count: int = 6, peak: float = 100.0) -> Array:
    """One ellipsoidal cell, with a nucleus and `count` organelles in it, the last third of which are vacuoles, [*S, 1]."""
    sizes, angles, places, heights, grain = jax.random.split(key, 5)
    rank, extent, grid = len(shape), min(shape), _grid(shape) - _like(_grid(shape), jnp.array([n // 2 for n in shape], jnp.float32))
    uniform = lambda key, *shape, low, high: jax.random.uniform(key, shape, minval=low, maxval=high)
    turn = jnp.linalg.qr(jax.random.normal(angles, (2 + count, rank, rank)))[0]
    radius = extent * uniform(sizes, 2 + count, rank, low=0.05, high=0.08).at[:2].multiply(jnp.array([[5.0], [2.2]]))
    direction = jax.random.normal(places, (2 + count, rank))
    away = extent * uniform(jax.random.fold_in(places, 1), 2 + count, 1, low=0.06, high=0.2).at[0].set(0).at[1].multiply(0.5)
    centre = away * direction / jnp.linalg.norm(direction, axis=-1, keepdims=True)
    level = jnp.where(jnp.arange(2 + count) < 2 + count - count // 3, uniform(heights, 2 + count, low=0.7, high=1.0), 0.3)
    level = peak * level.at[:2].set(jnp.array([0.5, 0.65]))
    texture = 1 + 0.03 * _smooth_noise(grain, shape, extent / 30)

    def inside(image, one):
        c, r, q, a = one
        distance = jnp.linalg.norm(((grid - _like(grid, c)) @ q.T) / _like(grid, r), axis=-1)
        part = jax.nn.sigmoid((1 - distance) * r.mean() / 0.4)
        return image + part * (a - image), None

    image, _ = jax.lax.scan(inside, jnp.zeros(shape), (centre, radius, turn, level))
    return (image * texture)[..., None]


def medium(key: Array, shape: tuple[int, ...], fraction: float = 0.4, peak: float = 100.0, width: float = 2.0) -> Array:
    """A random medium of two phases, of which the bright one fills that `fraction` of space, [*S, 1].

    It is where a Gaussian field of correlation C(r) = exp(-r^2 / (4 width^2)) is above t = -Phi^-1(fraction). A slice of a volume has the law of an
    image, and two points at a distance r are both bright with the probability

        S2(r) = fraction^2 + 1 / (2 pi) int_0^C(r) exp(-t^2 / (1 + u)) / sqrt(1 - u^2) du,      1/4 + arcsin(C(r)) / (2 pi) for t = 0.

    The frame is periodic.
    """
    bright = _smooth_noise(key, shape, width, exact=True) > -jax.scipy.special.ndtri(fraction)
    return peak * bright[..., None].astype(jnp.float32)


_DRAW = {"nuclei": nuclei, "filaments": filaments, "beads": beads, "molecules": molecules, "blobs": blobs, "cells": cells, "medium": medium}


@dataclass(frozen=True)
class Phantoms:
    """Simulated specimens, the same for the same seed.

    Raises `InputError` on fewer than one specimen, or a shape that is not 2-D or 3-D.
    """

    kind: Literal["nuclei", "filaments", "beads", "molecules", "blobs", "cells", "medium"] = "nuclei"
    """What is drawn."""
    count: int = 16
    """Number of specimens."""
    shape: tuple[int, ...] = (128, 128)
    """Frame, pixels: (H, W) or (D, H, W)."""
    peak: float = 100.0
    """Grey value of the brightest structures."""
    seed: int = 0
    """Seed of the drawing."""

    def __post_init__(self):
        if self.count < 1 or len(self.shape) not in (2, 3) or min(self.shape) < 8:
            raise InputError(f"Phantoms need count >= 1 and 2 or 3 axes of 8 pixels or more, not {self.count}, {self.shape}")

    def images(self) -> list[np.ndarray]:
        """The specimens, each [*S, 1] in float32."""
        draw = jax.jit(partial(_DRAW[self.kind], shape=tuple(self.shape), peak=self.peak))
        keys = jax.random.split(jax.random.key(self.seed), self.count)
        return [np.asarray(draw(key)) for key in keys]


def hinge(angle: Array, size: int, peak: float = 100.0) -> Array:
    """A body along -x and two arms of three blobs, [D, D, D, 1], each bent by `angle` (rad): one off the y axis in the plane of x and y,
    the other one off the -z axis, in that of x and z.

    At 60 degrees to either side it correlates by 0.87 with itself at the other, and so bent by 0.72 with itself at 0, however turned.
    """
    x, y, z = jnp.eye(3)
    lengths = jnp.array([0.22, 0.44, 0.66])
    body = -jnp.outer(jnp.array([0.0, 0.3, 0.6]), x)
    arms = [jnp.outer(lengths, toward * jnp.cos(angle) - x * jnp.sin(angle)) for toward in (y, -z)]
    centres = size // 2 + size / 2 * jnp.concatenate([body, *arms])[:, ::-1]                                 # (z, y, x)
    heights, grid = peak * jnp.array([0.6, 0.8, 1.0, 0.7, 0.8, 1.0, 0.7, 0.8, 1.2]), _grid((size,) * 3)
    square = jnp.stack([jnp.sum((grid - _like(grid, c)) ** 2, -1) for c in centres], -1)
    return jnp.sum(_like(square, heights) * jnp.exp(-square / (2 * (0.06 * size) ** 2)), -1, keepdims=True)


@dataclass(frozen=True)
class Hinge:
    """Conformations of a particle with one continuous angle: first a grid of angles for scoring, then angles at random.

    Raises `InputError` on a grid of fewer than two, no others, or fewer than 8 voxels.
    """

    grid: int = 9
    """Conformations at even angles from one end to the other."""
    count: int = 496
    """Others, uniform over all angles."""
    size: int = 16
    """Voxels along each axis."""
    largest_angle: float = float(np.pi / 3)
    """Angles are within it on both sides of zero, radians."""
    seed: int = 0
    """Seed of the angles."""

    def __post_init__(self):
        if self.grid < 2 or self.count < 1 or self.size < 8:
            raise InputError(f"Hinge takes a grid of 2 angles or more, 1 other or more and 8 voxels or more, not {self.grid}, {self.count} and {self.size}")

    def angles(self) -> np.ndarray:
        """Radians, [grid + count]."""
        others = np.random.default_rng(self.seed).uniform(-1, 1, self.count)
        return (self.largest_angle * np.concatenate([np.linspace(-1, 1, self.grid), others])).astype(np.float32)

    def images(self) -> list[np.ndarray]:
        """The conformations, each [D, D, D, 1] in float32."""
        draw = jax.jit(lambda angles: jax.lax.map(lambda angle: hinge(angle, self.size), angles))
        return [*np.asarray(draw(self.angles()))]


def _grid(shape):
    return jnp.stack(jnp.meshgrid(*(jnp.arange(n, dtype=jnp.float32) for n in shape), indexing="ij"), -1)


def _like(grid, vector):
    return vector.reshape(*(1,) * (grid.ndim - 1), -1)


def _smooth_noise(key, shape, scale, exact=False):
    """White noise under a Gaussian of `scale` pixels, of unit standard deviation in its frame, or `exact`ly in the mean over frames."""
    frequencies = jnp.meshgrid(*(jnp.fft.fftfreq(n) for n in shape), indexing="ij")
    window = jnp.exp(-2 * (jnp.pi * scale) ** 2 * sum(f**2 for f in frequencies))
    noise = jnp.fft.ifftn(jnp.fft.fftn(jax.random.normal(key, shape)) * window.astype(jnp.complex64)).real
    return noise / (jnp.sqrt(jnp.mean(jnp.square(window))) if exact else noise.std())
