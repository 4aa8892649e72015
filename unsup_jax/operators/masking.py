r"""Pixel-wise sampling: denoising and inpainting.

    H(x) = x                 (`Identity`: every pixel is measured, in a noise-degraded state)
    H(x) = m \odot x         (`Mask`: 0 <= m <= 1 says how much of a pixel is measured)

Both are self-adjoint and local, so that patches and tiles of a measurement are measurements.
"""

from collections.abc import Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core.operator import Diagonal, LinearOperator
from unsup_jax.core.phasors import weighted
from unsup_jax.errors import InputError


class Identity(LinearOperator):
    """H(x) = x."""

    local: ClassVar[bool] = True
    identity: ClassVar[bool] = True
    isometric: ClassVar[bool] = True
    circular: ClassVar[bool] = True

    def __call__(self, x: Array) -> Array:
        return x

    def inverse(self, b: Array, mu: Array, *, start: Array | None = None, iterations: int = 10) -> Array:
        return b / jnp.asarray(1 + mu, b.dtype)

    def transfer(self, shape: Sequence[int]) -> Array:
        return jnp.ones(shape)

    def diagonal(self, y: Array) -> Diagonal:
        same = lambda x: x
        return Diagonal(jnp.ones((), y.real.dtype), same, same, same)


class Mask(LinearOperator):
    """H(x) = mask * x, for a real `mask` with the shape [*S, C] of x, or [*S, 1] for all channels alike.

    Raises `InputError` on an x that does not fit the mask.
    """

    local: ClassVar[bool] = True
    isometric: ClassVar[bool] = True

    mask: Array

    def __call__(self, x: Array) -> Array:
        if x.ndim != self.mask.ndim or x.shape[:-1] != self.mask.shape[:-1] or self.mask.shape[-1] not in (1, x.shape[-1]):
            raise InputError(f"Mask of shape {self.mask.shape} was given an image of shape {x.shape}")
        return weighted(self.mask, x)

    def measured(self, y: Array) -> Array:
        return jnp.broadcast_to(jnp.ceil(self.mask), y.shape).astype(y.real.dtype)

    def diagonal(self, y: Array) -> Diagonal:
        same = lambda x: x
        return Diagonal(self.mask, same, same, same)

    def inverse(self, b: Array, mu: Array, *, start: Array | None = None, iterations: int = 10) -> Array:
        return b / (jnp.square(self.mask) + mu).astype(b.dtype)


def random_blocks(key: Array, shape: tuple[int, ...], *, keep: float, block: int = 8) -> Array:
    """A mask [*shape, 1] whose blocks of `block` pixels along each axis are kept with probability `keep`."""
    coarse = jax.random.bernoulli(key, keep, tuple(-(-n // block) for n in shape)).astype(jnp.float32)
    for axis, n in enumerate(shape):
        coarse = jnp.repeat(coarse, block, axis, total_repeat_length=coarse.shape[axis] * block)
    return coarse[tuple(slice(n) for n in shape)][..., None]


def hole(shape: tuple[int, ...], *, corner: tuple[int, ...], size: tuple[int, ...]) -> Array:
    """A mask [*shape, 1] with one missing patch. Raises `InputError` where the patch leaves the frame."""
    if any(c < 0 or c + s > n for c, s, n in zip(corner, size, shape)):
        raise InputError(f"hole: a patch of {size} at {corner} does not lie in {shape}")
    return jnp.ones((*shape, 1)).at[tuple(slice(c, c + s) for c, s in zip(corner, size))].set(0.0)
