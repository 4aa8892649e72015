"""What microscopes of coherent light share: a specimen that delays light, seen through a lens that may not be as methods are told."""

from dataclasses import dataclass

import jax
from jax import Array

from unsup_jax.core import Operator
from unsup_jax.core.phasors import as_complex, cis
from unsup_jax.errors import InputError
from unsup_jax.modalities.base import Modality
from unsup_jax.noise import Gaussian, NoiseModel


@dataclass(frozen=True)
class CoherentMicroscope(Modality):
    """The transmission (1 - absorption g) exp(i g) of specimens whose grey level is 100 g. Raises `InputError` on negative aberrations."""

    noise: NoiseModel = Gaussian(0.01)
    """Noise of the amplitudes, of an incident plane wave of amplitude one."""
    absorption: float = 0.2
    """Part of the amplitude that is lost where light is delayed by a radian; 0 for a pure phase object."""
    aberrations: float = 0.0
    """Deviation of each Zernike coefficient of the lens in the simulation, radians, drawn for each measurement; methods are told zero."""
    modes: int = 5
    """How many there are, from defocus on: two astigmatisms, two comas, two trefoils, spherical aberration."""

    def __post_init__(self):
        if self.aberrations < 0 or self.modes < 0:
            raise InputError(f"{type(self).__name__} needs aberrations and modes of 0 or more, not {self.aberrations} and {self.modes}")

    def specimen(self, x: Array) -> Array:
        return (1 - self.absorption * as_complex(x) / 100) * cis(x / 100)

    def truly(self, key: Array, operator: Operator) -> Operator:
        if not self.aberrations:
            return operator
        return operator.aberrated(self.aberrations * jax.random.normal(key, (self.modes,)))
