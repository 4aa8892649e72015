r"""Conjugate gradients for Hermitian positive systems A x = b (Hestenes and Stiefel, 1952).

    alpha = <r, r> / <p, A p>,   x += alpha p,   r -= alpha A p,   p = r + (<r', r'> / <r, r>) p

as one scan of a fixed length, so that derivatives through it are those of the truncated iteration, exact for
complex systems too. An iteration whose residual has vanished changes nothing.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array


class Residual(struct.PyTreeNode):
    """The memory of the iteration: x, the residual b - A x, the direction p, and <r, r>."""

    x: Array
    r: Array
    p: Array
    energy: Array


def first_residual(A: Callable[[Array], Array], b: Array, start: Array | None = None) -> Residual:
    """The iteration before its first step, from `start` or zero."""
    r = b if start is None else b - A(start)
    return Residual(jnp.zeros_like(b) if start is None else start, r, r, inner(r, r))


def conjugate_gradient_step(A: Callable[[Array], Array], at: Residual) -> Residual:
    """One step."""
    Ap = A(at.p)
    curvature = inner(at.p, Ap)
    alpha = jnp.where(curvature > 0, at.energy / jnp.where(curvature > 0, curvature, 1), 0).astype(at.x.dtype)
    r = at.r - alpha * Ap
    energy = inner(r, r)
    beta = jnp.where(at.energy > 0, energy / jnp.where(at.energy > 0, at.energy, 1), 0).astype(at.x.dtype)
    return Residual(at.x + alpha * at.p, r, r + beta * at.p, energy)


def conjugate_gradient(A: Callable[[Array], Array], b: Array, *, start: Array | None = None, iterations: int = 10) -> Array:
    """x after `iterations` steps."""
    step = lambda at, _: (conjugate_gradient_step(A, at), None)
    return jax.lax.scan(step, first_residual(A, b, start), length=iterations)[0].x


def inner(a: Array, b: Array) -> Array:
    """Re <a, b>."""
    return jnp.sum(a.real * b.real + a.imag * b.imag) if jnp.iscomplexobj(a) else jnp.sum(a * b)
