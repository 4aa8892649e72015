r"""The alternating direction method of multipliers, in scaled form.

    x <- (H*H + rho)^-1 (H*y + rho (z - u)),   z <- prox_{R / rho}(x + u),   u <- u + x - z          (4)

Reference: Boyd et al., Found. Trends Mach. Learn. 3, 1 (2011).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.methods.classical.iterative import Iterate, Iterative, misfit
from unsup_jax.priors import Prior, TotalVariation


@dataclass(frozen=True)
class ADMM(Iterative):
    """The alternating direction method of multipliers for eq. (4), in scaled form."""

    reference: ClassVar[str] = "Boyd 2011"

    prior: Prior = TotalVariation()
    """R(z)."""
    rho: float = 0.1
    """Penalty of the constraint x = z, in units of ||H||^2."""
    inner_iterations: int = 5
    """Conjugate gradients in each iteration, from the x before, where H has no closed form."""

    @property
    def label(self) -> str:
        return f"ADMM-{type(self.prior).__name__}"

    def start(self, one: Measurement, at: Iterate) -> tuple[Array, Array, Array]:
        return at.x, jnp.zeros_like(at.x), self.rho * at.curvature

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        z, u, rho = at.memory
        b = at.back + rho.astype(u.dtype) * (z - u)
        x = one.operator.inverse(b, rho, start=at.x, iterations=self.inner_iterations)
        z = self.prior.prox(x + u, self._weight(at.curvature) / rho)
        normal = b - rho.astype(x.dtype) * x  # H* H x, since x solves its system
        return x, (z, u + x - z, rho), misfit(one, at.back, x, normal)

    def reconstruct(self, key: Array, state: Iterate, measurement: Measurement) -> Array:
        """z, which obeys the prior."""
        return state.unit.astype(state.x.dtype) * state.memory[0]
