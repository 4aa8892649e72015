r"""Wasserstein GAN (Arjovsky et al., ICML 2017; Gulrajani et al., NeurIPS 2017; article, eqs. (35)-(36)).

    min_G max_{D in Lip_1}  E_x D(x) - E_z D(G(z))                                          (36)

The maximum is the Wasserstein-1 distance (35) of the law of x and that of G(z). D is held to slope 1 by the gradient penalty
(WGAN-GP), or to a bounded one by clipping: `regularizers=(Clip(),)` with RMSProp at 5e-5, as first published.
"""

from dataclasses import dataclass
from typing import ClassVar

from unsup_jax.core import Adam, Optimizer
from unsup_jax.losses.games import Game, GradientPenalty, Regularizer, Wasserstein
from unsup_jax.methods.adversarial.gan import GAN
from unsup_jax.networks import ConvCritic, Critic


@dataclass(frozen=True)
class WGAN(GAN):
    """Eqs. (35)-(36)."""

    reference: ClassVar[str] = "Arjovsky 2017, Gulrajani 2017, eqs. (35)-(36)"

    critic: Critic = ConvCritic(depth=2)
    """D, the Kantorovich potential."""
    game: Game = Wasserstein()
    """The dual (36)."""
    regularizers: tuple[Regularizer, ...] = (GradientPenalty(),)
    """What holds D's slope."""
    n_critic: int = 5
    """Steps of D for one of G."""
    generator_optimizer: Optimizer = Adam(1e-4, b1=0.0, b2=0.9, average=0.99)
    """Optimiser of G, with its moving average."""
    critic_optimizer: Optimizer = Adam(1e-4, b1=0.0, b2=0.9)
    """Optimiser of D."""

    @property
    def label(self) -> str:
        """The name of the variant."""
        return "WGAN-GP" if any(isinstance(r, GradientPenalty) for r in self.regularizers) else "WGAN"
