r"""Extrapolation of known Fourier coefficients by a constraint: ISTA of step one with a constraint C for R.

    x <- P_C(x + F* m (y - F x))

References: Gerchberg, Opt. Acta 21, 709 (1974); Papoulis, IEEE Trans. Circuits Syst. 22, 735 (1975).
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.methods.classical.proximal_gradient import ProximalGradient
from unsup_jax.priors import NonNegative, Prior


@dataclass(frozen=True)
class GerchbergPapoulis(ProximalGradient):
    """Known Fourier coefficients and a known range or support, imposed in turn.

    Raises `InputError` where ||H|| is above 1: H is `Fourier`, or samples coefficients of another unitary transform.
    """

    reference: ClassVar[str] = "Gerchberg 1974; Papoulis 1975"

    prior: Prior = NonNegative()
    """The constraint C."""
    accelerated: bool = False
    """Nesterov's extrapolation."""
    step_size: float | None = 1.0
    """One replaces the known coefficients entirely."""

    @property
    def label(self) -> str:
        return "Gerchberg-Papoulis"

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        norm = float(measurement.operator.norm(jnp.asarray(measurement.y)))
        if norm > 1.01:
            raise InputError(f"{self.label} takes samples of a unitary transform; {type(measurement.operator).__name__} has ||H||^2 = {norm:.3g}")
