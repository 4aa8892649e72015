"""Forward operators: the H of `y = H(x) + w` (eq. 1).

An operator is a pytree whose leaves are its arrays (mask, PSF, angles), so that it is an argument of jitted
code, differs from sample to sample under `vmap`, and is differentiated like any other array. A linear
operator writes `__call__` alone: its adjoint is the transpose that JAX derives, so that gradient, adjoint
and solver cannot disagree.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array


class Operator(struct.PyTreeNode):
    """A forward operator y = H(x) of one measurement; batches come from `vmap`."""

    local: ClassVar[bool] = False
    """Each output pixel depends on the input pixel at its own place alone: patches and tiles are exact."""

    def __call__(self, x: Array) -> Array:
        """The noise-free measurement H(x)."""
        raise NotImplementedError


class LinearOperator(Operator):
    """A linear H, with the Hermitian adjoint and the normal operator derived from `__call__`."""

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        """Shape and type of the x that H maps to arrays like `y`; like `y` itself unless overridden."""
        return jax.ShapeDtypeStruct(y.shape, y.dtype)

    def adjoint(self, y: Array) -> Array:
        """H* y, with <Hx, y> = <x, H* y>."""
        x = self.domain(y)
        codomain = jax.eval_shape(self, x)
        if codomain.shape != y.shape:
            raise ValueError(f"adjoint of {type(self).__name__}: y has shape {y.shape}, H makes {codomain.shape}")
        (x,) = jax.linear_transpose(self, x)(jnp.conj(y).astype(codomain.dtype))
        return jnp.conj(x)

    def normal(self, x: Array) -> Array:
        """H* H x; overridden where a closed form is cheaper."""
        (back,) = jax.linear_transpose(self, x)(jnp.conj(self(x)))
        return jnp.conj(back)

    def __matmul__(self, inner: "LinearOperator") -> "Composition":
        """(A @ B)(x) = A(B(x))."""
        return Composition(self, inner)


class Composition(LinearOperator):
    """(outer @ inner)(x) = outer(inner(x)), with adjoint inner*(outer* y)."""

    outer: LinearOperator
    inner: LinearOperator

    def __call__(self, x: Array) -> Array:
        return self.outer(self.inner(x))

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return self.inner.domain(self.outer.domain(y))
