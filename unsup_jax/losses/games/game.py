r"""What the two players of a game pay, as functions of the critic's outputs at a real image and at a generated one.

    game                critic                               generator
    Wasserstein         -D(x) + D(Gz)                        -D(Gz)                  (36)
    Hinge               relu(1 - D(x)) + relu(1 + D(Gz))     -D(Gz)
    LeastSquares        (D(x) - 1)^2 / 2 + D(Gz)^2 / 2       (D(Gz) - 1)^2 / 2
    NonSaturating       s(-D(x)) + s(D(Gz))                  s(-D(Gz))
    Minimax             s(-D(x)) + s(D(Gz))                  -s(D(Gz))               (28), in `divergences`
    Relativistic        s(D(Gz) - D(x))                      s(D(x) - D(Gz))

with s the softplus, and D an unbounded score, so that (28) has its log D = -s(-D). Outputs are a scalar, a map of patches
or several maps: the loss is the mean over each map, summed over maps.

Arjovsky 2017 (Wasserstein); Lim and Ye 2017 (hinge); Mao 2017 (least squares); Goodfellow 2014; Jolicoeur-Martineau 2019
(relativistic).
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import relu, softplus


@dataclass(frozen=True)
class Game:
    """A pair of losses; a subclass writes `of_critic` and `of_generator`, element by element of the outputs."""

    def of_critic(self, real: Array, fake: Array) -> Array:
        """What the critic pays for its outputs D(x) and D(Gz)."""
        raise NotImplementedError

    def of_generator(self, real: Array, fake: Array) -> Array:
        """What the generator pays for them."""
        raise NotImplementedError

    def critic(self, real: Any, fake: Any) -> Array:
        """The critic's loss of ONE real and one generated image."""
        return sum(jnp.mean(self.of_critic(*pair)) for pair in zip(jax.tree.leaves(real), jax.tree.leaves(fake), strict=True))

    def generator(self, real: Any, fake: Any) -> Array:
        """The generator's loss of ONE real and one generated image."""
        return sum(jnp.mean(self.of_generator(*pair)) for pair in zip(jax.tree.leaves(real), jax.tree.leaves(fake), strict=True))


@dataclass(frozen=True)
class Wasserstein(Game):
    """The Kantorovich dual (36); D is to be 1-Lipschitz, which a regulariser sees to."""

    def of_critic(self, real: Array, fake: Array) -> Array:
        return fake - real

    def of_generator(self, real: Array, fake: Array) -> Array:
        return -fake


@dataclass(frozen=True)
class Hinge(Game):
    """The hinge: outputs beyond the margin cost nothing."""

    def of_critic(self, real: Array, fake: Array) -> Array:
        return relu(1 - real) + relu(1 + fake)

    def of_generator(self, real: Array, fake: Array) -> Array:
        return -fake


@dataclass(frozen=True)
class LeastSquares(Game):
    """Real images are 1, generated ones 0: at the optimum Pearson's chi^2 of half the sum of both laws."""

    def of_critic(self, real: Array, fake: Array) -> Array:
        return (jnp.square(real - 1) + jnp.square(fake)) / 2

    def of_generator(self, real: Array, fake: Array) -> Array:
        return jnp.square(fake - 1) / 2


@dataclass(frozen=True)
class NonSaturating(Game):
    """The critic of (28), against a generator that raises log D(Gz), whose gradient does not vanish where D is sure."""

    def of_critic(self, real: Array, fake: Array) -> Array:
        return softplus(-real) + softplus(fake)

    def of_generator(self, real: Array, fake: Array) -> Array:
        return softplus(-fake)


@dataclass(frozen=True)
class Relativistic(Game):
    """A real image against a generated one, each pair by itself."""

    def of_critic(self, real: Array, fake: Array) -> Array:
        return softplus(fake - real)

    def of_generator(self, real: Array, fake: Array) -> Array:
        return softplus(real - fake)
