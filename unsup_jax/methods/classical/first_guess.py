r"""What an operator makes of its data by itself, x = H.guess(y): where iterations for x start, and what any method must improve upon.

Of a linear H it is the adjoint, scaled to the best fit; of Fourier ptychography the amplitude of the image lit from nearest the
axis, finely sampled; of a hologram its amplitude propagated back.
"""

from dataclasses import dataclass
from typing import ClassVar

from jax import Array

from unsup_jax.core import ANYTHING, SAME_PIXELS, Direct, Measurement, Takes


@dataclass(frozen=True)
class FirstGuess(Direct):
    """x = H.guess(y)."""

    takes: ClassVar[Takes] = ANYTHING
    reference: ClassVar[str] = "the start of eq. (3)"

    def answer(self, key: Array, one: Measurement) -> Array:
        return one.operator.guess(one.y)


@dataclass(frozen=True)
class AsMeasured(Direct):
    """x = y: what there is where nothing is done."""

    takes: ClassVar[Takes] = SAME_PIXELS
    reference: ClassVar[str] = "the input"

    def answer(self, key: Array, one: Measurement) -> Array:
        return one.y
