r"""Parallel magnetic resonance imaging: coils that see the same image through their own sensitivities.

    SENSE              y_c = m \odot F sum_j S_jc x_j                      (Pruessmann 1999; two map sets: Uecker 2014)
    non-Cartesian      y_c(k) = sqrt(w(k)) (F_k S_c x)                     (Pruessmann 2001)
    multislice (SMS)   y_c = m \odot sum_s exp(sign 2 pi i k_y shift_s) F S_sc x_s      (Breuer 2005, blipped CAIPI)

Symbols: x [H, W, sets] complex, one channel a set of maps; S `sensitivity_maps` [sets, coil, H, W]; m `mask`
[H, W], or [1, W] or [H, 1] where whole lines are sampled; y [coil, H, W], uncentred as in
`unsup_jax.operators.fourier`. On a grid there may be a third axis, [D, H, W] in place of [H, W]. A slice's shift is a part of the field of view along the first axis, phase encoding.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from unsup_jax.core.operator import Diagonal, LinearOperator, Slices
from unsup_jax.core.phasors import as_complex, cis, weighted
from unsup_jax.errors import InputError
from unsup_jax.operators.fourier import NonuniformFourier, grid_frequencies
from unsup_jax.operators.gridding import Backend


class CoilArray(LinearOperator):
    """What parallel MRI has in common: an image x [H, W, sets] that each coil sees through its own sensitivity.

    Raises `InputError` on an image that does not fit the maps.
    """

    sensitivity_maps: Array

    def coils(self, x: Array) -> Array:
        """The image that each coil sees, [coil, H, W]."""
        if x.shape != self.domain(x).shape:
            name = type(self).__name__
            raise InputError(f"{name} with maps of shape {self.sensitivity_maps.shape} was given an image of shape {x.shape}")
        return jnp.sum(self.sensitivity_maps * jnp.moveaxis(as_complex(x), -1, 0)[:, None], 0)

    def combine(self, images: Array) -> Array:
        """S* of coil images [coil, H, W]: the image [H, W, sets] of matched filters (Roemer 1990)."""
        return jnp.moveaxis(jnp.sum(jnp.conj(self.sensitivity_maps) * images[None], 1), 0, -1)

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        sets, _, *frame = self.sensitivity_maps.shape
        return jax.ShapeDtypeStruct((*frame, sets), y.dtype)


class Cartesian(LinearOperator):
    """What k-space y [coil, H, W] on a grid has in common: a `mask` of the points that all coils sample."""

    def measured(self, y: Array) -> Array:
        return jnp.broadcast_to(self.mask, y.shape[1:])[None]

    def sample_axes(self, y: Array) -> tuple[int, ...]:
        return tuple(range(1, len(y.shape)))

    def frequencies(self, y: Array) -> tuple[Array, ...] | None:
        return grid_frequencies(y, self.sample_axes(y))

    def restricted(self, mask: Array) -> LinearOperator:
        """The same operator with fewer points, unless the `mask` tells the coils apart."""
        return self.replace(mask=self.mask * mask[0]) if mask.shape[0] == 1 else super().restricted(mask)


class SENSE(Cartesian, CoilArray):
    """Cartesian multi-coil k-space y [coil, H, W] of an image x [H, W, sets], or [coil, D, H, W] of a volume [D, H, W, sets].

    Maps of unit sum of squares make it isometric.
    """

    isometric: ClassVar[bool] = True

    mask: Array
    density: Array | None = None
    """P(sample is taken) of the masks that the scanner draws, with the shape of the mask; None: this mask is the only one."""
    hybrid: int | None = struct.field(pytree_node=False, default=None)
    """Axis of x along which y is no spectrum but as the coils see it: a readout whose transform was undone; None: it is one along all."""

    def __call__(self, x: Array) -> Array:
        return weighted(self.mask[None], jnp.fft.fftn(self.coils(x), axes=self._transformed(), norm="ortho"))

    def frequencies(self, y: Array) -> tuple[Array, ...] | None:
        return super().frequencies(y) if self.hybrid is None else None

    def probability(self, y: Array) -> Array:
        return self.measured(y) if self.density is None else jnp.broadcast_to(self.density, y.shape[1:])[None]

    def normal(self, x: Array) -> Array:
        """S* F* m^2 F S x; a mask of whole lines leaves their own direction untransformed."""
        axes = tuple(axis for axis in self._transformed() if self.mask.shape[axis] > 1)
        spectrum = weighted(jnp.square(self.mask)[None], jnp.fft.fftn(self.coils(x), axes=axes))
        return self.combine(jnp.fft.ifftn(spectrum, axes=axes))

    def slices(self, y: Array) -> Slices | None:
        """Those across a direction that is sampled whole, along which y is brought back from the spectrum."""
        whole = [axis for axis, count in enumerate(self.mask.shape) if count == 1] if self.hybrid is None else [self.hybrid]
        if not whole:
            return None
        axis, image = whole[0], lambda y: y
        if self.hybrid is None:
            image = lambda y: np.stack([np.fft.ifft(coil, axis=axis, norm="ortho") for coil in np.asarray(y)]).astype(y.dtype)
        own = {name: axis for name in ("mask", "density") if (mask := getattr(self, name)) is not None and mask.shape[axis] > 1}
        return Slices(self.replace(hybrid=axis), image, axis, 1 + axis, {"sensitivity_maps": 2 + axis, **own})

    def diagonal(self, y: Array) -> Diagonal | None:
        """Of one coil whose map has the modulus 1 everywhere: the frequencies of what it sees."""
        if self.sensitivity_maps.shape[:2] != (1, 1):
            return None
        as_taken = {"axes": self._transformed(), "norm": "ortho"}
        seen = lambda x: jnp.fft.fftn(self.coils(x), **as_taken)
        return Diagonal(self.mask[None], seen, lambda spectrum: self.combine(jnp.fft.ifftn(spectrum, **as_taken)), lambda y: y)

    def _transformed(self):
        """The axes of the frame, from the last, along which y is a spectrum."""
        count = self.mask.ndim
        return tuple(axis - count for axis in range(count) if axis != self.hybrid)


class NonCartesianSENSE(CoilArray):
    """Multi-coil samples y [coil, samples] at `coordinates` [samples, 2] (cycles per pixel) of an x [H, W, sets].

    Each coil's image is sampled by `NonuniformFourier`, whose fields the others are. With `weights` w of density compensation
    y is the root of w times what was sampled, so that least squares in y weigh the samples by w and H* H is nearly one.
    """

    coordinates: Array
    weights: Array | None = None
    """[samples]; None: one."""
    width: int = struct.field(pytree_node=False, default=4)
    """Grid points that a sample is interpolated from along each axis; the error is about 10^(1 - width)."""
    backend: Backend = struct.field(pytree_node=False, default="gridding")
    """Our gridding, or jax-finufft where that is installed."""
    kernel: Array | None = None
    """Set by `toeplitz`."""

    def __call__(self, x: Array) -> Array:
        y = self._sampling()(jnp.moveaxis(self.coils(x), 0, -1)).T
        return y if self.weights is None else weighted(jnp.sqrt(self.weights)[None], y)

    def normal(self, x: Array) -> Array:
        if self.kernel is None:
            return super().normal(x)
        images = self._sampling().normal(jnp.moveaxis(self.coils(x), 0, -1))
        return self.combine(jnp.moveaxis(images, -1, 0))

    def sample_axes(self, y: Array) -> tuple[int, ...]:
        return (1,)

    def frequencies(self, y: Array) -> tuple[Array, ...]:
        return tuple(k[None] for k in self.coordinates.T)

    def toeplitz(self) -> "NonCartesianSENSE":
        """The same operator with H* H computed by two FFTs of twice the size and no interpolation."""
        return self.replace(kernel=self._sampling().toeplitz(self.weights).kernel)

    def _sampling(self):
        shape = self.sensitivity_maps.shape[-2:]
        return NonuniformFourier(self.coordinates, shape, self.width, self.backend, self.kernel)


class Multislice(Cartesian):
    """Simultaneously excited slices x [slice, H, W, 1], summed into one k-space y [coil, H, W].

    `sensitivity_maps` are [slice, coil, H, W] and `shifts` [slice] parts of the field of view. With `sign` -1 the
    slice moves by +shift; vendors differ, both conventions are accepted. Raises `InputError` on an x that does
    not fit the maps and on another sign.
    """

    sensitivity_maps: Array
    mask: Array
    shifts: Array
    sign: int = struct.field(pytree_node=False, default=-1)
    """-1 or +1: the sign of the CAIPI phase in k-space."""
    reference: Array | None = None
    """Calibration scans [slice, coil, h, w] of each slice alone, shifted as in y, zero frequency in the middle."""

    def __call__(self, x: Array) -> Array:
        slices, _, height, width = self.sensitivity_maps.shape
        if x.shape != (slices, height, width, 1):
            raise InputError(f"Multislice with maps of shape {self.sensitivity_maps.shape} was given an image of shape {x.shape}")
        return weighted(self.mask[None], jnp.sum(self.spectra(x), 0))

    def spectra(self, x: Array) -> Array:
        """The k-space [slice, coil, H, W] of each slice alone, fully sampled, shifted as in y."""
        spectra = jnp.fft.fft2(self.sensitivity_maps * as_complex(x)[:, None, ..., 0], norm="ortho")
        return self.phases(spectra) * spectra

    def combine(self, images: Array) -> Array:
        """The slices [slice, H, W, 1] of coil images [slice, coil, H, W], by matched filters."""
        return jnp.sum(jnp.conj(self.sensitivity_maps) * images, 1)[..., None]

    def normal(self, x: Array) -> Array:
        """H* H x; a mask of whole lines of readout leaves them untransformed."""
        axes = tuple(axis for axis in (-2, -1) if axis == -2 or self.mask.shape[axis] > 1)
        spectra = jnp.fft.fftn(self.sensitivity_maps * as_complex(x)[:, None, ..., 0], axes=axes)
        phases = self.phases(spectra)
        seen = weighted(jnp.square(self.mask)[None], jnp.sum(phases * spectra, 0))
        return self.combine(jnp.fft.ifftn(jnp.conj(phases) * seen[None], axes=axes))

    def phases(self, like: Array) -> Array:
        """exp(sign 2 pi i k_y shift_s), [slice, 1, H, 1], for k_y the signed frequency index."""
        if self.sign not in (-1, 1):
            raise InputError(f"Multislice has sign {self.sign}; it is -1 or 1")
        height = self.sensitivity_maps.shape[2]
        frequency = jnp.fft.fftfreq(height, 1 / height).astype(self.shifts.dtype)
        phase = self.sign * 2 * jnp.pi * self.shifts[:, None] * frequency[None]
        return cis(phase.astype(like.real.dtype))[:, None, :, None]

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        slices, _, height, width = self.sensitivity_maps.shape
        return jax.ShapeDtypeStruct((slices, height, width, 1), y.dtype)
