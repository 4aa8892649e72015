r"""Noise2Noise (Lehtinen et al., ICML 2018): a second noisy realisation in place of the truth.

    y = x + w,  y' = x + w',  E w' = 0
    min_theta E ||F_theta(y) - y'||^2 = min_theta E ||F_theta(y) - x||^2 + E ||w'||^2      (8)-(9)
    min_theta sum_n ||F_theta(y^n) - y'^n||^2                                              (10)
"""

from dataclasses import dataclass
from typing import ClassVar

import flax.linen as nn
from jax import Array

from unsup_jax.core import Learned, Measurement
from unsup_jax.losses import mean_square_error
from unsup_jax.networks import UNet


@dataclass(frozen=True)
class Noise2Noise(Learned):
    """Eq. (10)."""

    sees: ClassVar[frozenset[str]] = frozenset({"pair"})
    reference: ClassVar[str] = "Lehtinen 2018, eqs. (8)-(10)"

    network: nn.Module = UNet()
    """F_theta."""

    def loss(self, key: Array, params, one: Measurement):
        estimate = self.estimate(key, params, one)                  # F_theta(y)
        return mean_square_error(estimate, one.pair), {}            # ||F_theta(y) - y'||^2
