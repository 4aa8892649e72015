"""The difference of two risks of the same measurement: which estimator is better, and how sure that is."""

from typing import NamedTuple

from unsup_jax.errors import InputError


class Difference(NamedTuple):
    """risk - other risk, and the standard error of that."""

    value: float
    error: float

    @property
    def sigmas(self) -> float:
        """Standard errors from zero, with the sign of the difference; zero where both are the same."""
        return self.value / self.error if self.error > 0 else 0.0


def risk_difference(one, other) -> Difference:
    """one - other, two `SteinRisk` or two `HeldOutRisk` of the same measurement under the same key: below zero where `one` is better.

    Its standard error is the paired one: what both estimators have in common, above all the noise of y, falls out.
    Raises `InputError` on risks of different kinds, keys or measurements.
    """
    if type(one) is not type(other):
        raise InputError(f"a {type(one).__name__} and a {type(other).__name__} are not compared; give two of one kind")
    return one.minus(other)
