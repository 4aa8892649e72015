"""Methods around a learned denoiser: what they make of it is their own, all else is the denoiser's."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from jax import Array

from unsup_jax.core import REAL_IMAGES, Adam, Measurement, Method, Takes
from unsup_jax.core.method import Metrics
from unsup_jax.methods.self_supervised.noise2void import Noise2Void


@dataclass(frozen=True)
class AroundDenoiser(Method):
    """Trained, and told of the data, as its denoiser is. A subclass writes `reconstruct`."""

    takes: ClassVar[Takes] = REAL_IMAGES

    denoiser: Method = Noise2Void(fraction=0.0625, kappa="mean", radius=1, optimizer=Adam(learning_rate=1e-3))
    """What is trained, and how."""

    @property
    def sees(self) -> frozenset[str]:
        """What its denoiser sees."""
        return self.denoiser.sees

    @property
    def reads(self) -> frozenset[str]:
        return self.denoiser.reads

    @property
    def independent_noise(self) -> bool:
        return self.denoiser.independent_noise

    def init(self, key: Array, example: Measurement) -> Any:
        return self.denoiser.init(key, example)

    def update(self, key: Array, state: Any, batch: Measurement) -> tuple[Any, Metrics]:
        return self.denoiser.update(key, state, batch)

    def validate(self, key: Array, state: Any, batch: Measurement) -> Metrics:
        return self.denoiser.validate(key, state, batch)

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        self.denoiser.check(measurement)

    def start_from(self, state: Any, params: Any) -> Any:
        return self.denoiser.start_from(state, params)

    def planned(self, steps: int, at_once: int | None = None) -> "AroundDenoiser":
        return replace(self, denoiser=self.denoiser.planned(steps, at_once))

    def tiny(self) -> "AroundDenoiser":
        return replace(self, denoiser=self.denoiser.tiny())
