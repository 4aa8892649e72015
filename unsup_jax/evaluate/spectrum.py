"""Whether estimates have the texture of the truth: their power spectra, which an average of likely images has not at fine scales."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.evaluate.base import Analysis
from unsup_jax.evaluate.distributions import crops, spectrum_error


@dataclass(frozen=True)
class Spectrum(Analysis):
    """The distance of the radial power spectrum of all estimates together from the reference's, as a column of the table, decibels.

    Raises `InputError`, before anything is trained, on measurements of more than one shape. Of complex images it is that of the moduli.
    """

    def check(self, shapes: list[tuple[int, ...]]) -> None:
        if len(set(shapes)) > 1:
            raise InputError(f"the power spectrum is of images of one shape, not of {', '.join(map(str, sorted(set(shapes))))}")

    def scores(
        self, estimates: Sequence[np.ndarray], test: Sequence[Measurement], reference: Sequence[np.ndarray],
    ) -> dict[str, float]:
        if not reference:
            return {}
        made = np.stack(estimates)
        real = crops(reference, made.shape[1:], len(made))
        return {"power spectrum (dB)": spectrum_error(*(np.abs(x) if np.iscomplexobj(x) else x for x in (made, real)))}
