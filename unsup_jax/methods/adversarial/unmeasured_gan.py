r"""What stands beside AmbientGAN: a GAN of the measurements as they are, or of a classical estimate of x from each (Bora 2018, sec. 5).

    min_D  E s(D(G(z)) - D(x(y))),      min_G  E s(D(x(y)) - D(G(z))),      x(y) the estimate of a method that needs no training, or y

The law of y has its noise and its missing pixels, and that of x(y) what the estimate makes of them: G learns them too.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
from jax import Array, lax

from unsup_jax.core import SAME_PIXELS, Measurement, Method, Takes, sample_keys
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError
from unsup_jax.methods.adversarial.game import Players
from unsup_jax.methods.adversarial.r3gan import R3GAN


@dataclass(frozen=True)
class UnmeasuredGAN(R3GAN):
    """R3GAN of x(y). Raises `InputError` on an estimate that is trained."""

    sees: ClassVar[frozenset[str]] = frozenset()
    reference: ClassVar[str] = "Bora 2018"

    by: Method | None = None
    """What makes x(y), a method of one measurement; None for y itself."""

    def __post_init__(self):
        super().__post_init__()
        if self.by is not None and self.by.scope != "measurement":
            raise InputError(f"{type(self).__name__} takes estimates by a method of one measurement, not {self.by.label}, which is trained on many")

    @property
    def takes(self) -> Takes:
        """What the estimate takes."""
        return SAME_PIXELS if self.by is None else self.by.takes

    @property
    def label(self) -> str:
        """The name with that of the estimate."""
        return f"GAN of {'y' if self.by is None else self.by.label}"

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        if self.by is not None:
            self.by.check(measurement)

    def unmeasured(self, key: Array, one: Measurement) -> Array:
        """x(y)."""
        return one.y if self.by is None else self.by.solved(key, one)

    def estimated(self, key: Array, batch: Measurement) -> Measurement:
        """The batch with its estimates as samples of the target distribution."""
        estimates = jax.vmap(self.unmeasured)(sample_keys(key, batch.y.shape[0]), batch)
        return batch.replace(unpaired=lax.stop_gradient(estimates))

    def init(self, key: Array, example: Measurement) -> Players:
        self.require(jax.tree.map(lambda leaf: leaf[0], example))
        return super().init(key, self.estimated(key, example))

    def update(self, key: Array, state: Players, batch: Measurement) -> tuple[Players, Metrics]:
        return super().update(key, state, self.estimated(key, batch))
