r"""Self-supervision of reconstruction by data undersampling (SSDU, Yaman et al., Magn. Reson. Med. 84, 3172 (2020)).

    Omega = Theta u Lambda                                                           what was measured, split
    min_theta E L(y_Lambda, H_Lambda F_theta(y_Theta; H_Theta))                      (16)  one split of each measurement
    min_theta E sum_k L(y_Lambda_k, H_Lambda_k F_theta(y_Theta_k; H_Theta_k))        (17)  K of them: multi-mask
    min_theta E L(y, H F_theta(y; H))                                                (18)  naive: noise is fitted too

L is half the normalised 2-norm and half the normalised 1-norm. F_theta(y; H) is unrolled from any linear operator. After
training it is shown all of Omega, as published. That is more than it was shown in training, and its noise comes through.
With `passes` the answer is instead the mean of F_theta(y_Theta_k; H_Theta_k) over as many splits like those of the training.
That is better where noise is what limits (34.73 -> 36.10 dB by 16 in `ssdu_mri`), and worse where missing samples are.

With `alpha` the input is given further noise, so that what is shown can be scored too, and `weighted` makes up for samples
that are rarely measured. `Undersampling` is the loss, with the equations of both.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from jax import Array

from unsup_jax.core import LINEAR, SAME_PIXELS, Learned, Measurement, Takes
from unsup_jax.losses import Split, Undersampling, normalized_error
from unsup_jax.methods.by_objective import ByObjective
from unsup_jax.networks import Network, Unrolled


@dataclass(frozen=True)
class SSDU(ByObjective):
    """Eqs. (16) and (17). Raises `InputError` on a negative number of masks or passes, or alpha, and on an alpha for
    measurements whose noise is not known to be Gaussian, or, of robust SSDU, whose operator does not sample an isometry.
    """

    reference: ClassVar[str] = "Yaman 2020, eqs. (16)-(17)"

    network: Network = Unrolled()
    """F_theta(y; H)."""
    split: Split = Split()
    """Omega in Theta and Lambda."""
    masks: int = 1
    """K, splits of each measurement, of which a step draws one; 0 draws a new one at every step."""
    weighted: bool = False
    """Weight the residuals by (1 - K)^(-1/2)."""
    passes: int = 0
    """Splits over which the answer averages; 0 for one estimate from all of Omega, as published."""
    alpha: float = 0.0
    """Standard deviation of the further noise, in units of the measurement's own; 0 for none."""
    denoising: Literal["robust", "recorrupted"] = "robust"
    """Whether F_theta learns the clean image itself, or what is corrected to it."""

    @property
    def objective(self) -> Undersampling:
        """L(y_Lambda, H_Lambda F_theta(y_Theta; H_Theta))."""
        return Undersampling(self.split, self.masks, self.weighted, self.passes, self.alpha, self.denoising)

    @property
    def label(self) -> str:
        """The name of the variant."""
        kinds = {"averaged": self.passes, self.denoising: self.alpha, "weighted": self.weighted, "multi-mask": self.masks != 1}
        return " ".join([*(kind for kind, on in kinds.items() if on), "SSDU"])

    def tiny(self) -> "SSDU":
        return replace(super().tiny(), passes=min(self.passes, 2))


@dataclass(frozen=True)
class NaiveConsistency(Learned):
    """Eq. (18): all that was measured is shown and scored, so that the noise is fitted too; for comparison."""

    reference: ClassVar[str] = "eq. (18)"

    network: Network = Unrolled()
    """F_theta(y; H)."""

    @property
    def takes(self) -> Takes:
        """What its network asks for."""
        return LINEAR if self.told else SAME_PIXELS

    @property
    def label(self) -> str:
        """The name in tables."""
        return "naive (18)"

    def loss(self, key: Array, params, one: Measurement):
        x = self.estimate(key, params, one)                         # F_theta(y; H)
        return normalized_error(one.operator(x), one.y), {}
