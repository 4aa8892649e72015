r"""Noise2Noise (Lehtinen et al., ICML 2018): a second noisy realisation in place of the truth.

    y = x + w,  y' = x + w',  E w' = 0
    min_theta E ||F_theta(y) - y'||^2 = min_theta E ||F_theta(y) - x||^2 + E ||w'||^2      (8)-(9)
    min_theta sum_n ||F_theta(y^n) - y'^n||^2                                              (10)
    min_theta sum_n ||H'^n F_theta(y^n; H^n) - y'^n||^2             for measurements y' = H' x + w' of another kind

cryo-CARE (Buchholz et al., ISBI 2019) is `symmetric`: y and y' are tomograms or micrographs of the even and odd halves
of the tilts or of the dose, each is trained on to predict the other, and the estimate (F(y) + F(y')) / 2 loses neither.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses import PairConsistency
from unsup_jax.methods.by_objective import ByObjective
from unsup_jax.networks import Network, UNet


@dataclass(frozen=True)
class Noise2Noise(ByObjective):
    """Eq. (10), in one direction or in both.

    Raises `InputError` where y and its pair leave out the same pixels, which a network that is not told H never learns.
    """

    reference: ClassVar[str] = "Lehtinen 2018, eqs. (8)-(10); Buchholz 2019"

    network: Network = UNet()
    """F_theta."""
    symmetric: bool = False
    """Train y' on y too, and average the estimates of both: cryo-CARE."""

    @property
    def objective(self) -> PairConsistency:
        """||H' F_theta(y; H) - y'||^2."""
        return PairConsistency(self.symmetric)

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        paired = measurement.pair is not None and measurement.pair_operator is None
        if paired and not self.told and not np.all(measurement.operator.measured(measurement.y)):
            raise InputError(f"{self.label} learns no pixel that y and its pair both leave out: give pairs of other pixels, or take another method")

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"pair"}) if self.symmetric else frozenset()

    @property
    def label(self) -> str:
        """The name of the variant."""
        return "cryo-CARE" if self.symmetric else "Noise2Noise"
