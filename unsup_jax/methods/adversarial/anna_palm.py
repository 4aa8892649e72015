r"""ANNA-PALM: a dense structure from few of its localisations (Ouyang et al., Nat. Biotechnol. 36, 460 (2018)).

    D:  1/2 ((D(y, x) - 1)^2 + D(y, G(y))^2) / 2  +  (1 - MS-SSIM(Q(x), y'))
    G:  20 (.84 (1 - MS-SSIM(G(y), x)) + .16 (1/n) ||g (G(y) - x)||_1)  +  (D(y, G(y)) - 1)^2 / 2  +  20 (1 - MS-SSIM(Q(G(y)), y'))

y are the localisations of few frames, x those of all. y' is a wide-field image of the same specimen, which G and D see beside y
and which costs the specimen one exposure; Q learns, as D does, what it looks like from the structure, so that G must not draw
what contradicts it. Without y' its terms are left out. Published: a U-Net of 256 features at the most, batch 1, 200 epochs.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Adam, Measurement, Optimizer, Scale
from unsup_jax.errors import InputError
from unsup_jax.losses import Objective, StructuralError, ms_ssim
from unsup_jax.losses.games import Game, LeastSquares
from unsup_jax.methods.adversarial.game import Player
from unsup_jax.methods.adversarial.pix2pix import Pix2Pix
from unsup_jax.networks import Critic, Network, UNet


class Jury(NamedTuple):
    """D and Q, which learn in one step; the parameters of each are under its name."""

    critic: Critic
    low_resolution: Network

    def apply(self, params, *seen, of: str = "critic") -> Array:
        """What one of them makes of what it sees."""
        return getattr(self, of).apply(params[of], *seen)


@dataclass(frozen=True)
class AnnaPalm(Pix2Pix):
    """The content, the conditional game, and the consistency with the wide-field image.

    Raises `InputError` on a negative weight, and on a generator of more than one channel beside a wide-field image.
    """

    reference: ClassVar[str] = "Ouyang 2018"

    generator: Network = UNet(depth=3, channels=1)
    """G."""
    content: Objective = 20 * StructuralError()
    """What G pays for its distance from x, with its weight."""
    game: Game = LeastSquares()
    """What each player pays for D's outputs."""
    wide_field: bool = True
    """Whether there is a y', the measurement's pair."""
    low_resolution: Network = UNet(depth=2, width=8)
    """Q."""
    consistency: float = 20.0
    """Weight of what G pays where Q(G(y)) is not y'."""
    generator_optimizer: Optimizer = Adam(2e-4, b1=0.5, average=0.99)
    """Optimiser of G, with its moving average."""

    def __post_init__(self):
        super().__post_init__()
        if self.consistency < 0:
            raise InputError(f"the weight of the consistency is {self.consistency}; it is zero or more")
        if self.wide_field and (channels := getattr(self.generator, "channels", None)) != 1:
            raise InputError(f"{self.label} takes a generator of one channel made of two; those of {type(self.generator).__name__} are {channels}")

    @property
    def sees(self) -> frozenset[str]:
        """The truth, and the wide-field image where there is one."""
        return frozenset({"truth"}) | self.reads

    @property
    def reads(self) -> frozenset[str]:
        return frozenset({"pair"} if self.wide_field else ())

    def units(self, example: Measurement) -> tuple[Scale, Scale]:
        """Those of x: localisations are so few that their deviation is none of the structure's."""
        scale = Scale.of_images(example.truth)
        return scale, scale

    def networks(self, shape: tuple[int, ...]) -> tuple[Network, Jury]:
        return self.generator, Jury(self.critic, self.low_resolution)

    def shown(self, one: Measurement) -> Array:
        return jnp.concatenate([one.y, one.pair], -1) if self.wide_field else one.y

    def contradiction(self, D: Player, x: Array, one: Measurement) -> Array:
        """1 - MS-SSIM(Q(x), y')."""
        return 1 - ms_ssim(D(x, of="low_resolution"), one.pair)

    def critic_loss(self, key: Array, D: Player, G: Player, one: Measurement):
        loss, metrics = super().critic_loss(key, D, G, one)
        if not self.wide_field:
            return loss, metrics
        learnt = self.contradiction(D, one.truth, one)
        return loss + learnt, {**metrics, "low_resolution": learnt}

    def generator_loss(self, key: Array, G: Player, D: Player, one: Measurement):
        loss, metrics = super().generator_loss(key, G, D, one)
        if not self.wide_field:
            return loss, metrics
        contradiction = self.contradiction(D, self.made(G, one), one)
        return loss + self.consistency * contradiction, {**metrics, "contradiction": contradiction}

    def init_players(self, key: Array, one: Measurement) -> tuple[Any, Any]:
        of_players, of_Q = jax.random.split(key)
        G, D = super().init_players(of_players, one)
        return G, {"critic": D, "low_resolution": self.low_resolution.init(of_Q, one.truth)}

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        if self.wide_field and measurement.pair is None:
            raise InputError(f"{self.label} takes a wide-field image beside the localisations, as the pair; where there is none, wide_field is False")

    def tiny(self) -> "AnnaPalm":
        return replace(super().tiny(), low_resolution=self.low_resolution.tiny())
