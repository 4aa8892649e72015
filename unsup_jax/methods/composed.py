r"""Any objective, or sum of objectives, with any network: the methods of this library taken apart and put together.

    min_theta E objective(F_theta, one),        x^ = objective.adapt(key, F_theta)(y)

such as 0.9 HoldOut + 0.1 Equivariance for an image whose every pixel is noisy and whose kind is known to look the same turned.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from jax import Array

from unsup_jax.core import LINEAR, SAME_PIXELS, Learned, Measurement, Takes
from unsup_jax.losses import HoldOut, Objective
from unsup_jax.networks import Network, UNet


@dataclass(frozen=True)
class Composed(Learned):
    """F_theta trained by an objective. Raises `InputError` on measurements that one of its terms cannot take."""

    reference: ClassVar[str] = "eqs. (6)-(18)"

    network: Network = UNet()
    """F_theta."""
    objective: Objective = HoldOut()
    """The loss of one measurement."""

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

    @property
    def label(self) -> str:
        """The objective's name."""
        return self.objective.label

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        self.objective.check(measurement)

    def init_params(self, key: Array, example: Measurement) -> Any:
        own = self.objective.init(key)
        params = super().init_params(key, example)
        return params if own is None else {**params, "objective": own}

    def loss(self, key: Array, params: Any, one: Measurement):
        return self.objective(key, self._F(params), one, params.get("objective"))

    def estimate(self, key: Array, params: Any, one: Measurement) -> Array:
        return self.objective.adapt(key, self._F(params))(one)

    def _F(self, params):
        network = {name: part for name, part in params.items() if name != "objective"}
        return lambda one: self.network.apply(network, *self.shown(one))
