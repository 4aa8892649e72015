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

An estimate that overfits what H attenuates predicts the measurement well and is a poor image. Of a linear H the risk of the image, in so
far as the data resolve it, is that of A h with the regularised inverse A = (H* H + mu)^-1 H*, and with M = A* A and N pixels of x

    N risk = |A (h - y)|^2 - tr M V + 2 tr M J V          has the mean of |A (h - z)|^2,     tr M V = E_b |A D b|^2         (5)

M stands between the factors of (3) and (4): D M in the place of D. mu is the variance of the noise over the mean square of H* y / ||H||^2,
below which eigenvalues of H* H bring more noise than image, times what `regularised` says: less of it lets the risk see finer detail, in
which methods differ most, and makes it noisier.

Of complex y, whose w has E |w|^2 = v, real and imaginary part have v / 2 each, and (3) and (4) are half of that.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses.objective import Estimator
from unsup_jax.losses.risk import signs
from unsup_jax.trust.difference import Difference

_ITERATIONS = 50         # of conjugate gradients, where H has no closed inverse

predicted = jax.jit(lambda H, x: H(x))
"""H(x), compiled."""


@dataclass(frozen=True)
class SteinRisk:
    """The risk of an estimator from one measurement."""

    value: float
    """The mean square error, in the units of y, or of x, squared; below zero where chance makes it so."""
    error: float
    """Its standard error."""
    made: np.ndarray
    """h(y), with zeros where nothing was measured."""
    pulled: np.ndarray
    """D M (h - y)."""
    moved: np.ndarray
    """m of each direction, [P, *y.shape]."""
    kept: float
    """a, the part of its own noise that an estimate keeps in a pixel; zero in the risk of an image, of which it is not known."""
    variance: np.ndarray
    """v of each number, zero where nothing was measured."""
    count: float
    """n, or N of the risk of an image."""
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
        kept = (self.kept - other.kept) ** 2 * np.sum(self.variance**2)
        spread = _deviation(self.pulled - other.pulled, self.moved - other.moved, 2 * (self.moved - other.moved), 4 * kept)
        return Difference(self.value - other.value, spread / self.count)


def stein_risk(
    key: jax.Array, F: Estimator, one: Measurement, *, of: Literal["data", "image"] = "data", directions: int = 1, tau: float = 0.1, regularised: float = 1.0,
    estimate=None,
) -> SteinRisk:
    """The risk of F from the measurement y of `one`, whose noise is known and independent between pixels: of H x by (1), of the image by (5).

    `tau` is the step in standard deviations of the noise: far above the rounding of float32, and wide enough to average over the
    thresholds of methods that are not smooth. F is asked for `1 + directions` estimates, or for one less where its `estimate` of y is
    given. Raises `InputError` where no noise model is given, on one that is not known from y alone, on fewer than one direction, and on the
    image of an H that is not linear.
    """
    H, y = one.operator, jnp.asarray(one.y)
    if one.noise is None:
        raise InputError("Stein's risk needs the noise model of the measurement; held-out data do without")
    if directions < 1 or not tau > 0:
        raise InputError(f"Stein's risk needs one direction or more and tau > 0, not {directions} and {tau}")
    if of == "image" and not H.linear:
        raise InputError(f"the risk of the image needs a linear operator, not {type(H).__name__}")
    there = np.broadcast_to(np.asarray(H.measured(y) if H.linear else 1.0, np.float64) > 0, y.shape)
    v = np.where(there, np.asarray(one.noise.estimated_variance(y), np.float64), 0)
    D = np.sqrt(np.abs(v))                                        # estimated from y, a variance may be below zero
    h = lambda y: np.where(there, wide(predicted(H, jnp.asarray(F(one.replace(y=y))))), 0)
    at_y = h(y) if estimate is None else np.where(there, wide(predicted(H, jnp.asarray(estimate))), 0)
    r, n = at_y - np.where(there, wide(y), 0), float(there.sum())
    image = of == "image" and not H.identity
    A, M = _inverse(H, y, v.sum() / n, regularised) if image else (lambda r: r,) * 2       # M of A
    divergence, moved, around = 0.0, [], []
    for key_b in jax.random.split(key, directions):
        b = wide(signs(key_b, y))
        Jb = (h(jnp.asarray(np.asarray(y) + tau * D * b, y.dtype)) - at_y) / tau
        moved.append(np.sign(v) * D * M(A(Jb)))
        divergence += 2 * np.sum((np.conj(b) * moved[-1]).real) / directions
        if image:
            around.append(D * M(A(D * b)))
            divergence -= np.sum((np.conj(np.sign(v) * b) * around[-1]).real) / directions
    seen = A(r)
    moved, pulled = np.stack(moved), D * M(seen)
    if image:
        n = float(np.prod(H.domain(y).shape))
        around, kept = np.stack(around), 0.0
        constant, off, diagonal = -2 * np.mean(np.sum(np.abs(around) ** 2, tuple(range(1, around.ndim)))), 2 * moved - around, 0.0
    else:
        kept, divergence = float(divergence / 2 / max(v.sum(), 1e-300)), divergence - v.sum()
        constant, off, diagonal = -2 * np.sum(v**2), 2 * moved, 4 * kept**2 * np.sum(v**2)
    value = (np.sum(np.abs(seen) ** 2) + divergence) / n
    error = _deviation(pulled, moved, off, diagonal, constant) / n
    return SteinRisk(float(value), error, at_y, pulled, moved, kept, v, n, np.asarray(jax.random.key_data(key)))


