r"""Unsupervised MRI by a critic of measurements (Cole, Pauly, Vasanawala, Ong 2020), and its cycle (UAIR, Pajot, de Bezenac, Gallinari 2019).

    x_hat = G(y; H),     y' = H' x_hat + w,      H' with the mask of another measurement
    min_G max_{D in Lip_1}  E D(H* y) - E D(H'* y')  +  cycle E ||H' G(y'; H') - y'||^2 / ||y'||^2

No image is ever seen: what G makes of a measurement is measured again, by other samples than those that it was shown, and D compares
the images of zero-filled measurements. G leaves nothing that a mask would show; in its own samples alone any fill would do. The
article calls this by (38) in the space of measurements, with images that come from y in the place of z. G is unrolled from any
linear operator. The noise w is drawn anew, where it is known, so that x_hat may be free of it.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import LINEAR, Adam, Among, Family, Measurement, Optimizer, Scale, Takes, all_replicas
from unsup_jax.core.linear import inner
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError
from unsup_jax.losses.games import Game, GradientPenalty, Regularizer, Wasserstein
from unsup_jax.methods.adversarial.game import Adversarial, Player, Players
from unsup_jax.networks import ConvCritic, Critic, Network, Unrolled
from unsup_jax.networks.unrolled import as_channels


@dataclass(frozen=True)
class UnsupervisedMRI(Adversarial):
    """Cole's game, of any linear operator.

    Raises `InputError` on a generator that is not told the operator, a negative weight of the cycle, and on measurements whose noise
    is not known, whose operator has no mask where no family is given, or that the family does not make.
    """

    sees: ClassVar[frozenset[str]] = frozenset()
    takes: ClassVar[Takes] = LINEAR
    reference: ClassVar[str] = "Cole 2020"

    generator: Network = Unrolled()
    """G(y; H)."""
    critic: Critic = ConvCritic()
    """D."""
    family: Family | None = None
    """The law of H'; None: the measurement's own operator with the mask of another one of the batch."""
    cycle: float = 0.0
    """Weight of UAIR's cycle."""
    game: Game = Wasserstein()
    """What each player pays for D's outputs."""
    regularizers: tuple[Regularizer, ...] = (GradientPenalty(),)
    """What holds D's slope."""
    generator_optimizer: Optimizer = Adam(1e-4, b1=0.0, b2=0.9, average=0.99)
    """Optimiser of G, with its moving average."""
    critic_optimizer: Optimizer = Adam(1e-4, b1=0.0, b2=0.9)
    """Optimiser of D."""

    def __post_init__(self):
        super().__post_init__()
        if not self.generator.takes_operator:
            raise InputError(f"the generator of {self.label} is told the operator; {type(self.generator).__name__} is not, such as Unrolled is")
        if self.cycle < 0:
            raise InputError(f"the cycle of {self.label} has a weight of zero or more, not {self.cycle}")

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        if self.family is not None:
            self.family.check(measurement, self.label)
            return
        if not hasattr(measurement.operator, "mask"):
            raise InputError(f"{self.label} measures again by other masks, which {type(measurement.operator).__name__} does not have; "
                             "give a family, such as Drawn(an instrument)")
        Among(jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], measurement.operator), ("mask",)).check(measurement, self.label)

    def critic_loss(self, key: Array, D: Player, G: Player, one: Measurement):
        of_phi, of_D = jax.random.split(key)
        again = self.family.measure(of_phi, G(one.y, one.operator), one)                    # y' = H' x_hat + w
        return self.judged(of_D, D, self.seen(one), self.seen(again))

    def generator_loss(self, key: Array, G: Player, D: Player, one: Measurement):
        of_phi, of_D = jax.random.split(key)
        again = self.family.measure(of_phi, G(one.y, one.operator), one)
        deceiving = self.deceiving(of_D, D, self.seen(one), self.seen(again))
        if not self.cycle:
            return deceiving, {}
        residual = again.operator(G(again.y, again.operator)) - again.y                     # H' G(y'; H') - y'
        cycle = inner(residual, residual) / inner(again.y, again.y)
        return deceiving + self.cycle * cycle, {"adversarial": deceiving, "cycle": cycle}

    def seen(self, one: Measurement) -> Array:
        """H* y, a complex image as two channels."""
        return as_channels(one.operator.adjoint(one.y))

    def update(self, key: Array, state: Players, batch: Measurement) -> tuple[Players, Metrics]:
        if self.family is not None:
            return super().update(key, state, batch)
        others = Among(all_replicas(batch.operator), ("mask",))
        return replace(self, family=others).update(key, state, batch)

    def init_players(self, key: Array, one: Measurement) -> tuple[Any, Any]:
        of_G, of_D = jax.random.split(key)
        return self.generator.init(of_G, one.y, one.operator), self.critic.init(of_D, self.seen(one))

    def imaged(self, one: Measurement) -> tuple[int, ...]:
        return one.operator.domain(one.y).shape

    def units(self, example: Measurement) -> tuple[Scale, Scale]:
        """The root mean square of the images H* y, for y and x."""
        back = jax.vmap(lambda H, y: H.adjoint(y))(example.operator, example.y)
        scale = Scale.of_power(back)
        return scale, scale

    def reconstruct(self, key: Array, state: Players, measurement: Measurement) -> Array:
        one = measurement.normalize(state.scale, state.target)
        return state.target.restore(self.generates(state.params, state.shape)(one.y, one.operator))
