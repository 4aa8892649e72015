r"""CryoGAN (Gupta et al., IEEE Trans. Comput. Imag. 7, 759 (2021); article, eqs. (38)-(40), figure 7(d)).

    y_i = H_i P_{R_i, t_i} x + w_i            particles of ONE specimen x: CTF and noise known, the pose (R_i, t_i) not

    min_x max_D  E_i D(y_i) - E_{i, R, t, w} D(H_i P_{R, t} x + w),     R uniform on SO(3), t ~ N(0, shift^2)

There is no generator network and no pose is ever estimated: the volume x is the parameter, and what makes its projections look
like the particles is that their laws agree. The game is R3GAN's, a projection against a particle behind the same CTF, s the softplus:

    D descends  s(D(y~) - D(y)) + gamma/2 ||grad D(y)||^2 + gamma/2 ||grad D(y~)||^2,     y~ = H_i P_{R, t} x + w
    x descends  s(D(y) - D(y~)) + positivity/N sum_v relu(-x_v)^2,                        N pixels across

with one critic step, in place of the publication's Wasserstein game with four. D sees images turned by right angles and
mirrored: a mirrored projection is the view from behind. x is found up to a rotation and a mirror, as its projections determine
no more; its grey values are those of the particles. What a device holds does not grow with their number.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Adam, Family, Measurement, Optimizer, Scale, Takes
from unsup_jax.errors import InputError
from unsup_jax.losses.games import R1, R2, Augmentation, Game, Mirror, Regularizer, Relativistic
from unsup_jax.methods.adversarial.game import Adversarial, Player, Players
from unsup_jax.networks import ConvCritic, Critic, Network, Volume
from unsup_jax.operators import UnknownPose


def _particles(one: Measurement) -> bool:
    """Whether y is a square real image [D, D, C]."""
    return not jnp.iscomplexobj(one.y) and one.y.ndim == 3 and one.y.shape[0] == one.y.shape[1]


@lru_cache
def _check(family, structure, leaves):
    """Thousands of particles are of one kind, which the family is asked about once."""
    family.check(jax.tree.unflatten(structure, leaves))


@dataclass(frozen=True)
class Projected(Adversarial):
    """A game between particles and projections of volumes at unknown poses. A subclass writes `volume`, and the shape of its theta.

    Raises `InputError` on a negative positivity.
    """

    takes: ClassVar[Takes] = Takes("square real images of particles", _particles)
    single_views: ClassVar[bool] = True

    family: Family = UnknownPose()
    """P_phi: what is known of the poses, behind the CTF that each particle has."""
    critic: Critic = ConvCritic(width=16, depth=4)
    """D."""
    game: Game = Relativistic()
    """Each particle against a projection."""
    regularizers: tuple[Regularizer, ...] = (R1(), R2())
    """What keeps D smooth."""
    augment: Augmentation | None = Mirror()
    """What D sees of an image: what leaves the law of the poses and the noise as they are."""
    positivity: float = 0.1
    """Weight of the penalty of negative voxels."""
    critic_optimizer: Optimizer = Adam(1e-3, b1=0.0, b2=0.9)
    """Optimiser of D."""

    def __post_init__(self):
        super().__post_init__()
        if self.positivity < 0:
            raise InputError(f"positivity is a weight of zero or more, not {self.positivity}")

    def volume(self, key: Array, G: Player, shape: tuple[int, ...]) -> Array:
        """One volume [*S, C]: x, or one of its conformations."""
        raise NotImplementedError

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        like = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf)), measurement)
        leaves, structure = jax.tree.flatten(like)
        _check(self.family, structure, tuple(leaves))

    def units(self, example: Measurement) -> tuple[Scale, Scale]:
        """The deviation of the signal, y without noise, for y and x alike: H is linear, and so nothing is taken off."""
        total, noise = example.y.var(), 0.0
        if example.noise is not None:
            noise = jax.vmap(lambda noise, y: noise.variance(y))(example.noise, example.y).mean()
        signal = jnp.maximum(total - noise, 0.01 * total)
        unit = jnp.sqrt(jnp.where(signal > 0, signal, 1))
        return (Scale(jnp.zeros_like(unit), unit),) * 2

    def networks(self, shape: tuple[int, ...]) -> tuple[Network, Critic]:
        return self.generator.clone(channels=shape[-1]), self.critic

    def projection(self, key: Array, G: Player, one: Measurement) -> tuple[Array, Array]:
        """(y~ = H P_{R, t} x + w, x): a projection as noisy as the particle and behind its CTF, and the volume."""
        of_y, of_x = jax.random.split(key)
        x = self.volume(of_x, G, (one.y.shape[0],) * 3)
        return self.family.measure(of_y, x, one).y, x

    def critic_loss(self, key: Array, D: Player, G: Player, one: Measurement):
        of_y, of_D = jax.random.split(key)
        return self.judged(of_D, D, one.y, self.projection(of_y, G, one)[0])

    def generator_loss(self, key: Array, G: Player, D: Player, one: Measurement):
        of_y, of_D = jax.random.split(key)
        y, x = self.projection(of_y, G, one)
        below = jnp.sum(jnp.square(jax.nn.relu(-x))) / x.shape[0]
        return self.deceiving(of_D, D, one.y, y) + self.positivity * below, {"below": below}


@dataclass(frozen=True)
class CryoGAN(Projected):
    """The volume of all particles together."""

    reference: ClassVar[str] = "Gupta 2021, eqs. (38)-(40)"

    generator: Network = Volume()
    """x, its symmetry, and where it starts."""
    generator_optimizer: Optimizer = Adam(1e-2, b1=0.0, b2=0.9, average=0.99)
    """Optimiser of x, with its moving average."""

    @property
    def label(self) -> str:
        """The published name."""
        return "cryoGAN"

    def init_players(self, key: Array, one: Measurement) -> tuple[Any, Any]:
        (of_x, of_D), (G, D) = jax.random.split(key), self.networks(one.y.shape)
        return G.init(of_x, (one.y.shape[0],) * 3), D.init(of_D, one.y)

    def volume(self, key: Array, G: Player, shape: tuple[int, ...]) -> Array:
        return G(shape)

    def reconstruct(self, key: Array, state: Players, measurement: Measurement) -> Array:
        return state.target.restore(self.generates(state.params, state.shape)((measurement.y.shape[0],) * 3))
