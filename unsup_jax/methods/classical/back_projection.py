r"""Direct inversions of tomography: the adjoint of filtered views.

    filtered back-projection     x = H*(dtheta |k| y)                      `Radon`; `FanBeam` by its parallel rays
    back-propagation             f = H*(dtheta gamma k |k_x| y)            `Diffraction`

with dtheta the angle that a view stands for among the others, however they lie. Missing views leave streaks, and a wedge
that was left out is zero. References: Kak and Slaney, ch. 3; Devaney,
Ultrason. Imaging 4, 336 (1982).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jax import Array

from unsup_jax.core import Direct, Measurement, Takes
from unsup_jax.errors import InputError
from unsup_jax.operators import Diffraction, FanBeam, Radon, filtered_back_projection


@dataclass(frozen=True)
class FilteredBackProjection(Direct):
    """FBP of sinograms, and back-propagation of diffracted fields.

    Raises `InputError` on fan-beam views that are not evenly over the whole turn and on a detector
    whose pixels are not as far apart as those of the image.
    """

    takes: ClassVar[Takes] = Takes(
        "data of Radon, FanBeam or Diffraction", lambda one: isinstance(one.operator, Radon | FanBeam | Diffraction))
    reference: ClassVar[str] = "Kak & Slaney 1988; Devaney 1982"

    window: Literal["ram-lak", "shepp-logan", "hann"] = "ram-lak"
    """What multiplies the ramp, from the sharpest to the smoothest; of back-projection alone."""

    @property
    def label(self) -> str:
        return "FBP"

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        H = measurement.operator
        if isinstance(H, FanBeam):
            even = H.angles[0] + 2 * np.pi / len(H.angles) * np.arange(len(H.angles))
            if np.abs(np.asarray(H.angles) - even).max() > 1e-3:
                raise InputError("FilteredBackProjection takes fan-beam views evenly over the whole turn; these are not")
        if isinstance(H, Radon) and H.detector is not None and np.abs(np.diff(H.detector) - 1).max(initial=0) > 1e-3:
            raise InputError("FilteredBackProjection takes detectors with a pixel of the image between their pixels; this one has others")

    def answer(self, key: Array, one: Measurement) -> Array:
        H, y = one.operator, one.y
        if isinstance(H, Diffraction):
            return H.adjoint(H.filtered(y))
        if isinstance(H, FanBeam):
            H, y = H.parallel(y)
        return filtered_back_projection(H, y, window=self.window)
