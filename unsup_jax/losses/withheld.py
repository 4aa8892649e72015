r"""Pixels held out: the loss of Noise2Void, N2V2 and structN2V, for any network and any operator that makes an image.

    J drawn at random,   y_{J^c} = 1_{J^c} y + 1_J kappa(y)
    min_F E ||(H F(y_{J^c}) - y)_J||^2 / |J|                                     (11)-(15)

An estimate of what is hidden cannot copy its noise. The answer is F(y; H).
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses.fidelity import mean_square_error
from unsup_jax.losses.hold_out import Kappa, beside, replacement, stratified_pixels
from unsup_jax.losses.objective import Estimator, Objective


@dataclass(frozen=True)
class HoldOut(Objective):
    """J is one random pixel in each box of a grid, redrawn at every step.

    Raises `InputError` on a fraction outside (0, 0.5], a radius below 1, and a structure that is negative or not of uniform kappa.
    """

    fraction: float = 0.03
    """Part of the pixels in J."""
    kappa: Kappa = "uniform"
    """Their replacement: a random neighbour, or the mean or the median of the neighbours."""
    radius: int = 2
    """Reach of the neighbours, pixels."""
    structure: tuple[int, ...] | None = None
    """Half lengths, along each axis, of the noise's correlation: the pixels that far from J are hidden too, and not scored."""

    def __post_init__(self):
        if self.structure is not None and (min(self.structure) < 0 or self.kappa != "uniform"):
            raise InputError(f"structN2V takes half lengths of at least 0 and kappa uniform, not {self.structure} and {self.kappa}")
        if not 0 < self.fraction <= 0.5 or self.radius < 1:
            raise InputError(f"pixels are held out by 0 < fraction <= 0.5 and radius >= 1, not {self.fraction} and {self.radius}")

    @property
    def independent_noise(self) -> bool:
        return self.structure is None

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        choose_J, choose_kappa = jax.random.split(key)
        y = one.y
        J = stratified_pixels(choose_J, y.shape[:-1], self.fraction)
        hidden = J if self.structure is None else beside(J, y.shape[:-1], self.structure)
        shown = y.at[hidden].set(replacement(choose_kappa, y, hidden, self.kappa, self.radius))     # y_{J^c}
        predicted = one.operator(F(one.replace(y=shown)))
        return mean_square_error(predicted[J], y[J]), {}                                            # ||(H F(y_{J^c}) - y)_J||^2

    def check(self, one: Measurement) -> None:
        if one.y.ndim < 3 or jnp.iscomplexobj(one.y):
            raise InputError(f"HoldOut hides pixels of real images [*S, C], not of {one.y.dtype} {one.y.shape}; Undersampling takes any measurement")
