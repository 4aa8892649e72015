r"""Gradient descent, for linear and nonlinear H.

    x <- x - eta (grad c(x) + grad R(x)),   c(x) = 1/2 ||y - H(x)||^2                                (3)
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import ANYTHING, Measurement, Takes
from unsup_jax.core.linear import inner
from unsup_jax.methods.classical.iterative import Iterate, Iterative
from unsup_jax.priors import Prior, Zero


@dataclass(frozen=True)
class GradientDescent(Iterative):
    """Eq. (3), for linear and nonlinear H; the step is halved whenever it would not descend."""

    reference: ClassVar[str] = "eq. (3)"
    takes: ClassVar[Takes] = ANYTHING

    prior: Prior = Zero()
    """R(x), differentiable almost everywhere."""
    step_size: float = 1.0
    """eta of the first iteration, in units of the inverse curvature along the gradient."""

    @property
    def label(self) -> str:
        return "GradientDescent" if self.prior == Zero() else f"GradientDescent-{type(self.prior).__name__}"

    def start(self, one: Measurement, at: Iterate) -> tuple[Array, Array]:
        gradient = self._gradient(one, at.x, at.curvature)
        along = jax.jvp(one.operator, (at.x,), (gradient,))[1]
        steepness = inner(along, along) / jnp.maximum(inner(gradient, gradient), 1e-30)
        return self.step_size / jnp.maximum(steepness, 1e-30), self._cost(one, at.x, at.curvature)

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        eta, cost = at.memory
        gradient = self._gradient(one, at.x, at.curvature)
        x = at.x - eta.astype(at.x.dtype) * gradient
        new = self._cost(one, x, at.curvature)
        descends = new <= cost - 1e-4 * eta * inner(gradient, gradient)
        x = jnp.where(descends, x, at.x)
        return x, (jnp.where(descends, 1.3 * eta, 0.5 * eta), jnp.where(descends, new, cost)), self._misfit(one, x)

    def _needs_curvature(self):
        return self.relative and self.prior != Zero()

    def _misfit(self, one, x):
        residual = one.operator(x) - one.y
        return 0.5 * inner(residual, residual)

    def _cost(self, one, x, curvature):
        return self._misfit(one, x) + self._weight(curvature) * self.prior(x)

    def _gradient(self, one, x, curvature):
        weight = self._weight(curvature).astype(x.dtype)
        return jnp.conj(jax.grad(lambda x: self._misfit(one, x))(x)) + weight * self.prior.gradient(x)
