r"""Stein's risk of an estimator, with its standard error, and the difference of two risks with its own.

For y = z + w with z = H x, Var[w] = v, and what an estimate says of the measurement, h(y) = H F(y) with Jacobian J = dh/dy, the mean
over the n numbers that were measured of

    risk = |h - y|^2 - v + 2 v_i J_ii                             has the mean of |h - z|^2                              (1)

(`losses.risk`: exactly for Gaussian noise, to first order in the gain for photons). The divergence is seen along P random directions
of signs b, each of the size of the noise there, D = v^(1/2), so that a step is the same part of the noise everywhere:

    sum_i v_i J_ii = E_b b^T m,     m = D (h(y + tau D b) - h(y)) / tau = D J D b                                        (2)

How far (1) is from the loss |h - z|^2 of this very y follows by Stein's identity used twice (Bellec and Zhang, Ann. Statist. 49, 1864
(2021)), and the directions of (2) add the variance of what is off the diagonal of D J D. With tr (D J D)^2 = |m|^2, as of a symmetric J,
and the diagonal a v, the same part of the noise everywhere,

    n^2 Var[risk - loss] = 4 sum v |h - y|^2 - 2 sum v^2 + 4 |m|^2 + (8 / P) (|m|^2 - a^2 sum v^2)                       (3)

Of the difference between two estimators, seen along the same directions, what both have in common falls out:

    n^2 Var[difference] = 4 sum v |h_1 - h_2|^2 + 4 |m_1 - m_2|^2 + (8 / P) (|m_1 - m_2|^2 - (a_1 - a_2)^2 sum v^2)      (4)

Where v is estimated from counts of few photons, its own noise makes (3) and (4) too large, by a tenth at ten.

Of complex y, whose w has E |w|^2 = v, real and imaginary part have v / 2 each, and (3) and (4) are half of that.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses.objective import Estimator
from unsup_jax.losses.risk import signs
from unsup_jax.trust.difference import Difference

predicted = jax.jit(lambda H, x: H(x))
"""H(x), compiled."""


@dataclass(frozen=True)
class SteinRisk:
    """The risk of an estimator from one measurement."""

    value: float
    """The mean square error against H x, in the units of y squared; below zero where chance makes it so."""
    error: float
    """Its standard error."""
    made: np.ndarray
    """h(y), with zeros where nothing was measured."""
    moved: np.ndarray
    """m of each direction, [P, *y.shape]."""
    kept: float
    """a, the part of its own noise that an estimate keeps in a pixel."""
    variance: np.ndarray
    """v of each number, zero where nothing was measured."""
    measured: float
    """n."""
    directions: np.ndarray
    """The data of the key that drew b."""

    @property
    def estimations(self) -> int:
        """Estimates that were made for it."""
        return 1 + len(self.moved)

    def squared_errors(self, y) -> np.ndarray:
        """(1) of each number, whose mean over any set of them has the mean of |h - z|^2 there."""
        keys = jax.random.split(jax.random.wrap_key_data(self.directions), len(self.moved))
        divergence = np.mean([(np.conj(wide(signs(key, y))) * moved).real for key, moved in zip(keys, self.moved)], 0)
        return np.where(self.variance != 0, np.abs(self.made - wide(y)) ** 2 - self.variance + 2 * divergence, 0)

    def minus(self, other: "SteinRisk") -> Difference:
        """risk - other risk, by (4). Raises `InputError` on a risk along other directions, or of another measurement."""
        if self.moved.shape != other.moved.shape or not np.array_equal(self.directions, other.directions):
            raise InputError("risks are compared along the same directions: give the same key, the same measurement and as many directions")
        spread = _deviation(self.variance, self.made - other.made, self.moved - other.moved, self.kept - other.kept)
        return Difference(self.value - other.value, spread / self.measured)


def stein_risk(key: jax.Array, F: Estimator, one: Measurement, *, directions: int = 1, tau: float = 0.1, estimate=None) -> SteinRisk:
    """The risk of F from the measurement y of `one`, whose noise is known and independent between pixels, by (1) to (3).

    `tau` is the step in standard deviations of the noise: far above the rounding of float32, and wide enough to average over the
    thresholds of methods that are not smooth. F is asked for `1 + directions` estimates, or for one less where its `estimate` of y is given.
    Raises `InputError` where no noise model is given, on one that is not known from y alone, and on fewer than one direction.
    """
    if one.noise is None:
        raise InputError("Stein's risk needs the noise model of the measurement; held-out data do without")
    if directions < 1 or not tau > 0:
        raise InputError(f"Stein's risk needs one direction or more and tau > 0, not {directions} and {tau}")
    y = jnp.asarray(one.y)
    there = np.broadcast_to(np.asarray(one.operator.measured(y) if one.operator.linear else 1.0, np.float64) > 0, y.shape)
    v = np.where(there, np.asarray(one.noise.estimated_variance(y), np.float64), 0)
    D = np.sqrt(np.abs(v))                                        # estimated from y, a variance may be below zero
    h = lambda y: np.where(there, wide(predicted(one.operator, jnp.asarray(F(one.replace(y=y))))), 0)
    at_y = h(y) if estimate is None else np.where(there, wide(predicted(one.operator, jnp.asarray(estimate))), 0)
    divergence, moved = 0.0, []
    for key_b in jax.random.split(key, directions):
        b = wide(signs(key_b, y))
        Jb = (h(jnp.asarray(np.asarray(y) + tau * D * b, y.dtype)) - at_y) / tau
        moved.append(np.sign(v) * D * Jb)
        divergence += np.sum((np.conj(b) * moved[-1]).real) / directions
    r, n, moved = at_y - np.where(there, wide(y), 0), float(there.sum()), np.stack(moved)
    value = (np.sum(np.abs(r) ** 2) - v.sum() + 2 * divergence) / n
    kept = float(divergence / max(v.sum(), 1e-300))
    error = _deviation(v, r, moved, kept, -2 * np.sum(v**2)) / n
    return SteinRisk(float(value), error, at_y, moved, kept, v, n, np.asarray(jax.random.key_data(key)))


def _deviation(v, apart, moved, kept, constant=0.0):
    """The root of (3) or (4), of what two predictions are apart and of the differences of their m [P, ...] and a."""
    part = 0.5 if np.iscomplexobj(apart) else 1.0
    second = np.mean(np.sum(np.abs(moved) ** 2, tuple(range(1, moved.ndim))))
    directions = 8 / len(moved) * max(second - kept**2 * np.sum(v**2), 0.0)
    return float(np.sqrt(part * max(4 * np.sum(v * np.abs(apart) ** 2) + constant + 4 * second + directions, 0.0)))


def wide(array):
    """An array on the host, in double precision."""
    array = np.asarray(array)
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)
