r"""Objectives that compare H F(y) with what is given: the measurement, a second one, or the truth.

    Consistency        (1/m) ||H F(y) - y||^2          eq. (18): what H does not see is free, and noise is fitted
    PairConsistency    (1/m) ||H' F(y) - y'||^2        eq. (10), of a second measurement y' = H' x + w'; or in both directions
    SupervisedError    (1/n) ||F(y) - x||^2            eq. (7); or (1/n) ||F(y) - x||_1
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.losses.fidelity import mean_absolute_error, mean_square_error
from unsup_jax.losses.objective import Estimator, Objective


@dataclass(frozen=True)
class Consistency(Objective):
    """(1/m) ||H F(y) - y||^2, eq. (18)."""

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        return mean_square_error(one.operator(F(one)), one.y), {}


@dataclass(frozen=True)
class PairConsistency(Objective):
    """(1/m) ||H' F(y) - y'||^2, eq. (10): Noise2Noise."""

    sees: ClassVar[frozenset[str]] = frozenset({"pair"})

    symmetric: bool = False
    """Train y' on y too, and average the estimates of both: cryo-CARE."""

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        other = one.exchanged()
        forth = mean_square_error(other.operator(F(one)), other.y)          # ||H' F(y; H) - y'||^2
        if not self.symmetric:
            return forth, {}
        return (forth + mean_square_error(one.operator(F(other)), one.y)) / 2, {}

    def adapt(self, key: Array, F: Estimator) -> Estimator:
        return (lambda one: (F(one) + F(one.exchanged())) / 2) if self.symmetric else F


@dataclass(frozen=True)
class SupervisedError(Objective):
    """(1/n) ||F(y) - x||^2, eq. (7)."""

    sees: ClassVar[frozenset[str]] = frozenset({"truth"})

    absolute: bool = False
    """(1/n) ||F(y) - x||_1 in its place."""

    @property
    def label(self) -> str:
        """The name in logs and tables."""
        return "AbsoluteError" if self.absolute else "SupervisedError"

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        error = mean_absolute_error if self.absolute else mean_square_error
        return error(F(one), one.truth), {}
