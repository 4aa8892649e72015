r"""Total variation: few and short edges.

    R(x) = w sum_p |(D x)(p)|_2        isotropic,     |.|_1 anisotropic

with D the forward differences along each axis, zero across the border. Its proximal map is
z = P(x - w t D* q), P the projection onto the constraint if there is one, for the dual q of

    min over |q| <= 1 of || x / (w t) - D* q ||^2        (with P: of its Moreau envelope),

found by accelerated projected gradients of step 1 / (4 d). The projection is onto discs for the isotropic and onto
intervals for the anisotropic form. The modulus of a complex gradient is taken over its real and imaginary parts.
Reference: Beck and Teboulle, IEEE Trans. Image Process. 18, 2419 (2009).
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core.phasors import squared_modulus
from unsup_jax.priors.base import Prior
from unsup_jax.priors.pointwise import NonNegative


@dataclass(frozen=True)
class TotalVariation(Prior):
    """R(x) of an image or volume [*S, C], channel by channel."""

    slabwise: ClassVar[bool] = True

    weight: float = 1e-2
    """w."""
    isotropic: bool = True
    """Euclidean length of the gradient; otherwise the sum of its components' moduli."""
    iterations: int = 20
    """Dual iterations of one proximal map."""
    nonnegative: bool = False
    """Also hold the image real and at least zero."""
    smoothing: float = 0.0
    """s of sqrt(|D x|^2 + s^2) - s in the value, which gradient descent needs; not of the proximal map."""

    def __call__(self, x: Array) -> Array:
        length, s = self._length(_differences(jnp.moveaxis(x, -1, 0))), self.smoothing
        value = self.weight * jnp.sum(jnp.sqrt(jnp.square(length) + s * s) - s if s else length)
        return value + NonNegative()(x) if self.nonnegative else value

    def prox(self, x: Array, step: Array) -> Array:
        t = jnp.asarray(self.weight * step, x.real.dtype)
        rate = (1 / (4 * (x.ndim - 1) * jnp.maximum(t, 1e-30))).astype(x.dtype)
        t = t.astype(x.dtype)
        image = jnp.moveaxis(x, -1, 0)  # channels first: the innermost axis is the long one

        def ascend(carry, momentum):
            old, q = carry
            new = self._project([a + rate * d for a, d in zip(q, _differences(self._constrain(image - t * _divergence(q))))])
            return (new, [n + momentum.astype(x.dtype) * (n - o) for n, o in zip(new, old)]), None

        zero = [jnp.zeros_like(image)] * (x.ndim - 1)
        (q, _), _ = jax.lax.scan(ascend, (zero, zero), jnp.asarray(fista_momenta(self.iterations), x.real.dtype))
        return jnp.moveaxis(self._constrain(image - t * _divergence(q)), 0, -1)

    def _constrain(self, x):
        return jnp.maximum(x.real, 0).astype(x.dtype) if self.nonnegative else x

    def _length(self, gradient):
        """|gradient| at each pixel, or of each component for the anisotropic form."""
        squares = [squared_modulus(g) for g in gradient]
        squares = sum(squares) if self.isotropic else jnp.stack(squares)
        return jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0)

    def _project(self, q):
        squares = [squared_modulus(g) for g in q]
        squares = [sum(squares)] * len(q) if self.isotropic else squares
        return [g * jax.lax.rsqrt(jnp.maximum(s, 1)).astype(g.dtype) for g, s in zip(q, squares)]


def differences(x: Array) -> Array:
    """D x: forward differences along each axis of [*S, C], zero at the last pixel: [d, *S, C]."""
    return jnp.moveaxis(jnp.stack(_differences(jnp.moveaxis(x, -1, 0))), 1, -1)


def divergence(q: Array) -> Array:
    """D* q, the adjoint of `differences`: [d, *S, C] to [*S, C]."""
    masked = [component * _inside(component, axis) for axis, component in enumerate(jnp.moveaxis(q, -1, 1), 1)]
    return jnp.moveaxis(_divergence(masked), 0, -1)


def _differences(x):
    """The components of D x for x [C, *S]."""
    return [(_shifted(x, axis, -1) - x) * _inside(x, axis) for axis in range(1, x.ndim)]


def _divergence(q):
    """D* q for components [C, *S] that are zero at the last pixel of their own axis."""
    return sum(_shifted(component, axis, 1) - component for axis, component in enumerate(q, 1))


def _shifted(x, axis, by):
    """x moved by one pixel along an axis, zero coming in."""
    return jax.lax.pad(x, jnp.zeros((), x.dtype), [(by, -by, 0) if a == axis else (0, 0, 0) for a in range(x.ndim)])


def _inside(x, axis):
    """One, and zero at the last pixel of an axis."""
    n = x.shape[axis]
    return (jnp.arange(n) < n - 1).astype(x.dtype).reshape([n if a == axis else 1 for a in range(x.ndim)])


def fista_momenta(count: int) -> list[float]:
    """(t_k - 1) / t_{k+1} for t_1 = 1, t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2."""
    momenta, t = [], 1.0
    for _ in range(count):
        following = (1 + (1 + 4 * t * t) ** 0.5) / 2
        momenta.append((t - 1) / following)
        t = following
    return momenta
