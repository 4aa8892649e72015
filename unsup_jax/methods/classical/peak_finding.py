r"""Molecules in single frames, found as their brightest pixels: the classical localisation that methods of dense frames are compared with.

    g = h * y,    p a pixel of g that is brighter than its eight neighbours and than a part of the brightest,
    place = p + 1/2 (log g_- - log g_+) / (log g_- - 2 log g_0 + log g_+)    along each axis,    light = sum of y around p

h is a Gaussian. The parabola of the logarithm is exact for a Gaussian that stands alone; of two that overlap, one is found.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.core import FINER_PIXELS, Direct, Measurement, Takes
from unsup_jax.errors import InputError
from unsup_jax.operators import Convolution, gaussian_psf


@dataclass(frozen=True)
class PeakFinding(Direct):
    """The light of each molecule in the pixel of x where it was found. Raises `InputError` on a threshold outside (0, 1)."""

    takes: ClassVar[Takes] = FINER_PIXELS
    reference: ClassVar[str] = "Thompson, Larson & Webb 2002"

    threshold: float = 0.15
    """Part of the brightest maximum of g, below which there is no molecule."""
    sigma: float = 0.5
    """Standard deviation of h, pixels of the frame."""
    window: int = 5
    """Width of the window whose light is a molecule's, pixels of the frame."""

    def __post_init__(self):
        if not 0 < self.threshold < 1 or not self.sigma > 0 or self.window < 1:
            given = f"{self.threshold}, {self.sigma} and {self.window}"
            raise InputError(f"PeakFinding needs a threshold between 0 and 1, sigma > 0 and window >= 1, not {given}")

    def answer(self, key: Array, one: Measurement) -> Array:
        x, y = one.operator.domain(one.y), one.y[..., 0]
        finer = x.shape[0] // y.shape[0]
        g = Convolution(gaussian_psf(tuple(min(7, n) for n in y.shape), self.sigma).astype(y.dtype), boundary="zero")(one.y)[..., 0]
        peak = (g == _window(g, 3, -jnp.inf, lax.max)) & (g > self.threshold * g.max())
        light = jnp.where(peak, _window(jnp.maximum(y, 0), self.window, 0.0, lax.add), 0)
        places = [jnp.indices(y.shape)[axis] + 0.5 + _vertex(g, axis) for axis in (0, 1)]
        row, column = (jnp.floor(finer * place).astype(int) for place in places)
        return jnp.zeros(x.shape, x.dtype).at[row, column, 0].add(light)


def _window(image, width, start, reduce):
    """The reduction of each pixel's neighbourhood, `width` pixels wide."""
    return lax.reduce_window(image, jnp.asarray(start, image.dtype), reduce, (width, width), (1, 1), "SAME")


def _vertex(g, axis):
    """Where the parabola through log g at a pixel and its neighbours along an axis is highest, within half a pixel of it."""
    log = jnp.log(jnp.maximum(jnp.pad(g, 1, mode="edge"), 1e-6 * jnp.abs(g).max() + 1e-30))
    inside = tuple(slice(1, -1) if a != axis else slice(None) for a in (0, 1))
    before, middle, after = (jnp.take(log[inside], jnp.arange(g.shape[axis]) + k, axis) for k in range(3))
    bend = before - 2 * middle + after
    return jnp.clip(0.5 * (before - after) / jnp.where(bend < 0, bend, -jnp.inf), -0.499, 0.499)
