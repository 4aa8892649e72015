r"""GANrec: a reconstruction from one measurement and no training set (Yang et al., J. Synchrotron Rad. 27, 486 (2020)).

    G pays  100 ||p - q||_1 / m - log D(q),        q = H G(u),  p = y,  both over the largest |y|
    D pays  -log D(p) - log(1 - D(q))

The network G is a parametrisation of x, which is chosen so that what it re-projects to is y, and looks to D as y does. u is a
first image: the filtered back-projection where H projects, H* y to scale elsewhere. Nothing is rescaled but by that one number,
so that the values of x^ are absolute. What prevents the noise from being fitted is that convolutions fit it last: that there
are so many steps and not more, and the average of G.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import REAL_LINEAR, Adam, Measurement, Optimizer, Takes
from unsup_jax.errors import InputError
from unsup_jax.losses import mean_absolute_error
from unsup_jax.methods.adversarial.game import Adversarial, Player, Players
from unsup_jax.networks import Critic, Network, PatchCritic, UNet


@dataclass(frozen=True)
class GANrec(Adversarial):
    """The re-projection loss with a game of ONE measurement, of any real linear operator.

    Raises `InputError` on fewer than one step, more than one critic step (there are no parts of one measurement), a generator that
    asks for the operator, and views that are not back-projected.
    """

    scope: ClassVar[Literal["dataset", "measurement"]] = "measurement"
    takes: ClassVar[Takes] = REAL_LINEAR
    reference: ClassVar[str] = "Yang 2020"

    generator: Network = UNet(depth=3, width=16)
    """G."""
    critic: Critic = PatchCritic(width=16, depth=2)
    """D, of y as an image."""
    reprojection: float = 100.0
    """Weight of what G pays for the distance of its re-projection from y."""
    adversarial: float = 1.0
    """Weight of what G pays for D's outputs."""
    steps: int = 1000
    """Updates."""
    generator_optimizer: Optimizer = Adam(1e-3, average=0.98)
    """Optimiser of G, with its moving average."""
    critic_optimizer: Optimizer = Adam(1e-5)
    """Optimiser of D."""
    window: Literal["ram-lak", "shepp-logan", "hann"] = "ram-lak"
    """What multiplies the ramp of the filter of u, from the sharpest to the smoothest; of an H that projects alone."""

    def __post_init__(self):
        super().__post_init__()
        if self.steps < 1 or self.n_critic > 1:
            raise InputError(f"{self.label} takes 1 step or more, and 1 critic step in each, not {self.steps} and {self.n_critic}")
        if self.generator.takes_operator:
            raise InputError(f"the generator of {self.label} sees an image alone; {type(self.generator).__name__} asks for the operator too")

    @property
    def label(self) -> str:
        """The name, which says where G does not pay for D's outputs."""
        return "GANrec" if self.adversarial else "GANrec, no critic"

    def tiny(self) -> "GANrec":
        return replace(super().tiny(), steps=2)

    def shown(self, one: Measurement) -> Array:
        """u."""
        H = one.operator
        return H.back_project(one.y, window=self.window) if H.projects else H.guess(one.y)

    def projections(self, one: Measurement, x: Array) -> tuple[Array, Array]:
        """(p, q): y and H x, over the largest |y|."""
        largest = jnp.abs(one.y).max()
        unit = jnp.where(largest > 0, largest, 1)
        return one.y / unit, one.operator(x) / unit

    def critic_loss(self, key: Array, D: Player, G: Player, one: Measurement):
        return self.judged(key, D, *self.projections(one, G(self.shown(one))))

    def generator_loss(self, key: Array, G: Player, D: Player, one: Measurement):
        p, q = self.projections(one, G(self.shown(one)))
        error, deceiving = mean_absolute_error(q, p), self.deceiving(key, D, p, q)
        return self.reprojection * error + self.adversarial * deceiving, {"reprojection": error, "adversarial": deceiving}

    def init_players(self, key: Array, one: Measurement) -> tuple[Any, Any]:
        of_G, of_D = jax.random.split(key)
        return self.generator.init(of_G, self.shown(one)), self.critic.init(of_D, one.y)

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        if measurement.operator.projects:
            measurement.operator.check_views()

    def init(self, key: Array, example: Measurement) -> Players:
        return super().init(key, _alone(example))

    def update(self, key: Array, state: Players, batch: Measurement):
        return super().update(key, state, _alone(batch))

    def reconstruct(self, key: Array, state: Players, measurement: Measurement) -> Array:
        one = measurement.normalize(state.scale)
        return state.target.restore(self.generator.apply(state.params, self.shown(one)))


def _alone(one: Measurement) -> Measurement:
    """The batch of one measurement."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], one)
