"""A measurement in real numbers, as samplers use it: y, H and the variance of the noise in one component.

A complex image or measurement is its real and imaginary parts, side by side in the last axis, so that noise of variance 1 is
that in every number, and Jacobians are those of real functions.
"""

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array, lax

from unsup_jax.core import Diagonal, LinearOperator, Measurement, Operator
from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
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

    @classmethod
    def require_kind(cls, one: Measurement, D: Denoiser, who: str) -> None:
        """Raise `InputError` unless the images of ONE measurement have the axes, and the real numbers a pixel, of those that D knows."""
        x = jax.eval_shape(lambda one: as_channels(jnp.zeros(one.operator.domain(one.y).shape, one.operator.domain(one.y).dtype)), one)
        learnt = jnp.shape(D.mean)
        if len(x.shape) != len(learnt) or x.shape[-1] != learnt[-1]:
            kind = lambda shape: f"{len(shape) - 1}-D ones of {shape[-1]} real numbers a pixel"
            raise InputError(f"{who} learnt from images of another kind, {kind(learnt)}; those of the measurement are {kind(x.shape)}")

    @property
    def is_level(self) -> bool:
        """Whether y is itself an x of the level sigma_y."""
        return self.H.operator.identity and self.variance is not None

    @property
    def coordinates(self) -> Diagonal:
        """H where it multiplies by numbers, of x and y as real numbers; of an operator that has a `diagonal`."""
        found = self.H.operator.diagonal(whole(self.y, self.H.complex_y))
        return Diagonal(
            found.gain, lambda x: found.of_x(whole(x, self.H.complex_x)), lambda X: as_channels(found.to_x(X)),
            lambda y: found.of_y(whole(y, self.H.complex_y)))

    def noisier(self, key: Array, deviation: Array) -> "Observed":
        """The same with more white noise in y."""
        return self.replace(y=self.y + deviation * jax.random.normal(key, self.y.shape, self.y.dtype))

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
