r"""Direct inversions of tomography: the adjoint of filtered views.

    filtered back-projection     x = H*(dtheta |k| y)                      `Radon`; `FanBeam` by its parallel rays
    back-propagation             f = H*(dtheta gamma k |k_x| y)            `Diffraction`

with dtheta the angle that a view stands for among the others, however they lie. Missing views leave streaks, and a wedge
that was left out is zero. References: Kak and Slaney, ch. 3; Devaney,
Ultrason. Imaging 4, 336 (1982).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jax import Array

from unsup_jax.core import Direct, Measurement, Takes


@dataclass(frozen=True)
class FilteredBackProjection(Direct):
    """FBP of sinograms, and back-propagation of diffracted fields.

    Raises `InputError` on fan-beam views that are not evenly over the whole turn and on a detector
    whose pixels are not as far apart as those of the image.
    """

    takes: ClassVar[Takes] = Takes("data of Radon, FanBeam, Diffraction or another operator that projects", lambda one: one.operator.projects)
    reference: ClassVar[str] = "Kak & Slaney 1988; Devaney 1982"

    window: Literal["ram-lak", "shepp-logan", "hann"] = "ram-lak"
    """What multiplies the ramp, from the sharpest to the smoothest; of back-projection alone."""

    @property
    def label(self) -> str:
        return "FBP"

    @property
    def slabwise(self) -> bool:
        return True

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        measurement.operator.check_views()

    def answer(self, key: Array, one: Measurement) -> Array:
        return one.operator.back_project(one.y, window=self.window)
