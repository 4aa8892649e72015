r"""Errors of the Fourier transform, which weigh every frequency alike.

    SpectralError      (1/n) || |F x| - |F F_theta(y)| ||_1         F unitary over the axes of space
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.losses.fidelity import mean_absolute_error
from unsup_jax.losses.objective import Estimator, Objective


@dataclass(frozen=True)
class SpectralError(Objective):
    """The mean absolute error of the moduli of the spectra, of real and of complex images."""

    sees: ClassVar[frozenset[str]] = frozenset({"truth"})

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        spectrum = lambda x: jnp.abs(jnp.fft.fftn(x, axes=range(x.ndim - 1), norm="ortho") + 1e-12)     # |z| has no derivative at zero
        return mean_absolute_error(spectrum(F(one)), spectrum(one.truth)), {}
