r"""Direct inversions of tomography: the adjoint of filtered views.

    filtered back-projection     x = (pi / A) H*(|k| y)                    `Radon`
    back-propagation             f = H*(gamma k |k_x| y)                   `Diffraction`

for A views evenly over pi, or over 2 pi. Missing views leave streaks. References: Kak and Slaney, ch. 3; Devaney,
Ultrason. Imaging 4, 336 (1982).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jax import Array

from unsup_jax.core import Direct, Measurement
from unsup_jax.errors import InputError
from unsup_jax.operators import Diffraction, Radon, filtered_back_projection


@dataclass(frozen=True)
class FilteredBackProjection(Direct):
    """FBP of sinograms, and back-propagation of diffracted fields. Raises `InputError` for any other operator."""

    reference: ClassVar[str] = "Kak & Slaney 1988; Devaney 1982"

    window: Literal["ram-lak", "shepp-logan", "hann"] = "ram-lak"
    """What multiplies the ramp, from the sharpest to the smoothest; of back-projection alone."""

    @property
    def label(self) -> str:
        return "FBP"

    def answer(self, key: Array, one: Measurement) -> Array:
        H = one.operator
        if isinstance(H, Diffraction):
            return H.adjoint(H.filtered(one.y))
        if isinstance(H, Radon):
            return filtered_back_projection(H, one.y, window=self.window)
        raise InputError(f"FilteredBackProjection takes Radon or Diffraction, not {type(H).__name__}")
