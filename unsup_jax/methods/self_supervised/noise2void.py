r"""Noise2Void (Krull et al., CVPR 2019): pixels predicted from their surroundings in one noisy image.

    min_theta E ||F_theta(y) - y||^2                            (11)  alone leads to the identity
    y_{J^c} = 1_{J^c} y + 1_J kappa(y)                                what the network is shown
    E ||F(y)_J - y_J||^2 = E ||F(y)_J - x_J||^2 + E ||y_J - x_J||^2     (12)-(14)  for a J-invariant F
    min_theta sum_n sum_J ||F_theta(y_{J^c}^n)_J - y_J^n||^2    (15)

kappa draws a pixel of the neighbourhood (uniform pixel selection), or takes its mean or median without the centre.
J is one random pixel in each box of a grid, redrawn at every step.

N2V2 (Hoeck et al., ECCV 2022) is `kappa="median"` or "mean" with `network.skip_first=False`: no checkerboard.
structN2V (Broaddus et al., ISBI 2020) is `structure`: noise that is correlated along an axis would betray a pixel
of J by its neighbours, so they are replaced too, by uniform pixel selection, and only J is scored.
"""

from dataclasses import dataclass
from typing import ClassVar

from jax import Array

from unsup_jax.core import REAL_IMAGES, Measurement, Takes
from unsup_jax.losses import HoldOut, Kappa
from unsup_jax.methods.by_objective import ByObjective
from unsup_jax.methods.dihedral import dihedral_mean
from unsup_jax.networks import Network, UNet


@dataclass(frozen=True)
class Noise2Void(ByObjective):
    """Eq. (15) with random J; inference on the full noisy image. N2V2 and structN2V are settings of it.

    Raises `InputError` on a fraction outside (0, 1/2] or a radius below 1.
    """

    takes: ClassVar[Takes] = REAL_IMAGES
    reference: ClassVar[str] = "Krull 2019, eqs. (11)-(15)"

    network: Network = UNet()
    """F_theta."""
    fraction: float = 0.015
    """Part of the pixels in J."""
    kappa: Kappa = "uniform"
    """Replacement of the held-out pixels: a random neighbour, or the mean or median of the neighbours."""
    radius: int = 5
    """Half width of the neighbourhood, pixels."""
    structure: tuple[int, ...] | None = None
    """Half lengths, along each axis, of the noise's correlation: (0, 8) for lines along the rows, 16 pixels long."""
    augment: bool = False
    """Average the estimate over the turned and mirrored copies of the image."""

    @property
    def label(self) -> str:
        """The name of the variant."""
        if self.structure is not None:
            return "structN2V"
        return "Noise2Void" if getattr(self.network, "skip_first", True) else "N2V2"

    @property
    def objective(self) -> HoldOut:
        """||F_theta(y_{J^c})_J - y_J||^2."""
        return HoldOut(self.fraction, self.kappa, self.radius, self.structure)

    def estimate(self, key: Array, params, one: Measurement):
        F = lambda y: self.F(params)(one.replace(y=y))
        return dihedral_mean(F, one.y, self.network.alignment) if self.augment else F(one.y)
