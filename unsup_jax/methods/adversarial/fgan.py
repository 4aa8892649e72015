r"""f-GAN (Nowozin, Cseke, Tomioka, NeurIPS 2016; article, eqs. (29)-(34)).

    min_G max_V  E_x g_f(V(x)) - E_z f*(g_f(V(G(z))))                                      (34)

The maximum over V is D_f(mu || nu), (31), of the law mu of x and that of G(z), nu; `game` is one of the twelve divergences of
`losses.games`, and -critic_loss in the log is the bound.
"""

from dataclasses import dataclass
from typing import ClassVar

from unsup_jax.losses.games import KL, Divergence
from unsup_jax.methods.adversarial.gan import GAN


@dataclass(frozen=True)
class FGAN(GAN):
    """Eqs. (29)-(34)."""

    reference: ClassVar[str] = "Nowozin 2016, eqs. (29)-(34)"

    game: Divergence = KL()
    """D_f, by its f, g_f and f*(g_f)."""

    @property
    def label(self) -> str:
        """The name with that of the divergence."""
        return f"f-GAN ({type(self.game).__name__})"
