r"""Supervised learning, the reference that needs the truth.

    min_theta E_{x,y} L(x, F_theta(y))                          (6)
    min_theta (1/N) sum_n L(x_ref^n, F_theta(y^n))              (7)
"""

from dataclasses import dataclass
from typing import ClassVar

from unsup_jax.losses import SupervisedError
from unsup_jax.methods.by_objective import ByObjective
from unsup_jax.networks import Network, UNet


@dataclass(frozen=True)
class Supervised(ByObjective):
    """Eq. (7) with the mean-square error."""

    reference: ClassVar[str] = "eqs. (6)-(7)"

    network: Network = UNet()
    """F_theta."""

    @property
    def objective(self) -> SupervisedError:
        """L(x_ref, F_theta(y))."""
        return SupervisedError()
