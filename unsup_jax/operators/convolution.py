r"""Blur: convolution of a channels-last image with a point spread function (PSF).

    H(x) = h * x,   (h * x)[n] = sum_t h[t] x[n - t]

with t running over the PSF's pixels from its centre, index K // 2 along each axis. Three boundaries:

    circular   x repeats periodically: one real FFT product, diagonal in Fourier space
    zero       x is zero outside the frame: the same product on a frame padded by the PSF's width ("same")
    valid      only pixels whose light all comes from inside the frame: H(x) is smaller by K - 1 along each axis

Symbols: h `psf` [*K], dimensionless, usually of unit sum, 2-D or 3-D; x [*S, C]; H(x) [*S, C], or [*(S - K + 1), C].
The PSF is a leaf like any other: blind deconvolution differentiates with respect to it.
Reference: Goodman, Introduction to Fourier Optics, ch. 6.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core.operator import LinearOperator
from unsup_jax.core.phasors import by_parts, squared_modulus, weighted
from unsup_jax.errors import InputError


class Convolution(LinearOperator):
    """H(x) = psf * x for a `psf` [*K] of x's rank, the same for all channels.

    Raises `InputError` on a PSF of another rank, or larger than the image.
    """

    psf: Array
    boundary: str = struct.field(pytree_node=False, default="circular")
    """"circular", "zero" or "valid"."""
    spectrum: Array | None = None
    """The PSF's transform, where `planned` has computed it."""

    def __call__(self, x: Array) -> Array:
        if jnp.iscomplexobj(x):
            return by_parts(self, x)
        shape = self._frame(x.shape)
        blurred = _filtered(x, self.transfer(shape), shape)
        if self.boundary == "valid":  # what did not wrap
            return blurred[tuple(slice(k - 1 - k // 2, n - k // 2) for k, n in zip(self.psf.shape, shape))]
        return blurred[tuple(slice(n) for n in x.shape[:-1])]

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        extra = 1 if self.boundary == "valid" else 0
        return jax.ShapeDtypeStruct((*(n + extra * (k - 1) for n, k in zip(y.shape, self.psf.shape)), y.shape[-1]), y.dtype)

    def inverse(self, b: Array, mu: Array, *, start: Array | None = None, iterations: int = 10) -> Array:
        """Circular: F^-1 (F b / (|F h|^2 + mu))."""
        if self.boundary != "circular":
            return super().inverse(b, mu, start=start, iterations=iterations)
        if jnp.iscomplexobj(b):
            return by_parts(lambda part: self.inverse(part, mu), b)
        shape = self._frame(b.shape)
        power = squared_modulus(self.transfer(shape))
        return _filtered(b, 1 / (power + jnp.asarray(mu, power.dtype)), shape)

    def normal(self, x: Array) -> Array:
        """Circular: F^-1 |F h|^2 F x, one pair of transforms."""
        if self.boundary != "circular":
            return super().normal(x)
        if jnp.iscomplexobj(x):
            return by_parts(self.normal, x)
        shape = self._frame(x.shape)
        return _filtered(x, squared_modulus(self.transfer(shape)), shape)

    def planned(self, shape: Sequence[int]) -> "Convolution":
        """The same operator for images [*shape, C] alone, with the PSF's transform computed once."""
        return self.replace(spectrum=self.transfer(self._frame((*shape, 1))))

    def transfer(self, shape: Sequence[int]) -> Array:
        """The optical transfer function: real FFT over a frame of `shape` of the PSF centred on pixel 0."""
        if self.spectrum is not None:
            if self.spectrum.shape != (*shape[:-1], shape[-1] // 2 + 1):
                raise InputError(f"Convolution planned for another frame was given an image of shape {tuple(shape)}")
            return self.spectrum
        padded = jnp.pad(self.psf, [(0, n - k) for n, k in zip(shape, self.psf.shape)])
        centred = jnp.roll(padded, [-(k // 2) for k in self.psf.shape], tuple(range(self.psf.ndim)))
        return jnp.fft.rfftn(centred)

    def _frame(self, shape):
        if self.boundary not in ("circular", "zero", "valid"):
            raise InputError(f"Convolution has boundary {self.boundary!r}; it is 'circular', 'zero' or 'valid'")
        if len(shape) != self.psf.ndim + 1 or any(k > n for k, n in zip(self.psf.shape, shape)):
            raise InputError(f"Convolution with a PSF of shape {self.psf.shape} was given an image of shape {shape}")
        extra = 1 if self.boundary == "zero" else 0
        return tuple(n + extra * (k - 1) for n, k in zip(shape, self.psf.shape))


def _filtered(x, gain, shape):
    """x [*S, C] on a frame of `shape`, times a real or complex gain in Fourier space; channels first, for the FFT."""
    axes = tuple(range(1, x.ndim))
    spectrum = jnp.fft.rfftn(jnp.moveaxis(x, -1, 0), shape, axes)
    spectrum = spectrum * gain[None] if jnp.iscomplexobj(gain) else weighted(gain[None], spectrum)
    return jnp.moveaxis(jnp.fft.irfftn(spectrum, shape, axes), 0, -1).astype(x.dtype)
