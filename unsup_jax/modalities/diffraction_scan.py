"""Optical diffraction tomographs that scan the light over a specimen at rest."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.modalities.diffraction import IndexTomograph
from unsup_jax.operators import DiffractionScan
from unsup_jax.operators.diffraction_scan import cone


@dataclass(frozen=True)
class ScanningTomograph(IndexTomograph):
    """Optical diffraction tomography of volumes [z, y, x] under Rytov's approximation, lit within a cone about z.

    Grey values become a refractive index, as of `DiffractionTomograph`. Of its Fourier coefficients those of the missing cone are not measured.
    Raises `InputError` on pixels that are too large for the wavelength, on angles outside (0, 90) degrees, an aperture that the medium does not
    have, and images that are no volumes.
    """

    name: ClassVar[str] = "scanning diffraction tomography"

    views: int = 60
    """Directions of illumination."""
    cone_degrees: float = 45.0
    """Largest angle of illumination from the optical axis, in the medium."""
    numerical_aperture: float = 1.2
    """Of the objective behind the specimen."""
    gridded: bool = True
    """Bring the views onto the grid of the potential's Fourier coefficients, which are then the measurement."""

    def __post_init__(self):
        super().__post_init__()
        if self.views < 1 or not 0 < self.cone_degrees < 90:
            raise InputError(f"ScanningTomograph takes views >= 1 in a cone of (0, 90) degrees, not {self.views}, {self.cone_degrees}")
        if not 0 < self.numerical_aperture < self.medium_index:
            raise InputError(f"a numerical aperture of {self.numerical_aperture}; in a medium of index {self.medium_index} it lies below that")

    def operator(self, key: Array, x: Array) -> DiffractionScan:
        if x.ndim != 4:
            raise InputError(f"ScanningTomograph images volumes; this specimen has the shape {x.shape}: give --data.dimensions 3")
        aperture = self.numerical_aperture / self.medium_index
        return DiffractionScan(cone(self.views, float(np.deg2rad(self.cone_degrees))), jnp.float32(self.wavenumber), jnp.float32(aperture), x.shape[:-1])
