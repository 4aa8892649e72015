r"""Blur: convolution of a channels-last image with a point spread function (PSF).

    H(x) = h * x,   (h * x)[n] = sum_t h[t] x[n - t]

with t running over the PSF's pixels from its centre, index K // 2 along each axis. Two boundaries:

    circular   x repeats periodically: one real FFT product, diagonal in Fourier space
    zero       x is zero outside the frame: the same product on a frame padded by the PSF's width

Symbols: h `psf` [*K], dimensionless, usually of unit sum; x and H(x) have the same shape [*S, C].
Reference: Goodman, Introduction to Fourier Optics, ch. 6.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core.operator import LinearOperator
from unsup_jax.errors import InputError


class Convolution(LinearOperator):
    """H(x) = psf * x for a `psf` [*K] of x's rank, the same for all channels.

    Raises `InputError` on a PSF of another rank, or larger than the image.
    """

    psf: Array
    boundary: str = struct.field(pytree_node=False, default="circular")
    """"circular" or "zero"."""

    def __call__(self, x: Array) -> Array:
        shape = self._frame(x.shape)
        axes = tuple(range(x.ndim - 1))
        spectrum = jnp.fft.rfftn(x, shape, axes) * self.transfer(shape)[..., None]
        blurred = jnp.fft.irfftn(spectrum, shape, axes)[tuple(slice(n) for n in x.shape[:-1])]
        return blurred.astype(x.dtype)

    def transfer(self, shape: Sequence[int]) -> Array:
        """The optical transfer function: real FFT over a frame of `shape` of the PSF centred on pixel 0."""
        padded = jnp.pad(self.psf, [(0, n - k) for n, k in zip(shape, self.psf.shape)])
        centred = jnp.roll(padded, [-(k // 2) for k in self.psf.shape], tuple(range(self.psf.ndim)))
        return jnp.fft.rfftn(centred)

    def _frame(self, shape):
        if self.boundary not in ("circular", "zero"):
            raise InputError(f"Convolution has boundary {self.boundary!r}; it is 'circular' or 'zero'")
        if len(shape) != self.psf.ndim + 1 or any(k > n for k, n in zip(self.psf.shape, shape)):
            raise InputError(f"Convolution with a PSF of shape {self.psf.shape} was given an image of shape {shape}")
        extra = 0 if self.boundary == "circular" else 1
        return tuple(n + extra * (k - 1) for n, k in zip(shape, self.psf.shape))


def gaussian_psf(shape: Sequence[int], sigma: float | Array) -> Array:
    """A sampled Gaussian of standard deviation `sigma` pixels and unit sum, centred on `shape // 2`."""
    squares = [(jnp.arange(n, dtype=jnp.float32) - n // 2) ** 2 for n in shape]
    distance = sum(s.reshape([-1 if i == axis else 1 for i in range(len(shape))]) for axis, s in enumerate(squares))
    psf = jnp.exp(-distance / (2 * sigma**2))
    return psf / psf.sum()
