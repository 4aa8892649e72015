r"""Hold-out as an objective: of pixels (Noise2Void) and of samples of any measurement (SSDU), for any network and operator.

    HoldOut         J drawn at random, y_{J^c} = 1_{J^c} y + 1_J kappa(y)
                    min_F E ||(H F(y_{J^c}) - y)_J||^2 / |J|                                     (11)-(15)
    Undersampling   Omega = Theta u Lambda
                    min_F E L(y_Lambda, H_Lambda F(y_Theta; H_Theta))                            (16)

An estimate of what is hidden cannot copy its noise. The answer is F(y; H), or of `Undersampling` its mean over some splits.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.core.phasors import weighted
from unsup_jax.errors import InputError
from unsup_jax.losses.fidelity import mean_square_error, normalized_error
from unsup_jax.losses.hold_out import Kappa, replacement, stratified_pixels
from unsup_jax.losses.objective import Estimator, Objective
from unsup_jax.losses.splitting import Split, restricted


@dataclass(frozen=True)
class HoldOut(Objective):
    """Noise2Void's loss, through any H that makes an image. Raises `InputError` on a fraction outside (0, 0.5]."""

    fraction: float = 0.03
    """Part of the pixels in J."""
    kappa: Kappa = "uniform"
    """Their replacement: a random neighbour, or the mean or the median of the neighbours."""
    radius: int = 2
    """Reach of the neighbours, pixels."""

    def __post_init__(self):
        if not 0 < self.fraction <= 0.5 or self.radius < 1:
            raise InputError(f"HoldOut needs 0 < fraction <= 0.5 and radius >= 1, not {self.fraction} and {self.radius}")

    @property
    def independent_noise(self) -> bool:
        return True

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        choose_J, choose_kappa = jax.random.split(key)
        y = one.y
        J = stratified_pixels(choose_J, y.shape[:-1], self.fraction)
        shown = y.at[J].set(replacement(choose_kappa, y, J, self.kappa, self.radius))   # y_{J^c}
        predicted = one.operator(F(one.replace(y=shown)))
        return mean_square_error(predicted[J], y[J]), {}

    def check(self, one: Measurement) -> None:
        if one.y.ndim < 3 or jnp.iscomplexobj(one.y):
            raise InputError(f"HoldOut hides pixels of real images [*S, C], not of {one.y.dtype} {one.y.shape}; Undersampling takes any measurement")


@dataclass(frozen=True)
class Undersampling(Objective):
    """SSDU's loss of a new split at every step. Raises `InputError` on a negative number of passes."""

    split: Split = Split()
    """Omega in Theta and Lambda."""
    passes: int = 0
    """Splits over which the answer averages; 0 for one estimate from all of Omega."""

    def __post_init__(self):
        if self.passes < 0:
            raise InputError(f"Undersampling takes 0 passes or more, not {self.passes}")

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        Theta, Lambda = self.split.draw(key, one.operator, one.y)
        x = F(restricted(one, Theta))                                                   # F(y_Theta; H_Theta)
        return normalized_error(weighted(Lambda, one.operator(x)), weighted(Lambda, one.y)), {}

    def adapt(self, key: Array, F: Estimator) -> Estimator:
        if self.passes == 0:
            return F

        def mean(one: Measurement) -> Array:
            estimate = lambda k: F(restricted(one, self.split.draw(k, one.operator, one.y)[0]))
            return jnp.mean(jax.lax.map(estimate, jax.random.split(key, self.passes)), 0)

        return mean
