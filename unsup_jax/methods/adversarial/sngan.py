r"""Spectrally normalised GAN (Miyato et al., ICLR 2018).

    min_D  E_x relu(1 - D(x)) + E_z relu(1 + D(G(z))),      min_G  -E_z D(G(z)),      W -> W / sigma(W) in D

Every layer of D has slope 1 at the most, and so D has, with no penalty; sigma comes of one power iteration a step.
"""

from dataclasses import dataclass
from typing import ClassVar

from unsup_jax.core import Adam, Optimizer
from unsup_jax.losses.games import Game, Hinge, Regularizer, SpectralNorm
from unsup_jax.methods.adversarial.gan import GAN


@dataclass(frozen=True)
class SNGAN(GAN):
    """The hinge with spectral normalisation."""

    reference: ClassVar[str] = "Miyato 2018"

    game: Game = Hinge()
    """The hinge."""
    regularizers: tuple[Regularizer, ...] = (SpectralNorm(),)
    """What holds D's slope."""
    n_critic: int = 5
    """Steps of D for one of G."""
    generator_optimizer: Optimizer = Adam(2e-4, b1=0.0, b2=0.9, average=0.99)
    """Optimiser of G, with its moving average."""
    critic_optimizer: Optimizer = Adam(2e-4, b1=0.0, b2=0.9)
    """Optimiser of D."""
