r"""Iterations for the regularised least squares of eq. (2), min over x of 1/2 ||y - H(x)||^2 + R(x).

    GradientDescent      x <- x - eta (grad c(x) + grad R(x))                                        (3)
    ProximalGradient     x <- prox_{eta R}(v - eta H*(H v - y)),  v = x + m_k (x - x_old)            FISTA, m_k = 0: ISTA
    ADMM                 x <- (H*H + rho)^-1 (H*y + rho (z - u)),  z <- prox_{R / rho}(x + u),  u <- u + x - z    (4)
    VariableSplitting    z <- prox_{R / mu}(x),  x <- (H*H + mu)^-1 (H*y + mu z)                     (5a), (5b)
    ConjugateGradient    (H*H + lambda) x = H*y
    GerchbergPapoulis    x <- P_C(x + F* m (y - F x)):  ISTA of step one with a constraint for R

With c = 1/2 ||y - H(x)||^2 the factor two of the article's c is in R. `prior` is any of `unsup_jax.priors`, a
denoiser among them (`PlugAndPlay`, `RED`). Unless `relative` is False, for a linear H the image is counted in units
of the largest modulus of its first guess, and c in units of ||H||^2, so that one weight serves all units and instruments.

Each method's `update` is one iteration, which reports 1/2 ||y - H(x)||^2 (`fidelity`), R (`prior`) and the relative
`change` of x. References: Beck and Teboulle, SIAM J. Imaging Sci. 2, 183 (2009); Boyd et al., Found. Trends Mach.
Learn. 3, 1 (2011); Pruessmann et al., Magn. Reson. Med. 46, 638 (2001); Papoulis, IEEE Trans. Circuits Syst. 22,
735 (1975).
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import ANYTHING, LINEAR, LinearOperator, Measurement, Method, Takes
from unsup_jax.core.linear import Residual, conjugate_gradient_step, first_residual, inner
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError
from unsup_jax.priors import NonNegative, Prior, TotalVariation, Zero


class Iterate(struct.PyTreeNode):
    """The state of an iteration."""

    x: Array
    unit: Array
    """The image is x times this."""
    back: Array | None
    """H* y, for a linear H."""
    curvature: Array
    """||H||^2, by 20 power iterations; one where it is not used."""
    memory: Any
    """What the method keeps from one iteration to the next."""


@dataclass(frozen=True)
class Iterative(Method):
    """What the iterations share. A subclass writes `start` and `iterate`."""

    scope: ClassVar[Literal["dataset", "measurement"]] = "measurement"
    takes: ClassVar[Takes] = LINEAR

    prior: Prior = Zero()
    """R(x)."""
    steps: int = 100
    """Iterations."""
    relative: bool = True
    """Count the image in units of its first guess and the misfit in units of ||H||^2, where H is linear."""

    def start(self, one: Measurement, x: Array, back: Array | None, curvature: Array) -> Any:
        """The memory before the first iteration."""
        raise NotImplementedError

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        """(x, memory, 1/2 ||y - H v||^2) after one iteration, v the point where the iteration looked."""
        raise NotImplementedError

    def init(self, key: Array, example: Measurement) -> Iterate:
        self.require(example)
        H = example.operator
        x = H.guess(example.y)
        largest = jnp.abs(x).max()
        scaled = isinstance(H, LinearOperator) and self.relative
        unit = jnp.where(largest > 0, largest, 1) if scaled else jnp.ones_like(largest)
        one, x = self._in_units(example, unit), x / unit.astype(x.dtype)
        back = H.adjoint(example.y) / unit.astype(x.dtype) if isinstance(H, LinearOperator) else None  # the guess's own H* y
        curvature = jnp.ones((), x.real.dtype)
        if isinstance(H, LinearOperator) and self._needs_curvature():
            norm = H.norm(one.y)
            curvature = jnp.where(norm > 0, norm, curvature)
        return Iterate(x, unit, back, curvature, self.start(one, x, back, curvature))

    def update(self, key: Array, state: Iterate, batch: Measurement) -> tuple[Iterate, Metrics]:
        x, memory, fidelity = self.iterate(self._in_units(batch, state.unit), state)
        change = jnp.sqrt(inner(x - state.x, x - state.x) / jnp.maximum(inner(x, x), 1e-30))
        return state.replace(x=x, memory=memory), {"fidelity": fidelity, "prior": self.prior(x), "change": change}

    def reconstruct(self, key: Array, state: Iterate, measurement: Measurement) -> Array:
        return state.unit.astype(state.x.dtype) * state.x

    def _needs_curvature(self):
        return True

    def _weight(self, curvature):
        """What R is multiplied by, beside c."""
        return curvature if self.relative else jnp.ones_like(curvature)

    def _in_units(self, one, unit):
        return one.replace(y=one.y / unit.astype(one.y.dtype))


def _fidelity(one, back, x, normal):
    """1/2 ||y - H x||^2 from H* y and H* H x, without another H."""
    return 0.5 * inner(one.y, one.y) - inner(back, x) + 0.5 * inner(x, normal)


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
        return "GradientDescent" if isinstance(self.prior, Zero) else f"GradientDescent-{type(self.prior).__name__}"

    def start(self, one: Measurement, x: Array, back: Array | None, curvature: Array) -> tuple[Array, Array]:
        gradient = self._gradient(one, x, curvature)
        along = jax.jvp(one.operator, (x,), (gradient,))[1]
        steepness = inner(along, along) / jnp.maximum(inner(gradient, gradient), 1e-30)
        return self.step_size / jnp.maximum(steepness, 1e-30), self._cost(one, x, curvature)

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        eta, cost = at.memory
        gradient = self._gradient(one, at.x, at.curvature)
        x = at.x - eta.astype(at.x.dtype) * gradient
        new = self._cost(one, x, at.curvature)
        descends = new <= cost - 1e-4 * eta * inner(gradient, gradient)
        x = jnp.where(descends, x, at.x)
        return x, (jnp.where(descends, 1.3 * eta, 0.5 * eta), jnp.where(descends, new, cost)), self._misfit(one, x)

    def _needs_curvature(self):
        return self.relative and not isinstance(self.prior, Zero)

    def _misfit(self, one, x):
        residual = one.operator(x) - one.y
        return 0.5 * inner(residual, residual)

    def _cost(self, one, x, curvature):
        return self._misfit(one, x) + self._weight(curvature) * self.prior(x)

    def _gradient(self, one, x, curvature):
        weight = self._weight(curvature).astype(x.dtype)
        return jnp.conj(jax.grad(lambda x: self._misfit(one, x))(x)) + weight * self.prior.gradient(x)


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

    def start(self, one: Measurement, x: Array, back: Array | None, curvature: Array) -> tuple[Array, Array, Array]:
        eta = 0.95 / curvature if self.step_size is None else jnp.asarray(self.step_size, x.real.dtype)
        return x, jnp.ones((), x.real.dtype), eta

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        v, t, eta = at.memory
        normal = one.operator.normal(v)
        x = self.prior.prox(v - eta.astype(v.dtype) * (normal - at.back), eta * self._weight(at.curvature))
        later = (1 + jnp.sqrt(1 + 4 * t * t)) / 2
        momentum = (t - 1) / later if self.accelerated else jnp.zeros_like(t)
        return x, (x + momentum.astype(x.dtype) * (x - at.x), later, eta), _fidelity(one, at.back, v, normal)


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

    def start(self, one: Measurement, x: Array, back: Array | None, curvature: Array) -> tuple[Array, Array, Array]:
        return x, jnp.zeros_like(x), self.rho * curvature

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        z, u, rho = at.memory
        b = at.back + rho.astype(u.dtype) * (z - u)
        x = one.operator.inverse(b, rho, start=at.x, iterations=self.inner_iterations)
        z = self.prior.prox(x + u, self._weight(at.curvature) / rho)
        normal = b - rho.astype(x.dtype) * x  # H* H x, since x solves its system
        return x, (z, u + x - z, rho), _fidelity(one, at.back, x, normal)

    def reconstruct(self, key: Array, state: Iterate, measurement: Measurement) -> Array:
        """z, which obeys the prior."""
        return state.unit.astype(state.x.dtype) * state.memory[0]


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

    def start(self, one: Measurement, x: Array, back: Array | None, curvature: Array) -> Array:
        return self.mu * curvature

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        mu = at.memory
        z = self.prior.prox(at.x, self._weight(at.curvature) / mu)                      # (5a)
        b = at.back + mu.astype(z.dtype) * z
        x = one.operator.inverse(b, mu, start=at.x, iterations=self.inner_iterations)   # (5b)
        return x, self.growth * mu, _fidelity(one, at.back, x, b - mu.astype(x.dtype) * x)


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

    def start(self, one: Measurement, x: Array, back: Array | None, curvature: Array) -> tuple[Residual, Array]:
        damping = self.weight * self._weight(curvature)
        return first_residual(self._matrix(one, damping), back), damping

    def iterate(self, one: Measurement, at: Iterate) -> tuple[Array, Any, Array]:
        residual, damping = at.memory
        new = conjugate_gradient_step(self._matrix(one, damping), residual)
        normal = at.back - new.r - damping.astype(new.x.dtype) * new.x
        return new.x, (new, damping), _fidelity(one, at.back, new.x, normal)

    def _needs_curvature(self):
        return self.relative and not (isinstance(self.weight, float) and self.weight == 0)

    def _matrix(self, one, damping):
        return lambda x: one.operator.normal(x) + damping.astype(x.dtype) * x
