r"""Optical diffraction tomography: light scattered once by a transparent, rotating specimen.

    f(r) = k^2 ((n(r) / n_medium)^2 - 1),       k = 2 pi n_medium / wavelength

Born:    u_s / u_0 = y,      the scattered field over the incident plane wave, small specimens
Rytov:   ln(u / u_0) = y,    its complex phase, small gradients of n

with, in both, and at the focal plane through the axis of rotation, the Fourier diffraction theorem

    Y(theta, k_x, k_y) = i / (2 gamma) F(R_theta (k_x, gamma - k), k_y),      gamma = sqrt(k^2 - k_x^2 - k_y^2):

each view is the transform F of the potential on a piece of the Ewald sphere. What no piece reaches is the
missing cone. R_theta turns in the plane (column, row), as in `unsup_jax.operators.tomography`, to which this
tends for k -> infinity: y -> i k integral of (n / n_medium - 1).

Symbols: x = f [H, W, C] or [depth, H, W, C] complex, rad^2 / pixel^2, rotated about the axis along `depth`;
y [angle, detector, C] or [angle, depth, detector, C]; k in rad / pixel.
Reference: Kak and Slaney, ch. 6; Mueller, Schuermann and Guck, arXiv:1507.00466.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from unsup_jax.core.operator import LinearOperator
from unsup_jax.core.phasors import as_complex, cis, weighted
from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy
from unsup_jax.operators.ewald import Samples, on_grid
from unsup_jax.operators.gridding import fine_length, fine_spectrum, interpolate
from unsup_jax.operators.tomography import angular_weights, band_limited_ramp

restoration = Lazy("skimage.restoration")


class Diffraction(LinearOperator):
    """Complex Rytov phases (or Born fields) of a potential x at angles of illumination.

    Raises `InputError` on an x that is not `size` wide, or a wavelength below two pixels, whose waves the
    detector could not hold.
    """

    projects: ClassVar[bool] = True

    angles: Array
    """Radians, [angle]."""
    wavenumber: Array
    """k, radians per pixel, at most pi."""
    size: int = struct.field(pytree_node=False)
    """Pixels of the square slice, and of the detector."""
    width: int = struct.field(pytree_node=False, default=4)
    """Neighbours of the interpolation in Fourier space; its error is about 10^(1 - width)."""

    def __post_init__(self):
        k = self.wavenumber
        if isinstance(k, (float, int)) and not 0 < k <= np.pi:
            raise InputError(f"Diffraction has a wavenumber of {k:.4g} rad per pixel; it lies in (0, pi]: use smaller pixels")

    def __call__(self, x: Array) -> Array:
        if x.ndim not in (3, 4) or x.shape[-3:-1] != (self.size, self.size):
            raise InputError(f"Diffraction of size {self.size} was given an image of shape {x.shape}")
        volume = as_complex(x).reshape(-1, *x.shape[-3:])
        y = self._scatter(volume)
        return y[:, 0] if x.ndim == 3 else y

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((*y.shape[1:-2], self.size, self.size, y.shape[-1]), y.dtype)

    def waves(self, depth: int) -> tuple[Array, Array, Array]:
        """(k_x [detector], gamma [depth, detector], propagating [depth, detector]), radians per pixel, unshifted."""
        real = self.angles.dtype
        k_x = 2 * jnp.pi * jnp.fft.fftfreq(self.size).astype(real)
        k_y = 2 * jnp.pi * jnp.fft.fftfreq(depth).astype(real)
        square = jnp.square(jnp.asarray(self.wavenumber, real)) - jnp.square(k_x)[None] - jnp.square(k_y)[:, None]
        propagating = square > 1e-3 * jnp.square(jnp.asarray(self.wavenumber, real))
        return k_x, jnp.sqrt(jnp.where(propagating, square, 1)), propagating

    def arcs(self, depth: int) -> tuple[Array, Array]:
        """(K_row, K_column) [angle, depth, detector] where each sample lies, radians per pixel."""
        k_x, gamma, _ = self.waves(depth)
        along = gamma - jnp.asarray(self.wavenumber, gamma.dtype)
        cosine, sine = (f(self.angles).reshape(-1, 1, 1) for f in (jnp.cos, jnp.sin))
        k_x = k_x[None, None]
        return along[None] * cosine - k_x * sine, along[None] * sine + k_x * cosine

    def spheres(self, shape: Sequence[int]) -> Samples:
        """Where the samples of the spectra of views [angle, (depth,) detector] lie."""
        depth = shape[1] if len(shape) == 3 else 1
        level = 2 * jnp.pi * jnp.fft.fftfreq(depth).astype(self.angles.dtype).reshape(1, depth, 1)
        places, (transfer, propagating) = (level, *self.arcs(depth)), self._transfer(depth)
        if len(shape) == 3:
            return Samples(places, transfer[None], propagating[None])
        return Samples([K[:, 0] for K in places[1:]], transfer, propagating)

    def on_grid(self, y: Array) -> tuple[Array, Array]:
        """(spectrum, sampled) [*S, C] and [*S]: the coefficients of x next to which there are samples of the views, by `ewald.on_grid`."""
        return on_grid(self, y, self.spheres(y.shape[:-1]))

    def _transfer(self, depth):
        """(T, whether a wave propagates) [depth, detector]."""
        k_x, gamma, propagating = self.waves(depth)
        to_pixel_0 = cis(jnp.pi / 2 - k_x * (self.size // 2))                    # i, and the detector counted from its pixel 0
        return weighted(jnp.where(propagating, 0.5 / gamma, 0), to_pixel_0[None]), propagating

    def _scatter(self, x):
        depth, n = x.shape[0], self.size
        F = jnp.fft.fft(fine_spectrum(x, (1, 2), self.width), axis=0)                    # [depth, K_row, K_column, C]
        places = jnp.stack(self.arcs(depth), -1) * (fine_length(n) / (2 * np.pi))        # [angle, depth, detector, 2]
        places = jnp.moveaxis(places, 1, 0).reshape(depth, -1, 2)
        Y = jax.vmap(lambda F, places: interpolate(F, places, self.width))(F, places)
        Y = jnp.moveaxis(Y.reshape(depth, -1, n, x.shape[-1]), 0, 1)
        transfer, _ = self._transfer(depth)
        return jnp.fft.ifftn(Y * transfer[None, ..., None], axes=(1, 2))

    def back_project(self, y: Array, *, window: str = "ram-lak") -> Array:
        """Back-propagation; its filter takes no window."""
        return self.adjoint(self.filtered(y))

    def filtered(self, y: Array) -> Array:
        """y filtered so that its adjoint is the back-propagation: the inverse of H for angles over all of 2 pi.

        F is integrated over the views with the area |k_x| k / gamma dk_x dtheta of their samples, dtheta being their
        `angular_weights`, which halve what is measured from both sides.
        """
        depth = 1 if y.ndim == 3 else y.shape[1]
        wide = self.replace(size=2 * self.size)                                 # room for what the filter spreads
        _, gamma, propagating = wide.waves(depth)
        ramp = jnp.asarray(band_limited_ramp(wide.size), gamma.dtype)[None]
        area = ramp * jnp.asarray(self.wavenumber, gamma.dtype) / gamma
        weight = angular_weights(self.angles).reshape(-1, 1, 1) * jnp.where(propagating, area * 4 * jnp.square(gamma), 0)[None]
        views = jnp.pad(y.reshape(y.shape[0], depth, *y.shape[-2:]), [(0, 0), (0, 0), (0, self.size), (0, 0)])
        spectrum = weighted(weight[..., None], jnp.fft.fftn(views, axes=(1, 2)))
        return jnp.fft.ifftn(spectrum, axes=(1, 2))[:, :, : self.size].reshape(y.shape)


def potential(index: Array, medium: float, wavenumber: float) -> Array:
    """f = k^2 ((n / n_medium)^2 - 1), rad^2 / pixel^2, of a refractive index, complex."""
    ratio = index / medium
    return as_complex(wavenumber**2 * (ratio * ratio - 1))


def refractive_index(f: Array, medium: float, wavenumber: float) -> Array:
    """n = n_medium sqrt(1 + f / k^2), the real part."""
    return medium * jnp.sqrt(1 + f / wavenumber**2).real


def born(field: np.ndarray, background: np.ndarray | complex = 1.0) -> np.ndarray:
    """u_s / u_0 of measured complex fields, against a background without specimen."""
    return np.asarray(field / background - 1, np.complex64)


def rytov(field: np.ndarray, background: np.ndarray | complex = 1.0) -> np.ndarray:
    """ln(u / u_0) of measured fields [angle, ...], the phase of each view unwrapped.

    Of the multiples of 2 pi that unwrapping leaves free, the one is taken for which the border's median is
    nearest to zero. Raises `InputError` where the field is not finite, or vanishes.
    """
    ratio = np.asarray(field / background)
    if not np.isfinite(ratio).all() or (ratio == 0).any():
        raise InputError("rytov: the field holds zeros or values that are not finite")
    phases = []
    for view in np.angle(ratio):
        flat = np.squeeze(view)
        phase = (np.unwrap(flat) if flat.ndim == 1 else restoration.unwrap_phase(flat)).reshape(view.shape)
        border = np.concatenate([phase.ravel()[:3], phase.ravel()[-3:]])
        phases.append(phase - 2 * np.pi * np.round(np.median(border) / (2 * np.pi)))
    return (np.log(np.abs(ratio)) + 1j * np.stack(phases)).astype(np.complex64)


def refocused(views: np.ndarray, wavenumber: float, distance: float) -> np.ndarray:
    """Views [angle, detector] or [angle, row, detector] of a field over the incident wave, `distance` pixels further on.

        F^-1 exp(i (gamma - k) distance) F,      gamma = sqrt(k^2 - k_x^2 - k_y^2), evanescent waves dropped

    It holds for Rytov phases too, to the order of the approximation. `wavenumber` k in radians per pixel.
    """
    axes = tuple(range(1, views.ndim))
    frequencies = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(views.shape[axis]) for axis in axes), indexing="ij")
    square = wavenumber**2 - sum(np.square(f) for f in frequencies)
    transfer = np.where(square > 0, np.exp(1j * (np.sqrt(np.maximum(square, 0)) - wavenumber) * distance), 0)
    return np.fft.ifftn(np.fft.fftn(views, axes=axes) * transfer[None], axes=axes).astype(np.complex64)


class AngularSpectrum(LinearOperator):
    """Free-space propagation of a field x [H, W, C] complex over a distance, in a homogeneous medium.

        H(x) = F^-1 exp(i z sqrt(k^2 - k_x^2 - k_y^2)) F x,      evanescent waves dropped

    `wavenumber` is in radians per pixel and `distance` z in pixels. Reference: Goodman, ch. 3.10.
    """

    distance: Array
    wavenumber: Array

    def __call__(self, x: Array) -> Array:
        if x.ndim != 3:
            raise InputError(f"AngularSpectrum was given an image of shape {x.shape}; it takes [H, W, C]")
        x = as_complex(x)
        rows, columns = (2 * jnp.pi * jnp.fft.fftfreq(n).astype(x.real.dtype) for n in x.shape[:2])
        square = jnp.square(jnp.asarray(self.wavenumber, x.real.dtype)) - jnp.square(rows)[:, None] - jnp.square(columns)[None]
        phase = jnp.asarray(self.distance, x.real.dtype) * jnp.sqrt(jnp.where(square > 0, square, 1))
        transfer = weighted(square > 0, cis(phase))
        return jnp.fft.ifft2(jnp.fft.fft2(x, axes=(0, 1)) * transfer[..., None], axes=(0, 1))


def demodulate(hologram: np.ndarray, *, window: Callable[[np.ndarray], np.ndarray] | None = None) -> np.ndarray:
    """The complex field of an off-axis hologram [H, W]: its sideband, cut out by a disc and moved to zero.

    `window` maps the distance from the sideband, in parts of the disc's radius, to a weight (default: a hard
    edge). The radius is a third of the carrier frequency.
    """
    spectrum = np.fft.fftshift(np.fft.fft2(hologram - hologram.mean()))
    rows, columns = (np.arange(n) - n // 2 for n in hologram.shape)
    upper = (rows[:, None] < 0) | ((rows[:, None] == 0) & (columns[None] < 0))
    scale = [row / n for row, n in zip((rows, columns), hologram.shape)]
    low = np.hypot(scale[0][:, None], scale[1][None]) < 0.05
    peak = np.unravel_index(np.argmax(np.where(upper & ~low, np.abs(spectrum), 0)), spectrum.shape)
    carrier = [scale[0][peak[0]], scale[1][peak[1]]]
    distance = np.hypot(scale[0][:, None] - carrier[0], scale[1][None] - carrier[1]) / (np.hypot(*carrier) / 3)
    weight = (distance <= 1).astype(float) if window is None else window(distance)
    moved = np.roll(spectrum * weight, [n // 2 - p for n, p in zip(hologram.shape, peak)], (0, 1))
    return np.fft.ifft2(np.fft.ifftshift(moved)).astype(np.complex64)
