r"""Least squares by conjugate gradients: CG-SENSE for parallel MRI.

    (H*H + lambda) x = H*y

Reference: Pruessmann et al., Magn. Reson. Med. 46, 638 (2001).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.core.linear import Residual, conjugate_gradient_step, first_residual
from unsup_jax.methods.classical.iterative import Iterate, Iterative, misfit


@dataclass(frozen=True)
class ConjugateGradient(Iterative):
    """Least squares with a little Tikhonov regularisation by conjugate gradients: CG-SENSE for parallel MRI.

    Stopped early, the iteration count regularises too.
    """

    reference: ClassVar[str] = "Pruessmann 2001"

    steps: int = 10
    """Iterations."""
    weight: float = 0.0
    """lambda, the Tikhonov weight."""

    def start(self, one: Measurement, at: Iterate) -> tuple[Residual, Array]:
        damping = self.weight * self._weight(at.curvature)
        return first_residual(self._matrix(one, damping), at.back), damping

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        residual, damping = at.memory
        new = conjugate_gradient_step(self._matrix(one, damping), residual)
        normal = at.back - new.r - damping.astype(new.x.dtype) * new.x
        return new.x, (new, damping), misfit(one, at.back, new.x, normal)

    def _needs_curvature(self):
        return self.relative and not (isinstance(self.weight, float) and self.weight == 0)

    def _matrix(self, one, damping):
        return lambda x: one.operator.normal(x) + damping.astype(x.dtype) * x
