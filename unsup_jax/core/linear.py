r"""Conjugate gradients for Hermitian positive systems A x = b (Hestenes and Stiefel, 1952).

    alpha = <r, r> / <p, A p>,   x += alpha p,   r -= alpha A p,   p = r + (<r', r'> / <r, r>) p

as one scan of a fixed length, so that derivatives through it are those of the truncated iteration, exact for
complex systems too. An iteration whose residual has vanished, but for rounding, changes nothing: of an A that is singular, such as
that of a single coil, rounding would be solved for where A has almost no answer, and its derivatives overflow.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array


class Residual(struct.PyTreeNode):
    """The memory of the iteration: x, the residual b - A x, the direction p, <r, r>, and what of <r, r> is rounding."""

    x: Array
    r: Array
    p: Array
    energy: Array
    rounding: Array


def first_residual(A: Callable[[Array], Array], b: Array, start: Array | None = None) -> Residual:
    """The iteration before its first step, from `start` or zero."""
    r = b if start is None else b - A(start)
    rounding = (16 * jnp.finfo(b.dtype).eps) ** 2 * inner(b, b)
    return Residual(jnp.zeros_like(b) if start is None else start, r, r, inner(r, r), rounding)


def conjugate_gradient_step(A: Callable[[Array], Array], at: Residual) -> Residual:
    """One step."""
    Ap = A(at.p)
    curvature = inner(at.p, Ap)
    left = (at.energy > at.rounding) & (curvature > 0)
    alpha = jnp.where(left, at.energy / jnp.where(left, curvature, 1), 0).astype(at.x.dtype)
    r = at.r - alpha * Ap
    energy = inner(r, r)
    beta = jnp.where(left, energy / jnp.where(left, at.energy, 1), 0).astype(at.x.dtype)
    return Residual(at.x + alpha * at.p, r, r + beta * at.p, energy, at.rounding)


def conjugate_gradient(A: Callable[[Array], Array], b: Array, *, start: Array | None = None, iterations: int = 10) -> Array:
    """x after `iterations` steps."""
    step = lambda at, _: (conjugate_gradient_step(A, at), None)
    return jax.lax.scan(step, first_residual(A, b, start), length=iterations)[0].x


def inner(a: Array, b: Array) -> Array:
    """Re <a, b>."""
    return jnp.sum(a.real * b.real + a.imag * b.imag) if jnp.iscomplexobj(a) else jnp.sum(a * b)
