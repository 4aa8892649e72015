"""Methods that are a network and an objective: their loss and their inference are the objective's."""

from dataclasses import dataclass

from jax import Array

from unsup_jax.core import LINEAR, SAME_PIXELS, Learned, Measurement, Operator, Takes
from unsup_jax.losses import Estimator, Objective


@dataclass(frozen=True)
class ByObjective(Learned):
    """min_theta E objective(F_theta, one),   x^ = objective.adapt(F_theta)(y). A subclass gives `objective`.

    So its loss can stand in a sum with others, in `Composed`, and says in one place what it computes.
    """

    @property
    def objective(self) -> Objective:
        """The loss of one measurement, made of the method's fields."""
        raise NotImplementedError

    def __post_init__(self):
        super().__post_init__()
        self.objective  # what it refuses is refused at once

    @property
    def sees(self) -> frozenset[str]:
        """All that the objective sees."""
        return self.objective.sees

    @property
    def takes(self) -> Takes:
        """What its network asks for; `check` adds what the objective does."""
        return LINEAR if self.told else SAME_PIXELS

    @property
    def independent_noise(self) -> bool:
        return self.objective.independent_noise

    def parts(self, operator: Operator) -> bool:
        return self.objective.parts(operator) and not (self.told and not operator.local)

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        self.objective.check(measurement)

    def F(self, params) -> Estimator:
        """F_theta, of one measurement."""
        return lambda one: self.network.apply(params, *self.shown(one))

    def loss(self, key: Array, params, one: Measurement):
        return self.objective(key, self.F(params), one)

    def estimate(self, key: Array, params, one: Measurement) -> Array:
        return self.objective.adapt(key, self.F(params))(one)
