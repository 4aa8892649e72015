r"""Supervised learning, the reference that needs the truth.

    min_theta E_{x,y} L(x, F_theta(y))                          (6)
    min_theta (1/N) sum_n L(x_ref^n, F_theta(y^n))              (7)
"""

from dataclasses import dataclass
from typing import ClassVar

from jax import Array

from unsup_jax.core import LINEAR, SAME_PIXELS, Learned, Measurement, Takes
from unsup_jax.losses import mean_square_error
from unsup_jax.networks import Network, UNet


@dataclass(frozen=True)
class Supervised(Learned):
    """Eq. (7) with the mean-square error."""

    sees: ClassVar[frozenset[str]] = frozenset({"truth"})
    reference: ClassVar[str] = "eqs. (6)-(7)"

    network: Network = UNet()
    """F_theta."""

    @property
    def takes(self) -> Takes:
        """What its network asks for."""
        return LINEAR if self.told else SAME_PIXELS

    def loss(self, key: Array, params, one: Measurement):
        estimate = self.estimate(key, params, one)                  # F_theta(y)
        return mean_square_error(estimate, one.truth), {}           # L(x_ref, F_theta(y))
