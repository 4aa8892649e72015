r"""Coarser grids: binning, anti-aliased resampling, and planes of a volume.

    Binning      y[m] = mean of the factor^d pixels of block m
    Resampling   y = A_1 x A_2^T (... along each axis), A_i rows of a low-pass kernel of the coarser grid's band
    Planes       y = the planes of x at some depths

Images are [*S, C]; sizes that a factor does not divide are refused by `Binning` and accepted by `Resampling`.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from unsup_jax.core.operator import LinearOperator
from unsup_jax.errors import InputError


class Binning(LinearOperator):
    """Means over blocks of `factors` pixels. Raises `InputError` on an image that they do not divide."""

    factors: tuple[int, ...] = struct.field(pytree_node=False)

    def __call__(self, x: Array) -> Array:
        shape = x.shape[:-1]
        if len(shape) != len(self.factors) or any(n % f for n, f in zip(shape, self.factors)):
            raise InputError(f"Binning by {self.factors} was given an image of shape {x.shape}")
        blocks = x.reshape([k for n, f in zip(shape, self.factors) for k in (n // f, f)] + [x.shape[-1]])
        return blocks.mean(tuple(range(1, 2 * len(shape), 2)))

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((*(n * f for n, f in zip(y.shape, self.factors)), y.shape[-1]), y.dtype)


class Resampling(LinearOperator):
    """One dense matrix [coarse, fine] along each axis; see `resampling` for the anti-aliased ones."""

    matrices: tuple[Array, ...]

    def __call__(self, x: Array) -> Array:
        if x.shape[:-1] != tuple(m.shape[1] for m in self.matrices):
            raise InputError(f"Resampling of {tuple(m.shape[1] for m in self.matrices)} was given an image of shape {x.shape}")
        for axis, matrix in enumerate(self.matrices):
            x = jnp.moveaxis(jnp.tensordot(matrix.astype(x.dtype), x, (1, axis)), 0, axis)
        return x

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((*(m.shape[1] for m in self.matrices), y.shape[-1]), y.dtype)


def resampling(shape: Sequence[int], factor: float | Sequence[float], *, lobes: int = 3) -> Resampling:
    """Images of `shape` made `factor` times coarser through Lanczos' windowed sinc of `lobes` lobes.

    The kernel is stretched by the factor, so that nothing above the coarse grid's band is aliased, and each
    row sums to one. Raises `InputError` on factors below one.
    """
    factors = [factor] * len(shape) if isinstance(factor, (int, float)) else list(factor)
    if len(factors) != len(shape) or any(f < 1 for f in factors):
        raise InputError(f"resampling: factors {factors} of a shape {tuple(shape)}; one of at least 1 for each axis")
    return Resampling(tuple(jnp.asarray(_lanczos(n, f, lobes), jnp.float32) for n, f in zip(shape, factors)))


def _lanczos(fine, factor, lobes):
    coarse = max(1, int(round(fine / factor)))
    step = fine / coarse
    centre = (np.arange(coarse)[:, None] + 0.5) * step - 0.5
    distance = (np.arange(fine)[None] - centre) / step
    weight = np.where(np.abs(distance) < lobes, np.sinc(distance) * np.sinc(distance / lobes), 0)
    return weight / weight.sum(1, keepdims=True)


class Planes(LinearOperator):
    """The planes [plane, *S, C] of a volume [depth, *S, C] at `indices`: a slice, a coarse stack, a light sheet.

    Raises `InputError` on a volume of another depth.
    """

    indices: Array
    """Integers, [plane]."""
    depth: int = struct.field(pytree_node=False)
    """Planes of the volume."""

    def __call__(self, x: Array) -> Array:
        if x.ndim < 3 or x.shape[0] != self.depth:
            raise InputError(f"Planes of a depth of {self.depth} was given an image of shape {x.shape}")
        return x[self.indices]

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((self.depth, *y.shape[1:]), y.dtype)
