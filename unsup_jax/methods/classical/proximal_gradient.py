r"""Proximal gradients: FISTA, or ISTA where m_k = 0.

    v = x + m_k (x - x_old),    x <- prox_{eta R}(v - eta H*(H v - y))

with Nesterov's m_k = (t_k - 1) / t_{k+1}, t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2. Reference: Beck and Teboulle, SIAM J.
Imaging Sci. 2, 183 (2009).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.methods.classical.iterative import Iterate, Iterative, misfit
from unsup_jax.priors import Prior, TotalVariation


@dataclass(frozen=True)
class ProximalGradient(Iterative):
    """Proximal gradients: FISTA, or ISTA without acceleration."""

    reference: ClassVar[str] = "Beck & Teboulle 2009"

    prior: Prior = TotalVariation()
    """R(x)."""
    accelerated: bool = True
    """Nesterov's extrapolation."""
    step_size: float | None = None
    """eta; None takes 0.95 / ||H||^2."""

    @property
    def label(self) -> str:
        return f"{'FISTA' if self.accelerated else 'ISTA'}-{type(self.prior).__name__}"

    def start(self, one: Measurement, at: Iterate) -> tuple[Array, Array, Array]:
        eta = 0.95 / at.curvature if self.step_size is None else jnp.asarray(self.step_size, at.x.real.dtype)
        return at.x, jnp.ones((), at.x.real.dtype), eta

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        v, t, eta = at.memory
        normal = one.operator.normal(v)
        x = self.prior.prox(v - eta.astype(v.dtype) * (normal - at.back), eta * self._weight(at.curvature))
        later = (1 + jnp.sqrt(1 + 4 * t * t)) / 2
        momentum = (t - 1) / later if self.accelerated else jnp.zeros_like(t)
        return x, (x + momentum.astype(x.dtype) * (x - at.x), later, eta), misfit(one, at.back, v, normal)
