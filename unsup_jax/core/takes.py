"""Which measurements a method takes: what its mathematics allows, in words and as a condition."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from unsup_jax.core.measurement import Measurement


class Takes(NamedTuple):
    """Operators and data that a method is made for; types and shapes decide, so that it can be asked before anything is computed."""

    words: str
    """What it is, as the end of the sentence "the method takes ..."."""
    fits: Callable[[Measurement], bool]
    """Whether a measurement is that."""


def _real(one):
    return not jnp.issubdtype(one.y.dtype, jnp.complexfloating)


def _same_pixels(one):
    x = one.operator.domain(one.y) if one.operator.linear else None
    return x is not None and (x.shape, x.dtype) == (one.y.shape, one.y.dtype)


def _finer_pixels(one):
    if not one.operator.linear or not _real(one) or one.y.ndim != 3:
        return False
    coarse, fine = one.y.shape[:-1], one.operator.domain(one.y).shape[:-1]
    times = fine[0] // max(coarse[0], 1)
    return times > 1 and fine == tuple(times * n for n in coarse)


ANYTHING = Takes("any measurement", lambda one: True)
LINEAR = Takes("data of a linear operator", lambda one: one.operator.linear)
REAL_LINEAR = Takes("real data of a linear operator", lambda one: _real(one) and LINEAR.fits(one))
IMAGES = Takes("images of every pixel, y = x + w", lambda one: one.operator.identity)
REAL_IMAGES = Takes("real images of every pixel, y = x + w", lambda one: _real(one) and IMAGES.fits(one))
SAME_PIXELS = Takes("real data on the pixels of x, of a linear operator", lambda one: _real(one) and _same_pixels(one))
FINER_PIXELS = Takes("real frames of a linear operator whose image has pixels a whole number of times finer, twice or more", _finer_pixels)
