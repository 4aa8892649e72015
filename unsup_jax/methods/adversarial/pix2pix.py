r"""Conditional GAN of pairs: pix2pix (Isola et al., CVPR 2017; article, eqs. (6)-(7), (27)).

    min_G max_D  E_{x,y} log D(y, x) + E_y log(1 - D(y, G(y))) + 100 E_{x,y} ||x - G(y)||_1

The content term is supervised learning, (7). It leaves the mean of all the x that could have made y, or their median, which is
blurred; D, which sees y beside x and judges patches, asks G for one that looks like an x. G is a U-Net. What D descends is
halved, as published. There is no z: Isola found that G ignores it.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
from jax import Array

from unsup_jax.core import SAME_PIXELS, Adam, Measurement, Optimizer, Takes, mean_loss, mean_over_replicas, sample_keys
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError
from unsup_jax.losses import Objective, SupervisedError
from unsup_jax.methods.adversarial.game import Adversarial, Player, Players
from unsup_jax.networks import Critic, Network, PatchCritic, UNet


@dataclass(frozen=True)
class Pix2Pix(Adversarial):
    """The content term with the conditional game.

    Raises `InputError` on an augmentation, which would move x and not y, on a generator that asks for the operator, and on a
    content that sees more than the truth or learns something beside the network.
    """

    sees: ClassVar[frozenset[str]] = frozenset({"truth"})
    takes: ClassVar[Takes] = SAME_PIXELS
    reference: ClassVar[str] = "Isola 2017, eqs. (6)-(7), (27)"

    generator: Network = UNet(depth=3)
    """G."""
    critic: Critic = PatchCritic()
    """D."""
    content: Objective = 100 * SupervisedError(absolute=True)
    """What G pays for its distance from x, with its weight."""
    adversarial: float = 1.0
    """Weight of what G pays for D's outputs."""
    generator_optimizer: Optimizer = Adam(2e-4, b1=0.5, average=0.99)
    """Optimiser of G, with its moving average."""

    def __post_init__(self):
        super().__post_init__()
        if self.augment is not None and self.beside:
            raise InputError(f"{self.label} takes no augmentation: it would move x and not the y that the critic sees beside it")
        if unseen := self.content.sees - self.sees:
            raise InputError(f"the content of {self.label} may see the truth, not {', '.join(sorted(unseen))}")
        if any(type(term.objective).init is not Objective.init for term in self.content.summands()):
            raise InputError(f"the content of {self.label} learns nothing beside the network, as {self.content.label} does")
        if self.generator.takes_operator:
            raise InputError(f"the generator of {self.label} sees an image alone; {type(self.generator).__name__} asks for the operator too")

    @property
    def label(self) -> str:
        """The name, which says where G does not pay for D's outputs: what its content alone makes."""
        return type(self).__name__ if self.adversarial else f"{type(self).__name__}, no critic"

    @property
    def beside(self) -> bool:
        """Whether D sees y beside x."""
        return True

    def shown(self, one: Measurement) -> Array:
        """What G takes of a measurement, an image on the pixels of x."""
        return one.y

    def made(self, G: Player, one: Measurement) -> Array:
        """The x that G makes of a measurement."""
        return G(self.shown(one))

    def looked_at(self, x: Array) -> Array:
        """What D sees of an x, a real image."""
        return x

    def judging(self, D: Player, one: Measurement) -> Player:
        """D(y, .)."""
        beside = (self.shown(one),) if self.beside else ()
        return lambda x: D(*beside, self.looked_at(x))

    def critic_loss(self, key: Array, D: Player, G: Player, one: Measurement):
        loss, metrics = self.judged(key, self.judging(D, one), one.truth, self.made(G, one))
        return loss / 2, metrics

    def generator_loss(self, key: Array, G: Player, D: Player, one: Measurement):
        of_content, of_D = jax.random.split(key)
        estimate = self.made(G, one)
        content, metrics = self.content(of_content, lambda other: estimate if other is one else self.made(G, other), one)
        deceiving = self.deceiving(of_D, self.judging(D, one), one.truth, estimate)
        return content + self.adversarial * deceiving, {"content": content, "adversarial": deceiving, **metrics}

    def init_players(self, key: Array, one: Measurement) -> tuple[Any, Any]:
        (of_G, of_D), image = jax.random.split(key), self.shown(one)
        x = self.looked_at(one.truth)
        seen = (image, x) if self.beside else (x,)
        return self.generator.init(of_G, image), self.critic.init(of_D, *seen)

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        self.content.check(measurement)

    def validate(self, key: Array, state: Players, batch: Measurement) -> Metrics:
        def loss(key, params, one):
            one = one.normalize(state.scale, state.target)
            return self.content(key, lambda one: self.made(partial(self.generator.apply, params), one), one)

        return mean_over_replicas(mean_loss(loss, sample_keys(key, batch.y.shape[0]), state.params, batch)[1])

    def reconstruct(self, key: Array, state: Players, measurement: Measurement) -> Array:
        one = measurement.normalize(state.scale)
        return state.target.restore(self.made(partial(self.generator.apply, state.params), one))

    @property
    def tiling(self) -> tuple[int, int] | None:
        return self.generator.tiling
