r"""Noise2Self (Batson and Royer, ICML 2019): J-invariance made explicit.

A function f is J-invariant where f(y)_J does not depend on y_J. Any function becomes one by hiding J from it,

    f_J(y) = f(1_{J^c} y + 1_J kappa(y)),

kappa(y)_J an average of neighbours outside J, and for noise that is independent between pixels

    E ||f_J(y)_J - y_J||^2 = E ||f_J(y)_J - x_J||^2 + E ||y_J - x_J||^2                        (12)-(14)

so that the loss on held-out pixels ranks functions, and parameters of a filter, as the truth would. J runs through
the width^d grids that partition the frame; the estimate is f(y), or the J-invariant sum_J 1_J f_J(y).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Learned, Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses import grid_pixels, masked_mean
from unsup_jax.networks import Network, UNet


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


def tiles_of_grids(tiling: tuple[int, int] | None, width: int) -> tuple[int, int] | None:
    """(radius, alignment) of `j_invariant`, given those of f: the grids of tiles and of the image must agree."""
    if tiling is None:
        return None
    radius, alignment = tiling
    common = alignment * width
    return -(-(radius + 1) // common) * common, common


def self_supervised_loss(f: Callable[[Array], Array], y: Array, *, width: int = 4) -> Array:
    """mean ||f_J(y)_J - y_J||^2 over the partition: the supervised error plus the noise's variance, eq. (14)."""
    return jnp.mean(jnp.square(j_invariant(f, y, width=width) - y))


def calibrate(family: Callable[[Array, float], Array], y: Array, parameters: Sequence[float], *, width: int = 4) -> tuple[float, list[float]]:
    """(the parameter of least self-supervised loss, all losses) of a filter family(y, parameter) on one noisy image."""
    losses = [float(self_supervised_loss(lambda y: family(y, p), y, width=width)) for p in parameters]
    return parameters[min(range(len(losses)), key=losses.__getitem__)], losses


@dataclass(frozen=True)
class Noise2Self(Learned):
    """A network trained on one random grid J a step. Raises `InputError` on a width below 2."""

    reference: ClassVar[str] = "Batson & Royer 2019, eqs. (12)-(14)"

    network: Network = UNet()
    """f."""
    width: int = 4
    """Distance of the pixels of a grid: 1 / width^d of the pixels are in J."""
    average: bool = False
    """Estimate by sum_J 1_J f_J(y), which is J-invariant, in place of f(y)."""

    def __post_init__(self):
        super().__post_init__()
        if self.width < 2:
            raise InputError(f"Noise2Self needs a width of at least 2, not {self.width}")

    @property
    def independent_noise(self) -> bool:
        return True

    def loss(self, key: Array, params, one: Measurement):
        y = one.y
        phase = jax.random.randint(key, (), 0, self.width ** (y.ndim - 1))
        J = grid_pixels(phase, y.shape[:-1], self.width)
        f_J = self.network.apply(params, hidden(y, J))
        error = jnp.where(J[..., None], jnp.square(f_J - y), 0)
        return jnp.mean(error) * self.width ** (y.ndim - 1), {}     # the mean over J, of which one pixel in width^d is

    def estimate(self, key: Array, params, one: Measurement):
        f = partial(self.network.apply, params)
        return j_invariant(f, one.y, width=self.width) if self.average else f(one.y)

    @property
    def tiling(self) -> tuple[int, int] | None:
        return tiles_of_grids(super().tiling, self.width) if self.average else super().tiling
