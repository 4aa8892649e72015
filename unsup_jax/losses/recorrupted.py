r"""Recorrupted2Recorrupted: one measurement made into two with independent noise, by the noise model that is known.

    Gaussian (Pang et al., CVPR 2021)     y1 = y + alpha w,   y2 = y - w / alpha,   w ~ N(0, sigma^2)
    Poisson, Gamma and others of the natural exponential family (GR2R, Monroy, Bacca and Tachella, CVPR 2025): the
    counts or the intensity of y are thinned at random into two parts of 1 - alpha and alpha
    min_F E ||H F(y1) - y2||^2 = min_F E ||H F(y1) - H x||^2 + const,        as E[y2 | y1] = E[H x | y1]

The network is trained on y1, so that the answer is the mean of F over some draws of it.
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


@dataclass(frozen=True)
class Recorrupted(Objective):
    """(1/m) ||H F(y1) - y2||^2. Raises `InputError` on an alpha outside (0, 1) or fewer than one draw."""

    alpha: float = 0.15
    """Strength of the further noise of y1; of counts, the part of them that goes to y2."""
    draws: int = 8
    """Draws of y1 that the answer averages over."""

    def __post_init__(self):
        if not 0 < self.alpha < 1 or self.draws < 1:
            raise InputError(f"Recorrupted needs alpha in (0, 1) and draws >= 1, not {self.alpha} and {self.draws}")

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        y1, y2 = one.noise.recorrupted(key, one.y, self.alpha)
        return mean_square_error(one.operator(F(one.replace(y=y1))), y2), {}

    def adapt(self, key: Array, F: Estimator) -> Estimator:
        def mean(one: Measurement) -> Array:
            draw = lambda k: F(one.replace(y=one.noise.recorrupted(k, one.y, self.alpha)[0]))
            return jnp.mean(jax.lax.map(draw, jax.random.split(key, self.draws)), 0)

        return mean

    def check(self, one: Measurement) -> None:
        if one.noise is None:
            raise InputError("Recorrupted needs the noise model of the measurements")
