"""Products of real and complex arrays, without the half of a complex product that multiplies zeros."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array


def cis(phase: Array) -> Array:
    """exp(i phase) of a real phase, in the complex type of its precision."""
    return jax.lax.complex(jnp.cos(phase), jnp.sin(phase))


def weighted(weight: Array, values: Array) -> Array:
    """weight * values for a real weight, in the type of the values."""
    weight = weight.astype(values.real.dtype)
    if jnp.iscomplexobj(values):
        return jax.lax.complex(weight * values.real, weight * values.imag)
    return weight * values


def squared_modulus(x: Array) -> Array:
    """|x|^2, real, without the root that |x| would take."""
    return jnp.square(x.real) + jnp.square(x.imag) if jnp.iscomplexobj(x) else jnp.square(x)


def by_parts(apply: Callable[[Array], Array], x: Array) -> Array:
    """A real-linear `apply` of a complex x: of its real and of its imaginary part."""
    return jax.lax.complex(apply(x.real), apply(x.imag)) if jnp.iscomplexobj(x) else apply(x)


def as_complex(x: Array) -> Array:
    """x in the complex type of its precision."""
    return x if jnp.iscomplexobj(x) else jax.lax.complex(x, jnp.zeros_like(x))


def complex_type(dtype: jnp.dtype) -> jnp.dtype:
    """The complex type of a precision: complex128 for float64, else complex64."""
    return jnp.dtype(jnp.complex128 if jnp.dtype(dtype) in (jnp.float64, jnp.complex128) else jnp.complex64)
