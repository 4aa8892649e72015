r"""Total variation: few and short edges.

    R(x) = w sum_p |(D x)(p)|_2        isotropic,     |.|_1 anisotropic

with D the forward differences along each axis, zero across the border. Its proximal map is
z = x - w t D* q for the dual q of

    min over |q| <= 1 of || x / (w t) - D* q ||^2,

found by accelerated projected gradients of step 1 / (4 d). The projection is onto discs for the isotropic and onto
intervals for the anisotropic form. The modulus of a complex gradient is taken over its real and imaginary parts.
Reference: Beck and Teboulle, IEEE Trans. Image Process. 18, 2419 (2009).
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.priors.base import Prior


@dataclass(frozen=True)
class TotalVariation(Prior):
    """R(x) of an image or volume [*S, C], channel by channel."""

    weight: float = 1e-2
    """w."""
    isotropic: bool = True
    """Euclidean length of the gradient; otherwise the sum of its components' moduli."""
    iterations: int = 20
    """Dual iterations of one proximal map."""
    smoothing: float = 0.0
    """s of sqrt(|D x|^2 + s^2) - s in the value, which gradient descent needs; not of the proximal map."""

    def __call__(self, x: Array) -> Array:
        length, s = self._length(differences(x)), self.smoothing
        return self.weight * jnp.sum(jnp.sqrt(jnp.square(length) + s * s) - s if s else length)

    def prox(self, x: Array, step: Array) -> Array:
        t = jnp.asarray(self.weight * step, x.real.dtype)
        rate = (1 / (4 * (x.ndim - 1) * jnp.maximum(t, 1e-30))).astype(x.dtype)

        def ascend(carry, momentum):
            old, q = carry
            new = self._project(q + rate * differences(x - t.astype(x.dtype) * divergence(q)))
            return (new, new + momentum.astype(x.dtype) * (new - old)), None

        zero = jnp.zeros((x.ndim - 1, *x.shape), x.dtype)
        (q, _), _ = jax.lax.scan(ascend, (zero, zero), jnp.asarray(fista_momenta(self.iterations), x.real.dtype))
        return x - t.astype(x.dtype) * divergence(q)

    def _length(self, gradient):
        """|gradient| at each pixel: [*S, C], or of each component [d, *S, C] for the anisotropic form."""
        if not self.isotropic:
            return jnp.abs(gradient)
        squared = jnp.sum(gradient.real**2 + gradient.imag**2 if jnp.iscomplexobj(gradient) else gradient**2, 0)
        return jnp.where(squared > 0, jnp.sqrt(jnp.where(squared > 0, squared, 1)), 0)

    def _project(self, q):
        if not self.isotropic and not jnp.iscomplexobj(q):
            return jnp.clip(q, -1, 1)
        length = self._length(q)
        length = length[None] if self.isotropic else length
        return q * jax.lax.rsqrt(jnp.maximum(jnp.square(length), 1)).astype(q.dtype)


def differences(x: Array) -> Array:
    """D x: forward differences along each axis of [*S, C], zero at the last pixel: [d, *S, C]."""
    return jnp.stack([
        jnp.pad(jnp.diff(x, axis=axis), [(0, int(a == axis)) for a in range(x.ndim)]) for axis in range(x.ndim - 1)
    ])


def divergence(q: Array) -> Array:
    """D* q, the adjoint of `differences`: [d, *S, C] to [*S, C]."""
    total = 0
    for axis in range(q.shape[0]):
        inner = jax.lax.slice_in_dim(q[axis], 0, q.shape[axis + 1] - 1, axis=axis)
        edge = lambda before: [(int(a == axis) * before, int(a == axis) * (1 - before)) for a in range(q.ndim - 1)]
        total = total + jnp.pad(inner, edge(1)) - jnp.pad(inner, edge(0))
    return total


def fista_momenta(count: int) -> list[float]:
    """(t_k - 1) / t_{k+1} for t_1 = 1, t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2."""
    momenta, t = [], 1.0
    for _ in range(count):
        following = (1 + (1 + 4 * t * t) ** 0.5) / 2
        momenta.append((t - 1) / following)
        t = following
    return momenta
