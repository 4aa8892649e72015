r"""Variable splitting with a quadratic penalty.

    z <- prox_{R / mu}(x)                                                                            (5a)
    x <- (H*H + mu)^-1 (H*y + mu z)                                                                  (5b)
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.methods.classical.iterative import Iterate, Iterative, misfit
from unsup_jax.priors import Prior, TotalVariation


@dataclass(frozen=True)
class VariableSplitting(Iterative):
    """Alternating minimisation with a quadratic penalty, eqs. (5a) and (5b)."""

    reference: ClassVar[str] = "eqs. (5a)-(5b)"

    prior: Prior = TotalVariation()
    """R(z)."""
    steps: int = 30
    """Iterations."""
    mu: float = 0.05
    """Penalty of x = z, in units of ||H||^2."""
    growth: float = 1.1
    """Factor of mu from one iteration to the next."""
    inner_iterations: int = 10
    """Conjugate gradients in each iteration, from the x before, where H has no closed form."""

    @property
    def label(self) -> str:
        return f"Splitting-{type(self.prior).__name__}"

    def start(self, one: Measurement, at: Iterate) -> Array:
        return self.mu * at.curvature

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        mu = at.memory
        z = self.prior.prox(at.x, self._weight(at.curvature) / mu)                      # (5a)
        b = at.back + mu.astype(z.dtype) * z
        x = one.operator.inverse(b, mu, start=at.x, iterations=self.inner_iterations)   # (5b)
        return x, self.growth * mu, misfit(one, at.back, x, b - mu.astype(x.dtype) * x)
