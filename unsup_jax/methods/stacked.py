r"""A learned denoiser and a filter in one estimate, weighed by what they make of held-out pixels.

    x^ = w F_theta(y) + (1 - w) f(y)

Their errors have little in common: a network is wrong where it has learnt too little, a filter where the image is not as it assumes. The
best w is that of least squares (Wolpert, Neural Networks 5, 241 (1992)). With a and b what they make of pixels J of which theta has
learnt nothing, and v da/dy, v db/dy how much of the noise there they keep, which is zero where J is hidden from them too, Stein's risk of
the sum is least at

    w = sum_J [(y - b)(a - b) - v (da/dy - db/dy)] / sum_J (a - b)^2,      within [0, 1].
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jax import Array

from unsup_jax.core import Direct, Measurement, Method
from unsup_jax.errors import InputError
from unsup_jax.methods.around import AroundDenoiser
from unsup_jax.methods.classical.bm3d import BM3D
from unsup_jax.methods.stabilized import Stabilized


@dataclass(frozen=True)
class Stacked(AroundDenoiser):
    """w F_theta(y) + (1 - w) f(y). Raises `InputError` on a weight outside [0, 1]."""

    reference: ClassVar[str] = "Wolpert 1992"

    denoiser: Method = Stabilized()
    """F_theta, and how it is trained."""
    filter: Direct = BM3D()
    """f."""
    weight: float = 0.5
    """w."""

    def __post_init__(self):
        if not 0 <= self.weight <= 1:
            raise InputError(f"Stacked needs a weight within [0, 1], not {self.weight}")

    @property
    def label(self) -> str:
        """The name in tables."""
        return f"{self.denoiser.label} & {self.filter.label}"

    @property
    def learns(self) -> Method:
        return self.denoiser.learns

    @property
    def independent_noise(self) -> bool:
        return self.denoiser.independent_noise or self.filter.independent_noise

    def reconstruct(self, key: Array, state: Any, measurement: Measurement) -> Array:
        learned = self.denoiser.reconstruct(key, state, measurement)
        return self.weight * learned + (1 - self.weight) * self.filter.answer(key, measurement).astype(learned.dtype)

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        self.filter.check(measurement)


def best_weight(learned: np.ndarray, filtered: np.ndarray, data: np.ndarray, kept: np.ndarray | float = 0.0) -> float:
    """w, of a, b, y and v (da/dy - db/dy) at the pixels J; one half where a and b are the same."""
    apart = learned - filtered
    return float(np.clip(np.sum((data - filtered) * apart - kept) / np.sum(apart**2), 0, 1)) if np.any(apart) else 0.5
