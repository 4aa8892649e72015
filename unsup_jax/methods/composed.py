r"""Any objective, or sum of objectives, with any network: the methods of this library taken apart and put together.

    min_theta E objective(F_theta, one),        x^ = objective.adapt(key, F_theta)(y)

such as 0.9 HoldOut + 0.1 Equivariance for an image whose every pixel is noisy and whose kind is known to look the same turned.
The objectives of other methods are there too: 0.9 Noise2Void(kappa="mean").objective + ...
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.core.method import LearnedState, Metrics
from unsup_jax.losses import Estimator, HoldOut, Objective
from unsup_jax.methods.by_objective import ByObjective
from unsup_jax.methods.unknown_noise import estimated_noise, in_noise
from unsup_jax.networks import Network, UNet


@dataclass(frozen=True)
class Composed(ByObjective):
    """F_theta trained by an objective. Raises `InputError` on measurements that one of its terms cannot take."""

    reference: ClassVar[str] = "eqs. (6)-(18)"

    network: Network = UNet()
    """F_theta."""
    objective: Objective = HoldOut()
    """The loss of one measurement."""

    @property
    def label(self) -> str:
        """The objective's name."""
        return self.objective.label

    def init(self, key: Array, example: Measurement) -> LearnedState:
        state = super().init(key, example)
        if not self.objective.simulates:
            return state
        return state.replace(trained=state.trained.replace(buffers={"noise": estimated_noise(example)}))

    def update(self, key: Array, state: LearnedState, batch: Measurement) -> tuple[LearnedState, Metrics]:
        return super().update(key, state, self.in_noise(state, batch))

    def validate(self, key: Array, state: LearnedState, batch: Measurement) -> Metrics:
        return super().validate(key, state, self.in_noise(state, batch))

    def in_noise(self, state: LearnedState, batch: Measurement) -> Measurement:
        """The batch in the noise that was estimated, where it is told none and the objective asks for one."""
        return in_noise(batch, state.trained.buffers["noise"]) if self.objective.simulates else batch

    def init_params(self, key: Array, example: Measurement) -> Any:
        own = self.objective.init(key)
        params = super().init_params(key, example)
        return params if own is None else {**params, "objective": own}

    def F(self, params: Any) -> Estimator:
        return super().F({name: part for name, part in params.items() if name != "objective"})

    def loss(self, key: Array, params: Any, one: Measurement):
        return self.objective(key, self.F(params), one, params.get("objective"))
