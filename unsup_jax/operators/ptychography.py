r"""Fourier ptychography (Zheng, Horstmeyer and Yang, Nature Photonics 2013): intensities that are nonlinear in the object.

    y_l = |F^-1 P(k) X(k + k_l)|^2,      X = F x

x is the complex transmission of the object, [N, N, 1]; P the pupil of the objective, with its aberrations as
phase, [n, n] with zero frequency in the middle; k_l the illumination of the l-th LED, in grid steps of X; y [LED,
n, n, 1], each image n x n pixels, N / n times coarser. Transforms are unitary, so that an open pupil keeps energy.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from unsup_jax.core.operator import Operator
from unsup_jax.core.phasors import as_complex, squared_modulus
from unsup_jax.errors import InputError
from unsup_jax.operators.pupil import ABERRATIONS, aberrated


class FourierPtychography(Operator):
    """Low-resolution intensities [LED, n, n, 1] of an object x [size, size, 1] lit from many directions.

    Raises `InputError` on an x of another size. A window that leaves the spectrum is moved to its border.
    """

    pupil: Array
    """P, complex [n, n], zero frequency at n // 2."""
    shifts: Array
    """k_l, integers [LED, 2], rows and columns of the spectrum."""
    size: int = struct.field(pytree_node=False)
    """Pixels of the object, at least n."""
    amplitude: bool = struct.field(pytree_node=False, default=False)
    """Return the root of the intensity, whose least squares weigh photon noise evenly (Yeh et al. 2015)."""

    @property
    def aberrations(self) -> int:
        return ABERRATIONS

    def aberrated(self, coefficients: Array) -> "FourierPtychography":
        return self.replace(pupil=aberrated(self.pupil, coefficients))

    def __call__(self, x: Array) -> Array:
        intensity = squared_modulus(self.fields(x))
        return jnp.sqrt(intensity + 1e-12) if self.amplitude else intensity

    def fields(self, x: Array) -> Array:
        """The complex low-resolution fields before detection, [LED, n, n, 1]."""
        if x.shape != (self.size, self.size, 1):
            raise InputError(f"FourierPtychography of size {self.size} was given an image of shape {x.shape}")
        n = self.pupil.shape[0]
        spectrum = jnp.fft.fftshift(jnp.fft.fft2(as_complex(x)[..., 0], norm="ortho"))
        middle = self.size // 2 - n // 2

        def light(shift):
            window = jax.lax.dynamic_slice(spectrum, (middle + shift[0], middle + shift[1]), (n, n))
            return jnp.fft.ifft2(jnp.fft.ifftshift(self.pupil * window), norm="ortho")

        return jax.vmap(light)(self.shifts)[..., None]

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((self.size, self.size, 1), self.pupil.dtype)

    def guess(self, y: Array) -> Array:
        """The amplitude of the image lit from nearest the axis, finely sampled, with phase zero."""
        central = y[jnp.argmin(jnp.sum(jnp.square(self.shifts), -1))][..., 0]
        central = jnp.maximum(central, 0) if self.amplitude else jnp.sqrt(jnp.maximum(central, 0))
        amplitude = jax.image.resize(central, (self.size, self.size), "linear")
        return (amplitude * (y.shape[-2] / self.size)).astype(self.pupil.dtype)[..., None]


def led_shifts(
    places_mm: np.ndarray, *, height_mm: float, wavelength_um: float, pixel_size_um: float, magnification: float, size: int,
) -> Array:
    """k_l of LEDs at (x, y) [LED, 2] millimetres in a plane `height_mm` below the specimen, as [row, column] steps.

    `size` is the width n of the camera's images and `pixel_size_um` that of its pixels; a plane wave from the
    direction of the LED moves the spectrum by sin(angle) / wavelength.
    """
    distance = np.sqrt((places_mm**2).sum(-1, keepdims=True) + height_mm**2)
    sines = places_mm / distance
    step = magnification / (size * pixel_size_um)                               # cycles per um a grid step
    return jnp.asarray(np.round(-sines[:, ::-1] / wavelength_um / step), jnp.int32)
