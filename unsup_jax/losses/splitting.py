r"""Splitting of a measurement: what was measured, Omega, in Theta that is shown and Lambda that is held out (eq. (16)).

    Omega = Theta u Lambda,   |Lambda| = rho |Omega|,      y_Theta = 1_Theta y,   H_Theta = 1_Theta H

for any operator: k-space points, detector pixels, angles, frames or image pixels. Lambda is drawn without replacement,
its exact size included, by the largest of log w + Gumbel noise (Efraimidis and Spirakis, 2006).
"""

from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import LinearOperator, Measurement
from unsup_jax.core.phasors import weighted
from unsup_jax.core.sampling import inclusion
from unsup_jax.errors import InputError


@dataclass(frozen=True)
class Split:
    """How Lambda is drawn. Raises `InputError` on a fraction outside (0, 1) or a negative width of the centre."""

    fraction: float = 0.4
    """rho, the part of the samples that is held out."""
    selection: Literal["gaussian", "uniform"] = "gaussian"
    """Weight w of a sample: a Gaussian of its spatial frequency, of a quarter of the width of k-space; or one, which it is
    also where the measurement is no spectrum."""
    protected: int = 4
    """Width of the centre of k-space that is never held out, samples of the grid; a measurement that is no spectrum has none."""
    axes: tuple[int, ...] | None = None
    """Axes of y along which samples are held out one by one, with all that lies along the others; None for those
    of the operator. (0,) of a sinogram holds out whole views."""

    def __post_init__(self):
        if not 0 < self.fraction < 1 or self.protected < 0:
            raise InputError(f"Split needs a fraction in (0, 1) and protected >= 0, not {self.fraction} and {self.protected}")

    def draw(self, key: Array, H: LinearOperator, y: Array) -> tuple[Array, Array]:
        """(Theta, Lambda): ones and zeros that broadcast against y."""
        Omega, weight, centre = self._samples(H, y)
        score = jnp.where(Omega & ~centre, jnp.log(weight) + jax.random.gumbel(key, Omega.shape, weight.dtype), -jnp.inf)
        count = jnp.round(self.fraction * jnp.sum(Omega, dtype=weight.dtype)).astype(jnp.int32)
        least = jnp.sort(score.ravel())[::-1][jnp.clip(count, 1, score.size) - 1]
        Lambda = Omega & (score >= least) & (score > -jnp.inf)
        return (Omega & ~Lambda).astype(y.real.dtype), Lambda.astype(y.real.dtype)

    def density(self, H: LinearOperator, y: Array) -> Array:
        """P(sample in Lambda | sample in Omega), to the approximation 1 - exp(-c w) of independent draws."""
        Omega, weight, centre = self._samples(H, y)
        return inclusion(jnp.where(Omega & ~centre, weight, 0), self.fraction * jnp.sum(Omega, dtype=weight.dtype))

    def _samples(self, H, y):
        """Omega, w and the protected centre, with one entry for each sample and length 1 along the other axes."""
        axes = H.sample_axes(y) if self.axes is None else self.axes
        if not set(axes) <= set(range(y.ndim)):
            raise InputError(f"Split holds out along the axes {axes}; the measurement has {y.ndim}")
        others = tuple(axis for axis in range(y.ndim) if axis not in axes)
        Omega = jnp.max(jnp.broadcast_to(H.measured(y), y.shape), others, keepdims=True) > 0
        weight, frequencies = jnp.ones(Omega.shape, y.real.dtype), H.frequencies(y)
        if frequencies is None:
            return Omega, weight, jnp.zeros_like(Omega)
        first = tuple(slice(0, 1) if axis in others else slice(None) for axis in range(y.ndim))  # of what is held out together
        k = [jnp.broadcast_to(f, y.shape)[first].astype(weight.dtype) for f in frequencies]
        grid = H.domain(y).shape[-1 - len(k):-1]
        centre = Omega
        for n, f in zip(grid, k):
            centre = centre & (f * n > -self.protected / 2 - 0.25) & (f * n < self.protected / 2 - 0.25)
        if self.selection == "gaussian":
            weight = jnp.exp(-sum(jnp.square(f) for f in k) / (2 * 0.25**2))
        return Omega, weight, centre


def restricted(one: Measurement, Theta: Array) -> Measurement:
    """(y_Theta, H_Theta): what is left of a measurement by a mask that broadcasts against y."""
    return one.replace(y=weighted(Theta, one.y), operator=one.operator.restricted(Theta))
