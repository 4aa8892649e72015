r"""Priors that act on each pixel alone, with their proximal maps in closed form.

    Zero          R = 0                       z = x
    NonNegative   R = [x >= 0]                z = max(x, 0)               (real part of a complex x)
    Box           R = [low <= x <= high]      z = min(max(x, low), high)
    Tikhonov      R = w / 2 ||x||^2           z = x / (1 + w t)
    L1            R = w ||x||_1               z = max(1 - w t / |x|, 0) x
    Entropy       R = w sum x log(x / m) - x  z = w t W(m exp(x / (w t)) / (w t)),   W Lambert's function

for proximal step t; [.] is 0 where true and infinite elsewhere. Reference: Parikh and Boyd, Proximal Algorithms, 2014.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core.phasors import squared_modulus, weighted
from unsup_jax.errors import InputError
from unsup_jax.priors.base import Prior


class _OfPixels(Prior):
    slabwise: ClassVar[bool] = True


@dataclass(frozen=True)
class Zero(_OfPixels):
    """No prior: least squares alone."""

    def __call__(self, x: Array) -> Array:
        return jnp.zeros((), x.real.dtype)

    def prox(self, x: Array, step: Array) -> Array:
        return x


@dataclass(frozen=True)
class NonNegative(_OfPixels):
    """Real and at least zero."""

    def __call__(self, x: Array) -> Array:
        broken = jnp.any(x.real < 0) | (jnp.any(x.imag != 0) if jnp.iscomplexobj(x) else False)
        return jnp.where(broken, jnp.inf, 0).astype(x.real.dtype)

    def prox(self, x: Array, step: Array) -> Array:
        return jnp.maximum(x.real, 0).astype(x.dtype)


@dataclass(frozen=True)
class Box(_OfPixels):
    """Between two grey values. Raises `InputError` where low exceeds high."""

    low: float = 0.0
    """Smallest value."""
    high: float = 1.0
    """Largest value."""

    def __post_init__(self):
        if self.low > self.high:
            raise InputError(f"Box has low {self.low} above high {self.high}")

    def __call__(self, x: Array) -> Array:
        return jnp.where(jnp.any((x.real < self.low) | (x.real > self.high)), jnp.inf, 0).astype(x.real.dtype)

    def prox(self, x: Array, step: Array) -> Array:
        return jnp.clip(x.real, self.low, self.high).astype(x.dtype)


@dataclass(frozen=True)
class Tikhonov(_OfPixels):
    """Small energy."""

    weight: float = 1e-2
    """w."""

    def __call__(self, x: Array) -> Array:
        return self.weight / 2 * jnp.sum(squared_modulus(x))

    def prox(self, x: Array, step: Array) -> Array:
        return jnp.asarray(1 / (1 + self.weight * step), x.dtype) * x


@dataclass(frozen=True)
class L1(_OfPixels):
    """Few non-zero pixels."""

    weight: float = 1e-2
    """w."""

    def __call__(self, x: Array) -> Array:
        return self.weight * jnp.sum(jnp.abs(x))

    def prox(self, x: Array, step: Array) -> Array:
        return shrink(x, self.weight * step)


@dataclass(frozen=True)
class Entropy(_OfPixels):
    """Close to a flat image of the `default` value, in the sense of relative entropy; x is positive."""

    weight: float = 1e-2
    """w."""
    default: float = 1.0
    """m, the grey value that is expected of every pixel."""

    def __call__(self, x: Array) -> Array:
        positive = jnp.maximum(x.real, 1e-30)
        value = self.weight * jnp.sum(jnp.where(x.real > 0, positive * jnp.log(positive / self.default) - positive, 0))
        return jnp.where(jnp.any(x.real < 0), jnp.inf, value)

    def prox(self, x: Array, step: Array) -> Array:
        """By Newton's iteration for u = log z in z + w t log(z / m) = x."""
        t = jnp.asarray(self.weight * step, x.real.dtype)
        x_real = x.real
        # f(u) = exp(u) + t (u - log m) - x is convex and increases: Newton descends to its root from the right
        u = jnp.maximum(jnp.minimum(x_real / t, 0) + jnp.log(self.default), jnp.log(jnp.maximum(x_real, 1e-30)))

        def newton(_, u):
            z = jnp.exp(u)
            return u - (z + t * (u - jnp.log(self.default)) - x_real) / (z + t)

        return jnp.exp(jax.lax.fori_loop(0, 30, newton, u)).astype(x.dtype)


def shrink(x: Array, threshold: Array) -> Array:
    """Soft thresholding of the modulus: max(1 - threshold / |x|, 0) x."""
    modulus = jnp.abs(x)
    return weighted(jnp.maximum(1 - threshold / jnp.maximum(modulus, 1e-30), 0), x)
