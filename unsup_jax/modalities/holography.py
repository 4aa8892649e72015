"""Holographic microscopes, in line at several distances from focus, and off axis."""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core import Operator
from unsup_jax.core.phasors import cis
from unsup_jax.errors import InputError
from unsup_jax.modalities.coherent import CoherentMicroscope
from unsup_jax.operators import Hologram
from unsup_jax.operators.pupil import frequencies


@dataclass(frozen=True)
class HolographicMicroscope(CoherentMicroscope):
    """Amplitudes of the light that a specimen let through, at some distances from its focus.

    Raises `InputError` on no distance, on a length or an aperture that is not positive, and on pixels that are too large for a lens.
    """

    name: ClassVar[str] = "holography"

    distances_um: tuple[float, ...] = (-6.0, -2.0, 2.0, 6.0)
    """From the focus to the sensor, in the specimen's space."""
    wavelength_um: float = 0.5
    """Of the light."""
    pixel_size_um: float = 0.3
    """The camera's pixels in the specimen."""
    numerical_aperture: float | None = 0.5
    """Of the objective; None for a sensor without a lens, which has no aberrations either."""
    reference: float = 0.0
    """Amplitude of a plane wave that is added off axis; 0 for in-line holograms."""
    carrier: tuple[float, float] = (0.25, 0.25)
    """Its frequency in rows and columns, cycles per pixel; it is rounded to whole cycles of the image."""

    def __post_init__(self):
        super().__post_init__()
        lengths = {name: getattr(self, name) for name in ("wavelength_um", "pixel_size_um", "numerical_aperture")}
        if not self.distances_um or any(value is not None and not value > 0 for value in lengths.values()):
            raise InputError(f"HolographicMicroscope needs a distance or more and positive {', '.join(lengths)}, not {self.distances_um} and "
                             f"{', '.join(str(value) for value in lengths.values())}")
        if self.numerical_aperture is not None and self._cutoff > 0.5:
            raise InputError(f"pixels of {self.pixel_size_um} um are too large for waves of {self.wavelength_um} um and a numerical aperture of "
                             f"{self.numerical_aperture}: {self.wavelength_um / self.numerical_aperture / 2:.3g} um at most")
        if self.numerical_aperture is None and self.aberrations:
            raise InputError("HolographicMicroscope without a lens (numerical_aperture None) has no aberrations")

    def operator(self, key: Array, x: Array) -> Operator:
        shape = x.shape[:2]
        pupil = reference = None
        if self.numerical_aperture is not None:
            pupil = (jnp.hypot(*frequencies(shape)) <= self._cutoff).astype(jnp.complex64)
        if self.reference:
            rows, columns = (2 * np.pi * round(q * n) / n * np.arange(n) for q, n in zip(self.carrier, shape))
            reference = self.reference * cis(jnp.asarray(rows[:, None] + columns[None], jnp.float32))
        distances = jnp.asarray(self.distances_um, jnp.float32) / self.pixel_size_um
        wavenumber = jnp.float32(2 * np.pi * self.pixel_size_um / self.wavelength_um)
        return Hologram(distances, wavenumber, pupil, reference, amplitude=True)

    @property
    def _cutoff(self):
        """Of the lens, cycles per pixel."""
        return self.numerical_aperture / self.wavelength_um * self.pixel_size_um
