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
from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from unsup_jax.core import REAL_IMAGES, Takes
from unsup_jax.losses import JInvariance, j_invariant
from unsup_jax.methods.by_objective import ByObjective
from unsup_jax.networks import Network, UNet


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
class Noise2Self(ByObjective):
    """A network trained on one random grid J a step. Raises `InputError` on a width below 2."""

    takes: ClassVar[Takes] = REAL_IMAGES
    reference: ClassVar[str] = "Batson & Royer 2019, eqs. (12)-(14)"

    network: Network = UNet()
    """f."""
    width: int = 4
    """Distance of the pixels of a grid: 1 / width^d of the pixels are in J."""
    average: bool = False
    """Estimate by sum_J 1_J f_J(y), which is J-invariant, in place of f(y)."""

    @property
    def objective(self) -> JInvariance:
        """||f_J(y)_J - y_J||^2."""
        return JInvariance(self.width, self.average)

    @property
    def tiling(self) -> tuple[int, int] | None:
        return tiles_of_grids(super().tiling, self.width) if self.average else super().tiling
