r"""J-invariance (Batson and Royer, ICML 2019): functions whose f(y)_J does not depend on y_J.

Any function becomes one by hiding J from it,

    f_J(y) = f(1_{J^c} y + 1_J kappa(y)),       kappa(y)_J an average of neighbours outside J

and J runs through the width^d grids that partition the frame. The loss is that of one of them, (12)-(14); the answer is
f(y), or the J-invariant sum_J 1_J f_J(y).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses.hold_out import grid_pixels, masked_mean
from unsup_jax.losses.objective import Estimator, Objective


def hidden(y: Array, mask: Array) -> Array:
    """1_{J^c} y + 1_J kappa(y) for an image [*S, C] and the mask of J [*S]."""
    return jnp.where(mask[..., None], masked_mean(y, mask), y)


def j_invariant(f: Callable[[Array], Array], y: Array, *, width: int = 4) -> Array:
    """sum over J of 1_J f_J(y): f made invariant for the partition into width^d grids, at width^d times its cost."""
    shape = y.shape[:-1]

    def add(total, phase):
        J = grid_pixels(phase, shape, width)
        return jnp.where(J[..., None], f(hidden(y, J)), total), None

    return jax.lax.scan(add, jnp.zeros_like(y), jnp.arange(width ** len(shape)))[0]


@dataclass(frozen=True)
class JInvariance(Objective):
    """||(H f_J(y) - y)_J||^2 of one random grid J. Raises `InputError` on a width below 2."""

    width: int = 4
    """Distance of the pixels of a grid: 1 / width^d of the pixels are in J."""
    average: bool = False
    """Estimate by sum_J 1_J f_J(y), which is J-invariant, in place of f(y)."""

    def __post_init__(self):
        if self.width < 2:
            raise InputError(f"the grids of J need a width of at least 2, not {self.width}")

    @property
    def independent_noise(self) -> bool:
        return True

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        y = one.y
        phase = jax.random.randint(key, (), 0, self.width ** (y.ndim - 1))
        J = grid_pixels(phase, y.shape[:-1], self.width)
        f_J = one.operator(F(one.replace(y=hidden(y, J))))
        error = jnp.where(J[..., None], jnp.square(f_J - y), 0)
        return jnp.mean(error) * self.width ** (y.ndim - 1), {}     # the mean over J, of which one pixel in width^d is

    def adapt(self, key: Array, F: Estimator) -> Estimator:
        if not self.average:
            return F
        return lambda one: j_invariant(lambda y: F(one.replace(y=y)), one.y, width=self.width)

    def check(self, one: Measurement) -> None:
        if one.y.ndim < 3 or jnp.iscomplexobj(one.y):
            raise InputError(f"JInvariance hides pixels of real images [*S, C], not of {one.y.dtype} {one.y.shape}; Undersampling takes any measurement")
        if self.average and not one.operator.identity:
            raise InputError(f"the average over J is of images of every pixel, not of data by {type(one.operator).__name__}")