def _deviation(pulled, moved, off, diagonal, constant=0.0):
    """The root of (3) or (4): of D M times what is apart, of m [P, ...], and of the directions' form `off` b less its diagonal."""
    part = 0.5 if np.iscomplexobj(pulled) else 1.0
    square = lambda each: np.mean(np.sum(np.abs(each) ** 2, tuple(range(1, each.ndim))))
    directions = 2 / len(moved) * max(square(off) - diagonal, 0.0)
    return float(np.sqrt(part * max(4 * np.sum(np.abs(pulled) ** 2) + constant + 4 * square(moved) + directions, 0.0)))


def _inverse(H, y, variance, regularised=1.0):
    """A of (5), and the map of A r to M r."""
    if H.projects and not jnp.iscomplexobj(y) and _back_projects(H):
        window = "hann" if regularised >= 1 else "ram-lak"
        back = lambda r: wide(_projected_back(H, jnp.asarray(r, y.dtype), window))
        return back, lambda x: wide(_filtered_views(H, jnp.asarray(x, y.dtype), y, window))
    norm = H.norm(y)
    start = wide(H.adjoint(y)) / float(norm)
    mu = jnp.asarray(regularised * variance / max(np.mean(np.abs(start) ** 2), 1e-300), y.real.dtype)
    return (lambda r: wide(_inverted(H, jnp.asarray(r, y.dtype), mu))), (lambda x: wide(_inverted_again(H, jnp.asarray(x), mu, y)))


def _back_projects(H):
    """Whether these views can be filtered and projected back."""
    try:
        H.check_views()
    except InputError:
        return False
    return True


@jax.jit
def _inverted(H, r, mu):
    return H.inverse(H.adjoint(r), mu, iterations=_ITERATIONS)


@jax.jit
def _inverted_again(H, x, mu, y):
    return H(H.inverse(x.astype(H.domain(y).dtype), mu, iterations=_ITERATIONS))


@partial(jax.jit, static_argnames="window")
def _projected_back(H, r, window):
    return H.back_project(r, window=window)


@partial(jax.jit, static_argnames="window")
def _filtered_views(H, x, y, window):
    """A* x."""
    return jnp.conj(jax.linear_transpose(lambda r: H.back_project(r, window=window), y)(jnp.conj(x))[0])


def wide(array):
    """An array on the host, in double precision."""
    array = np.asarray(array)
    return array.astype(np.complex128 if np.iscomplexobj(array) else np.float64)
