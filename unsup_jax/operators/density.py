r"""How densely a trajectory samples: weights that make the adjoint of its transform nearly its inverse.

    w <- w / (G G^T w),        G the interpolation from a grid with gridding's window

is repeated from w = 1 (Pipe and Menon, Magn. Reson. Med. 41, 179 (1999)): the weights of the samples that the window gathers around
each of them add up to one. They are scaled so that the largest eigenvalue of H* W H is one, for H the unitary non-uniform transform.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.operators.fourier import NonuniformFourier
from unsup_jax.operators.gridding import fine_length, interpolate


def density_compensation(coordinates: Array, shape: tuple[int, int], *, iterations: int = 15) -> Array:
    """Weights w [samples] of `coordinates` [samples, 2] (cycles per pixel) for images of `shape`."""
    return scaled_to_unit(_pipe(coordinates, shape, iterations), coordinates, shape)


@partial(jax.jit, static_argnums=(1, 2))
def _pipe(coordinates, shape, iterations):
    fine = tuple(fine_length(n) for n in shape)
    spread = lambda grid: interpolate(grid, coordinates * jnp.asarray(fine, coordinates.dtype)[None], 4)
    like = jax.ShapeDtypeStruct((*fine, 1), coordinates.dtype)
    gathered = lambda w: spread(jax.linear_transpose(spread, like)(w[:, None])[0])[:, 0]
    return jax.lax.fori_loop(0, iterations, lambda _, w: w / gathered(w), jnp.ones(len(coordinates), coordinates.dtype))


@partial(jax.jit, static_argnums=2)
def scaled_to_unit(weights: Array, coordinates: Array, shape: tuple[int, int]) -> Array:
    """The weights over the largest eigenvalue of H* W H."""
    weights = weights.astype(coordinates.dtype)
    H = NonuniformFourier(coordinates, shape, width=4).toeplitz(weights)
    samples = jax.ShapeDtypeStruct((len(coordinates), 1), H.kernel.dtype)
    return weights / H.norm(samples)
