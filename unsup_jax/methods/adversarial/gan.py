r"""Generative adversarial network (Goodfellow et al., 2014; article, eqs. (27)-(28), figure 7(a)).

    min_G max_D  E_x log D(x) + E_z log(1 - D(G(z))),     z ~ N(0, I)                       (27), (28)

D is the logistic function of the critic's score. G ascends log D(G(z)) instead of descending log(1 - D(G(z))), whose gradient
vanishes where D is sure (`game=Minimax()` is (28) as it stands). x are the unpaired samples; y is not looked at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
from jax import Array

from unsup_jax.core import ANYTHING, Adam, Measurement, Method, Optimizer, Takes
from unsup_jax.errors import InputError
from unsup_jax.losses.games import Game, NonSaturating
from unsup_jax.methods.adversarial.csgm import CSGM
from unsup_jax.methods.adversarial.game import Adversarial, Player, Players
from unsup_jax.networks import ConvCritic, ConvGenerator, Critic, Generator


@dataclass(frozen=True)
class Generative:
    """Images of one law as a function of latents z ~ N(0, 1)."""

    apply: Callable[[Array], Array]
    """z [latents] to an image, in grey levels."""
    latents: int
    """Entries of z."""
    shape: tuple[int, ...]
    """That of an image, [*S, C]."""


@dataclass(frozen=True)
class GAN(Adversarial):
    """Eqs. (27)-(28): samples of the law of x. Raises `InputError` on fewer than one latent."""

    sees: ClassVar[frozenset[str]] = frozenset({"unpaired"})
    takes: ClassVar[Takes] = ANYTHING
    reference: ClassVar[str] = "Goodfellow 2014, eqs. (27)-(28)"

    generator: Generator = ConvGenerator()
    """G."""
    critic: Critic = ConvCritic(depth=2)
    """D, before its logistic function."""
    latents: int = 64
    """Entries of z."""
    game: Game = NonSaturating()
    """What each player pays for D's outputs."""
    generator_optimizer: Optimizer = Adam(2e-4, b1=0.5, average=0.99)
    """Optimiser of G, with its moving average."""

    def __post_init__(self):
        super().__post_init__()
        if self.latents < 1:
            raise InputError(f"{self.label} needs one latent or more, not {self.latents}")

    def networks(self, shape: tuple[int, ...]) -> tuple[Generator, Critic]:
        return self.generator.clone(channels=shape[-1]), self.critic

    def init_players(self, key: Array, one: Measurement) -> tuple[Any, Any]:
        x, (of_G, of_D, of_z) = one.unpaired, jax.random.split(key, 3)
        G, D = self.networks(x.shape)
        return G.init(of_G, self.z(of_z), x.shape[:-1]), D.init(of_D, x)

    def z(self, key: Array) -> Array:
        """Latents [L] of one image."""
        return jax.random.normal(key, (self.latents,))

    def made(self, key: Array, G: Player, shape: tuple[int, ...]) -> Array:
        """G(z), an image of that shape [*S]."""
        return G(self.z(key), shape)

    def critic_loss(self, key: Array, D: Player, G: Player, one: Measurement):
        x, (of_z, of_D) = one.unpaired, jax.random.split(key)
        return self.judged(of_D, D, x, self.made(of_z, G, x.shape[:-1]))

    def generator_loss(self, key: Array, G: Player, D: Player, one: Measurement):
        x, (of_z, of_D) = one.unpaired, jax.random.split(key)
        return self.deceiving(of_D, D, x, self.made(of_z, G, x.shape[:-1])), {}

    def generative(self, state: Players) -> Generative:
        """G in grey levels, as what can be asked for the image of a measurement."""
        G = self.generates(state.params, state.shape)
        return Generative(lambda z: state.target.restore(G(z, state.shape[:-1])), self.latents, state.shape)

    def given(self, prior: Any, method: Method) -> Method:
        return CSGM(prior)

    def sample(self, key: Array, state: Players, count: int) -> Array:
        """Images [count, *S, C] of the law that G learned."""
        G = self.generates(state.params, state.shape)
        draw = lambda key: state.target.restore(self.made(key, G, state.shape[:-1]))
        return jax.vmap(draw)(jax.random.split(key, count))
