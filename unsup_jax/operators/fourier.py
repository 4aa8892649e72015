r"""Fourier sampling of one complex image: Cartesian with a mask, or at arbitrary places.

    Cartesian        y = m \odot F x,          F the unitary discrete Fourier transform
    non-Cartesian    y(k) = sum_n x[n] exp(-2 pi i k . (n - N // 2)) / sqrt(N)

Cartesian k-space is stored *uncentred*, zero frequency at index 0 and the image's origin at pixel 0, as FFTs
have it: no shift is computed in an iteration. `uncentred` and `centred` convert a scanner's k-space, whose zero
frequency is in the middle, once. k is in cycles per pixel, in [-1/2, 1/2).
"""

from collections.abc import Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core.operator import Diagonal, LinearOperator
from unsup_jax.core.phasors import as_complex, cis, complex_type, weighted
from unsup_jax.errors import InputError
from unsup_jax.operators.gridding import Backend, nufft


def uncentred(kspace: Array, axes: Sequence[int] = (-2, -1)) -> Array:
    """Uncentred k-space of a centred one: zero frequency moved to index 0, the image's centre to its pixel 0.

    Zeros stay exact zeros. The image of the result is the one that a viewer shows.
    """
    for axis in axes:
        n = kspace.shape[axis]
        kspace = jnp.fft.ifftshift(kspace, axis) * _ramp(kspace, axis, n // 2)
    return kspace


def centred(kspace: Array, axes: Sequence[int] = (-2, -1)) -> Array:
    """The inverse of `uncentred`."""
    for axis in axes:
        n = kspace.shape[axis]
        kspace = jnp.fft.fftshift(kspace * _ramp(kspace, axis, -(n // 2)), axis)
    return kspace


def _ramp(kspace, axis, shift):
    """exp(-2 pi i k shift / n): the image's rolling by `shift` pixels."""
    n = kspace.shape[axis]
    whole = (jnp.arange(n) * shift) % n
    ramp = cis(-2 * jnp.pi * whole.astype(kspace.real.dtype) / n)
    return ramp.reshape([n if a == axis % kspace.ndim else 1 for a in range(kspace.ndim)])


def grid_frequencies(y: Array, axes: Sequence[int]) -> tuple[Array, ...]:
    """Cycles a pixel of uncentred k-space along each of the axes, in arrays that broadcast against y."""
    return tuple(
        jnp.fft.fftfreq(y.shape[axis]).astype(y.real.dtype).reshape([-1 if a == axis else 1 for a in range(y.ndim)]) for axis in axes)


class Fourier(LinearOperator):
    """Cartesian samples: y = mask F x, [*S, C] complex to [*S, C], for an uncentred real `mask` [*S].

    Raises `InputError` on an x that does not fit the mask.
    """

    isometric: ClassVar[bool] = True

    mask: Array

    def __call__(self, x: Array) -> Array:
        if x.shape[:-1] != self.mask.shape:
            raise InputError(f"Fourier with a mask of shape {self.mask.shape} was given an image of shape {x.shape}")
        axes = tuple(range(self.mask.ndim))
        return weighted(self.mask[..., None], jnp.fft.fftn(x, axes=axes, norm="ortho"))

    def measured(self, y: Array) -> Array:
        return self.mask[..., None]

    def diagonal(self, y: Array) -> Diagonal:
        transform = lambda of: lambda x: of(x, axes=tuple(range(self.mask.ndim)), norm="ortho")
        return Diagonal(self.mask[..., None], transform(jnp.fft.fftn), transform(jnp.fft.ifftn), lambda y: y)

    def frequencies(self, y: Array) -> tuple[Array, ...]:
        return grid_frequencies(y, range(self.mask.ndim))

    def inverse(self, b: Array, mu: Array, *, start: Array | None = None, iterations: int = 10) -> Array:
        axes = tuple(range(self.mask.ndim))
        spectrum = weighted(1 / (jnp.square(self.mask) + mu)[..., None], jnp.fft.fftn(b, axes=axes))
        return jnp.fft.ifftn(spectrum, axes=axes)


class NonuniformFourier(LinearOperator):
    """Samples at `coordinates` [samples, d] (cycles per pixel) of images [*shape, C], by gridding: [samples, C].

    The error of the sums is about 10^(1 - width); the adjoint is exact. Raises `InputError` on an x of
    another shape. `toeplitz` makes `normal` two FFTs without any interpolation.
    """

    coordinates: Array
    shape: tuple[int, ...] = struct.field(pytree_node=False)
    width: int = struct.field(pytree_node=False, default=6)
    """Grid points that a sample is interpolated from along each axis."""
    backend: Backend = struct.field(pytree_node=False, default="gridding")
    """Our gridding, or jax-finufft where that is installed."""
    kernel: Array | None = None
    """Set by `toeplitz`."""

    def __call__(self, x: Array) -> Array:
        if x.shape[:-1] != self.shape or self.coordinates.shape[-1] != len(self.shape):
            raise InputError(
                f"NonuniformFourier of shape {self.shape} and coordinates {self.coordinates.shape} "
                f"was given an image of shape {x.shape}"
            )
        return nufft(as_complex(x), self.coordinates, self.width, self.backend) / self._root()

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((*self.shape, y.shape[-1]), y.dtype)

    def normal(self, x: Array) -> Array:
        return super().normal(x) if self.kernel is None else circulant(self.kernel, x)

    def frequencies(self, y: Array) -> tuple[Array, ...]:
        return tuple(k[:, None] for k in self.coordinates.T)

    def toeplitz(self, weights: Array | None = None) -> "NonuniformFourier":
        """The same operator with H* W H computed as a convolution, for `weights` [samples] (default: 1)."""
        return self.replace(kernel=toeplitz_kernel(self.coordinates, self.shape, weights, self.width))

    def _root(self):
        return float(_size(self.shape)) ** 0.5


def toeplitz_kernel(coordinates: Array, shape: tuple[int, ...], weights: Array | None = None, width: int = 6) -> Array:
    """The transform [2 *shape] of sum_s w_s exp(2 pi i k_s . n) / prod(shape), whose convolution is H* W H.

    Reference: Fessler, Lee, Olafsson, Shi and Noll, IEEE Trans. Signal Process. 53, 3393 (2005).
    """
    double = tuple(2 * n for n in shape)
    ones = jnp.ones(coordinates.shape[0]) if weights is None else weights
    like = jax.ShapeDtypeStruct((*double, 1), complex_type(coordinates.dtype))
    (spread,) = jax.linear_transpose(lambda x: nufft(x, coordinates, width), like)(ones[:, None].astype(like.dtype))
    response = jnp.roll(jnp.conj(spread[..., 0]), [-n for n in shape], tuple(range(len(shape))))
    return jnp.fft.fftn(response) / _size(shape)


def circulant(kernel: Array, x: Array) -> Array:
    """Images [*S, C] convolved, without wrapping, by a kernel given by its transform [2 *S]."""
    shape = x.shape[:-1]
    axes = tuple(range(len(shape)))
    spectrum = jnp.fft.fftn(x, kernel.shape, axes) * kernel[..., None]
    return jnp.fft.ifftn(spectrum, axes=axes)[tuple(slice(n) for n in shape)].astype(x.dtype)


def _size(shape):
    size = 1
    for n in shape:
        size *= n
    return size
