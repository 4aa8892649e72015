r"""Blur: convolution of a channels-last image with a point spread function (PSF).

    H(x) = h * x,   (h * x)[n] = sum_t h[t] x[n - t]

with t running over the PSF's pixels from its centre, index K // 2 along each axis. Three boundaries:

    circular   x repeats periodically: one product in Fourier space
    zero       x is zero outside the frame: the same product on a frame padded by the PSF's width ("same")
    valid      only pixels whose light all comes from inside the frame: H(x) is smaller by K - 1 along each axis

Symbols: h `psf` [*K], dimensionless, usually of unit sum, 2-D or 3-D; x [*S, C]; H(x) [*S, C], or [*(S - K + 1), C].
The PSF is a leaf like any other: blind deconvolution differentiates with respect to it.

Reference: Goodman, Introduction to Fourier Optics, ch. 6.
"""

from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from unsup_jax.core.operator import Diagonal, LinearOperator
from unsup_jax.core.phasors import squared_modulus, weighted
from unsup_jax.errors import InputError

_TASKS = 8  # transforms of a CPU that run side by side, since one of all images leaves cores idle


class Convolution(LinearOperator):
    """H(x) = psf * x for a `psf` [*K] of x's rank, the same for all channels.

    Raises `InputError` on a PSF of another rank, larger than the image, or complex.
    """

    psf: Array
    boundary: str = struct.field(pytree_node=False, default="circular")
    """"circular", "zero" or "valid"."""
    spectrum: Array | None = None
    """The PSF's transform, where `planned` has computed it."""

    @property
    def circular(self) -> bool:
        """Whether x repeats."""
        return self.boundary == "circular"

    @property
    def stationary(self) -> bool:
        """Whether H(x) has the pixels of x."""
        return self.boundary != "valid"

    def __call__(self, x: Array) -> Array:
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
        shape = self._frame(b.shape)
        power = squared_modulus(self.transfer(shape))
        return _filtered(b, 1 / (power + jnp.asarray(mu, power.dtype)), shape)

    def normal(self, x: Array) -> Array:
        """Circular: F^-1 |F h|^2 F x, one pair of transforms."""
        if self.boundary != "circular":
            return super().normal(x)
        shape = self._frame(x.shape)
        return _filtered(x, squared_modulus(self.transfer(shape)), shape)

    def diagonal(self, y: Array) -> Diagonal | None:
        """Circular: the frequencies of x."""
        if self.boundary != "circular":
            return None
        axes = tuple(range(y.ndim - 1))
        spectrum = lambda x: jnp.fft.fftn(x, axes=axes, norm="ortho")

        def image(spectrum):
            x = jnp.fft.ifftn(spectrum, axes=axes, norm="ortho")
            return x if jnp.iscomplexobj(y) else x.real

        return Diagonal(self.transfer(self._frame(y.shape))[..., None], spectrum, image, spectrum)

    def planned(self, shape: Sequence[int]) -> "Convolution":
        """The same operator for images [*shape, C] alone, with the PSF's transform computed once."""
        return self.replace(spectrum=self.transfer(self._frame((*shape, 1))))

    def transfer(self, shape: Sequence[int]) -> Array:
        """The optical transfer function: FFT over a frame of `shape` of the PSF centred on pixel 0."""
        if self.spectrum is not None:
            if self.spectrum.shape != tuple(shape):
                raise InputError(f"Convolution planned for another frame was given an image of shape {tuple(shape)}")
            return self.spectrum
        padded = jnp.pad(self.psf, [(0, n - k) for n, k in zip(shape, self.psf.shape)])
        centred = jnp.roll(padded, [-(k // 2) for k in self.psf.shape], tuple(range(self.psf.ndim)))
        return jnp.fft.fftn(centred)

    def _frame(self, shape):
        if self.boundary not in ("circular", "zero", "valid"):
            raise InputError(f"Convolution has boundary {self.boundary!r}; it is 'circular', 'zero' or 'valid'")
        if len(shape) != self.psf.ndim + 1 or any(k > n for k, n in zip(self.psf.shape, shape)):
            larger = "; images, and the patches of a training (--data.patch), are as wide as the PSF, or wider" if len(shape) == self.psf.ndim + 1 else ""
            raise InputError(f"Convolution with a PSF of shape {self.psf.shape} was given an image of shape {shape}{larger}")
        if jnp.iscomplexobj(self.psf):
            raise InputError("Convolution has a complex PSF; it takes a real one")
        extra = 1 if self.boundary == "zero" else 0
        return tuple(n + extra * (k - 1) for n, k in zip(shape, self.psf.shape))


def _filtered(x, gain, shape):
    """x [*S, C], zero on the rest of a frame of `shape`, times a real or complex gain in Fourier space."""
    x = jnp.pad(x, [*((0, n - m) for n, m in zip(shape, x.shape)), (0, 0)])
    return jnp.moveaxis(filter_p.bind(jnp.moveaxis(x, -1, 0), gain), 0, -1)


def _complex_filter(z, gain):
    """F^-1 (gain F z) of complex images z [N, *S]."""
    axes = tuple(range(1, z.ndim))
    return jnp.fft.ifftn(_weigh(gain, jnp.fft.fftn(z, axes=axes)), axes=axes)


def _real_filter(x, gain):
    """The same of real images x [N, *S], for the gain of a real PSF: by half of the spectrum."""
    shape, axes = x.shape[1:], tuple(range(1, x.ndim))
    return jnp.fft.irfftn(_weigh(gain[..., : shape[-1] // 2 + 1], jnp.fft.rfftn(x, axes=axes)), shape, axes)


def _split_filter(x, gain):
    """The same in parts of the images, which run side by side."""
    ends = [len(x) * task // _TASKS for task in range(_TASKS + 1)]
    return jnp.concatenate([_whole_filter(x[start:stop], gain) for start, stop in pairwise(ends) if start < stop])


def _whole_filter(x, gain):
    return _complex_filter(x, gain) if jnp.iscomplexobj(x) else _real_filter(x, gain)


def _weigh(gain, spectrum):
    return spectrum * gain[None] if jnp.iscomplexobj(gain) else weighted(gain[None], spectrum)


def _filter(x, gain):
    """x [N, *S] times a gain [*S] in Fourier space; that of a real x is the gain of a real PSF."""
    if len(x) == 1:
        return _whole_filter(x, gain)
    return jax.lax.platform_dependent(x, gain, cpu=_split_filter, default=_whole_filter)


def _gain_gradient(cotangent, x, gain):
    """The transpose of `_filter` in its gain."""
    shaped = jax.ShapeDtypeStruct(gain.aval.shape, gain.aval.dtype)
    return jax.linear_transpose(lambda gain: _whole_filter(x, gain), shaped)(cotangent)[0]


def _batched(arguments, axes):
    """vmap: images fold into N; operators of their own are filtered one by one."""
    (x, gain), (x_axis, gain_axis) = arguments, axes
    if gain_axis is None:
        x = jnp.moveaxis(x, x_axis, 0)
        return filter_p.bind(x.reshape(-1, *x.shape[2:]), gain).reshape(x.shape), 0
    return jax.vmap(_whole_filter, (x_axis, gain_axis))(x, gain), 0


filter_p = Primitive("filter")
filter_p.def_impl(jax.jit(_filter))
filter_p.def_abstract_eval(lambda x, gain: jax.core.ShapedArray(x.shape, x.dtype))
mlir.register_lowering(filter_p, mlir.lower_fun(_filter, multiple_results=False))
ad.defbilinear(
    filter_p,
    lambda cotangent, x, gain: filter_p.bind(cotangent, jnp.conj(gain)),
    _gain_gradient,
)
batching.primitive_batchers[filter_p] = _batched
