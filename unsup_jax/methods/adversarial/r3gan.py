r"""R3GAN, "the GAN is dead; long live the GAN" (Huang et al., NeurIPS 2024).

    min_D  E s(D(G(z)) - D(x)) + gamma/2 E ||grad D(x)||^2 + gamma/2 E ||grad D(G(z))||^2
    min_G  E s(D(x) - D(G(z)))                                                                 s the softplus

The relativistic loss has a minimum in the place of modes that are dropped, and both penalties make the game converge near it:
one critic step, no normalisation and no Lipschitz constant. gamma is about 2e-4 pixels / batch (Karras 2020) and constant here, and
steps decay by a cosine; the authors let gamma and Adam's b2 follow a schedule too.
"""

from dataclasses import dataclass
from typing import ClassVar

from unsup_jax.core import Adam, Optimizer
from unsup_jax.losses.games import R1, R2, Game, Regularizer, Relativistic
from unsup_jax.methods.adversarial.gan import GAN
from unsup_jax.networks import Critic, Generator, ResidualCritic, ResidualGenerator


@dataclass(frozen=True)
class R3GAN(GAN):
    """The relativistic game with R1 and R2."""

    reference: ClassVar[str] = "Huang 2024"

    generator: Generator = ResidualGenerator()
    """G."""
    critic: Critic = ResidualCritic(depth=2)
    """D, without normalisation."""
    game: Game = Relativistic()
    """Each real image against a generated one."""
    regularizers: tuple[Regularizer, ...] = (R1(), R2())
    """R1 and R2."""
    generator_optimizer: Optimizer = Adam(2e-4, b1=0.0, b2=0.99, average=0.99)
    """Optimiser of G, with its moving average."""
    critic_optimizer: Optimizer = Adam(2e-4, b1=0.0, b2=0.99)
    """Optimiser of D."""
