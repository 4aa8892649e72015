r"""Supervision by simulation: clean images measured as y was, for an H and a noise that are known.

    (1/n) ||x - F(H x + w')||^2,   or (1/n) ||x - F(H x + w')||_1

x are unpaired images, H the operator of the measurement beside them, and w' its noise, drawn anew. It is the first half of the cycle of
an optimal-transport cycleGAN, (43), and no y is looked at: what F does of real ones is as good as H, w and x are true.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from jax import Array

from unsup_jax.core import Measurement, Operator
from unsup_jax.losses.fidelity import mean_absolute_error, mean_square_error
from unsup_jax.losses.objective import Estimator, Objective


@dataclass(frozen=True)
class Simulation(Objective):
    """(1/n) ||x - F(H x + w')||^2; noise that nobody knows is estimated from the first y of the training, by the method."""

    sees: ClassVar[frozenset[str]] = frozenset({"unpaired"})

    absolute: bool = False
    """(1/n) ||x - F(H x + w')||_1 in its place."""

    @property
    def independent_noise(self) -> bool:
        """As w' is drawn."""
        return True

    @property
    def simulates(self) -> bool:
        return True

    def parts(self, operator: Operator) -> bool:
        """Those of a blur too: y is not looked at, and the edges of H x are a small part of it."""
        return operator.local or operator.stationary

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        clean = one.operator(one.unpaired)
        y = clean if one.noise is None else one.noise.sample(key, clean)
        error = mean_absolute_error if self.absolute else mean_square_error
        return error(F(one.replace(y=y)), one.unpaired), {}
