r"""Objectives: losses as functions of ONE measurement, for any network and any operator, that add and scale.

    objective(key, F, one) -> (loss, metrics)           F maps a measurement to its estimate of x
    0.9 * HoldOut(fraction=0.03) + 0.1 * Equivariance(Rotations())
    objective.adapt(key, F) -> F'                       the inference that belongs to the loss

A sum gives each of its terms a key of its own, and logs each of them under its name. Some objectives learn something
beside the network, such as a Lagrange multiplier: `init` makes it, and it is handed back as `own`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
from jax import Array

from unsup_jax.core import Measurement, Operator
from unsup_jax.errors import InputError

Estimator = Callable[[Measurement], Array]


@dataclass(frozen=True)
class Objective:
    """A loss of one measurement. A subclass writes `__call__`, and `adapt` where its inference is more than F."""

    sees: ClassVar[frozenset[str]] = frozenset()
    """What it needs beside y, H and the noise: a subset of pair, unpaired, truth."""

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None) -> tuple[Array, dict[str, Array]]:
        """(loss, metrics to log) of one measurement."""
        raise NotImplementedError

    def init(self, key: Array) -> Any:
        """What is learnt beside the network; None where that is nothing."""
        return None

    def adapt(self, key: Array, F: Estimator) -> Estimator:
        """The estimator that the loss trained, from the network's; `key` draws what it draws."""
        return F

    def check(self, one: Measurement) -> None:
        """Raise `InputError` on a measurement that this loss cannot be computed of."""

    def parts(self, operator: Operator) -> bool:
        """Whether it can be computed of parts of a measurement by that operator as of whole ones."""
        return operator.local

    @property
    def independent_noise(self) -> bool:
        """Whether it takes the noise of a pixel to tell nothing of its neighbours'."""
        return False

    @property
    def simulates(self) -> bool:
        """Whether it measures images in the noise of the measurement beside them, which must then have one, known or estimated."""
        return False

    @property
    def label(self) -> str:
        """The name in logs and tables."""
        return type(self).__name__

    def summands(self) -> "tuple[Weighted, ...]":
        """The terms of a sum; of any other objective itself, once."""
        return (Weighted(1.0, self),)

    def __add__(self, other: "Objective") -> "Sum":
        return Sum((*self.summands(), *other.summands()))

    def __mul__(self, weight: float) -> "Sum":
        return Sum(tuple(Weighted(weight * term.weight, term.objective) for term in self.summands()))

    __rmul__ = __mul__


@dataclass(frozen=True)
class Weighted:
    """A term of a sum."""

    weight: float
    """Its factor."""
    objective: Objective
    """Its loss."""


@dataclass(frozen=True)
class Sum(Objective):
    """sum_i weight_i objective_i. Raises `InputError` where it has no terms."""

    terms: tuple[Weighted, ...]
    """The weighted objectives."""

    def __post_init__(self):
        if not self.terms:
            raise InputError("a sum of objectives has one term or more")

    @property
    def sees(self) -> frozenset[str]:
        """All that its terms see."""
        return frozenset().union(*(term.objective.sees for term in self.terms))

    @property
    def independent_noise(self) -> bool:
        return any(term.objective.independent_noise for term in self.terms)

    @property
    def simulates(self) -> bool:
        return any(term.objective.simulates for term in self.terms)

    @property
    def label(self) -> str:
        """Its terms with their weights."""
        return " + ".join(("" if t.weight == 1 else f"{t.weight:g} ") + t.objective.label for t in self.terms)

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None) -> tuple[Array, dict[str, Array]]:
        total, metrics = 0.0, {}
        for i, term in enumerate(self.terms):
            loss, more = term.objective(jax.random.fold_in(key, i), F, one, None if own is None else own.get(str(i)))
            total = total + term.weight * loss
            metrics |= {term.objective.label: loss, **more}
        return total, metrics

    def init(self, key: Array) -> Any:
        made = {str(i): term.objective.init(jax.random.fold_in(key, i)) for i, term in enumerate(self.terms)}
        return {name: own for name, own in made.items() if own is not None} or None

    def adapt(self, key: Array, F: Estimator) -> Estimator:
        for term in self.terms:
            F = term.objective.adapt(key, F)
        return F

    def parts(self, operator: Operator) -> bool:
        return all(term.objective.parts(operator) for term in self.terms)

    def check(self, one: Measurement) -> None:
        for term in self.terms:
            term.objective.check(one)

    def summands(self) -> tuple[Weighted, ...]:
        return self.terms
