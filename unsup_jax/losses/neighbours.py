r"""Neighbor2Neighbor (Huang et al., CVPR 2021): two images of neighbouring pixels stand for two noisy realisations.

In each 2 x 2 cell of y two pixels that touch are drawn; g1(y) is the image of the first ones, g2(y) of the second ones.
Their noise is independent, their signal differs a little, and the second term corrects for that:

    min_F ||F(g1(y)) - g2(y)||^2 + gamma ||F(g1(y)) - g2(y) - (g1(F(y)) - g2(F(y)))||^2

with F(y) held fixed.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses.fidelity import mean_square_error
from unsup_jax.losses.objective import Estimator, Objective

_PAIRS = ((0, 1), (0, 2), (1, 3), (2, 3), (1, 0), (2, 0), (3, 1), (3, 2))  # neighbours in a cell of pixels 0 1 / 2 3


@dataclass(frozen=True)
class Neighbor2Neighbor(Objective):
    """For images [H, W, C] measured pixel by pixel. Raises `InputError` on a negative gamma."""

    gamma: float = 1.0
    """Weight of the term that corrects for the difference of neighbouring signals."""

    def __post_init__(self):
        if self.gamma < 0:
            raise InputError(f"Neighbor2Neighbor needs gamma >= 0, not {self.gamma}")

    @property
    def independent_noise(self) -> bool:
        return True

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        g1, g2 = neighbour_samplers(key, one.y.shape)
        whole = jax.lax.stop_gradient(F(one))                       # F(y)
        residual = F(one.replace(y=g1(one.y))) - g2(one.y)          # F(g1(y)) - g2(y)
        correction = residual - (g1(whole) - g2(whole))
        return mean_square_error(residual, 0) + self.gamma * mean_square_error(correction, 0), {}

    def check(self, one: Measurement) -> None:
        if not one.operator.local or one.y.ndim != 3 or min(one.y.shape[:2]) < 4:
            raise InputError(f"Neighbor2Neighbor takes images [H, W, C] of 4 pixels or more that are measured pixel by pixel, not {one.y.shape}")


def neighbour_samplers(key: Array, shape: tuple[int, ...]):
    """(g1, g2) of images of `shape` [H, W, C]; they make images of half the size, an odd last row or column left out."""
    rows, columns = shape[0] // 2, shape[1] // 2
    drawn = jnp.asarray(_PAIRS)[jax.random.randint(key, (rows, columns), 0, len(_PAIRS))]

    def sampler(which):
        def g(y):
            cells = y[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, -1).transpose(0, 2, 1, 3, 4).reshape(rows, columns, 4, -1)
            return jnp.take_along_axis(cells, drawn[..., which, None, None], axis=2)[:, :, 0]

        return g

    return sampler(0), sampler(1)
