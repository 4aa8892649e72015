"""A measurement in real numbers, as samplers use it: y, H and the variance of the noise in one component.

A complex image or measurement is its real and imaginary parts, side by side in the last axis, so that noise of variance 1 is
that in every number, and Jacobians are those of real functions.
"""

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array, lax

from unsup_jax.core import LinearOperator, Measurement, Operator
from unsup_jax.networks.unrolled import as_channels


class RealParts(LinearOperator):
    """The parts of x to those of H(x)."""

    operator: Operator
    complex_x: bool = struct.field(pytree_node=False)
    complex_y: bool = struct.field(pytree_node=False)

    @property
    def linear(self) -> bool:
        """Whether H is."""
        return self.operator.linear

    def __call__(self, x: Array) -> Array:
        return as_channels(self.operator(whole(x, self.complex_x)))

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.eval_shape(as_channels, self.operator.domain(jax.eval_shape(lambda y: whole(y, self.complex_y), y)))

    def adjoint(self, y: Array) -> Array:
        return as_channels(self.operator.adjoint(whole(y, self.complex_y)))

    def normal(self, x: Array) -> Array:
        return as_channels(self.operator.normal(whole(x, self.complex_x)))

    def inverse(self, b: Array, mu: Array, *, start: Array | None = None, iterations: int = 10) -> Array:
        start = None if start is None else whole(start, self.complex_x)
        return as_channels(self.operator.inverse(whole(b, self.complex_x), mu, start=start, iterations=iterations))

    def measured(self, y: Array) -> Array:
        y = whole(y, self.complex_y)
        measured = jnp.broadcast_to(self.operator.measured(y), y.shape)
        return jnp.concatenate([measured] * (2 if self.complex_y else 1), -1)


class Observed(struct.PyTreeNode):
    """What a sampler knows: y = H(x) + w."""

    y: Array
    H: Operator
    variance: Array | None
    """Of w, in each real number; None where the noise is not known to be white."""
    norm: Array | None
    """||H||^2; None of an H that is not linear."""

    @classmethod
    def of(cls, one: Measurement) -> "Observed":
        """The same in real numbers."""
        x, white = one.operator.domain(one.y), one.noise is not None and one.noise.white
        complex_y = jnp.iscomplexobj(one.y)
        H = RealParts(one.operator, jnp.issubdtype(x.dtype, jnp.complexfloating), complex_y)
        variance = one.noise.variance(jnp.zeros((), one.y.dtype)) / (2 if complex_y else 1) if white else None
        y = as_channels(one.y)
        return cls(y, H, variance, H.norm(y) if H.linear else None)

    def residual(self, x: Array) -> Array:
        """y - H(x) where y was measured, and else zero."""
        e = self.y - self.H(x)
        return self.H.measured(self.y) * e if self.H.linear else e

    def back_projected(self, x: Array) -> Array:
        """H*(y - H x)."""
        return self.H.adjoint(self.residual(x))

    def restored(self, x: Array) -> Array:
        """An image of real numbers as H takes it."""
        return whole(x, self.H.complex_x)


def whole(x: Array, is_complex: bool) -> Array:
    """What `as_channels` made parts of."""
    return lax.complex(*jnp.split(x, 2, -1)) if is_complex else x
