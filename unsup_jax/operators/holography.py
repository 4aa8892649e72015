r"""Intensities of a field that has travelled on from its focus, by itself (in line) or on a reference wave (off axis).

    y_l = |F^-1 P(k) exp(i z_l gamma(k)) F x + r|^2,      gamma = sqrt(k_0^2 - k_row^2 - k_column^2)

x is the complex transmission of the object [H, W, 1], and y [plane, H, W, 1] what sensors at the distances z_l record, in pixels;
P the pupil of a lens between them, where there is one; r the reference, which an in-line hologram lacks: there the light that the
object has not scattered interferes with the rest (Gabor 1948). k_0 is in radians per pixel; evanescent waves are dropped. A grating of
period p is its own image at multiples of 2 p^2 / wavelength (Talbot 1836), where p is much longer than the wave.
"""

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core.operator import Operator
from unsup_jax.core.phasors import as_complex, complex_type, squared_modulus, weighted
from unsup_jax.errors import InputError
from unsup_jax.operators.diffraction import AngularSpectrum
from unsup_jax.operators.pupil import ABERRATIONS, aberrated


class Hologram(Operator):
    """The intensities [plane, H, W, 1] of a field x [H, W, 1] at some distances.

    Raises `InputError` on an x of more channels than one, or of another size than the pupil or the reference.
    """

    distances: Array
    """z_l [plane], pixels."""
    wavenumber: Array
    """k_0, radians per pixel."""
    pupil: Array | None = None
    """P, complex [H, W], zero frequency in the middle; None for no lens."""
    reference: Array | None = None
    """r, complex [H, W] at each of the sensors; None for an in-line hologram."""
    amplitude: bool = struct.field(pytree_node=False, default=False)
    """Return the root of the intensity, whose least squares weigh photon noise evenly."""

    @property
    def aberrations(self) -> int:
        return 0 if self.pupil is None else ABERRATIONS

    def aberrated(self, coefficients: Array) -> "Hologram":
        return self.replace(pupil=aberrated(self.pupil, coefficients))

    def __call__(self, x: Array) -> Array:
        if x.ndim != 3 or x.shape[-1] != 1:
            raise InputError(f"Hologram was given an image of shape {x.shape}; it takes [H, W, 1]")
        for name in ("pupil", "reference"):
            found = getattr(self, name)
            if found is not None and found.shape != x.shape[:2]:
                raise InputError(f"Hologram with a {name} of shape {found.shape} was given an image of shape {x.shape}")
        light = self.fields(x)
        intensity = squared_modulus(light if self.reference is None else light + self.reference[None, ..., None])
        return jnp.sqrt(intensity + 1e-12) if self.amplitude else intensity

    def fields(self, x: Array) -> Array:
        """The fields at the sensors but for the reference, complex [plane, H, W, 1]: what is linear in x."""
        x = as_complex(x)
        if self.pupil is not None:
            x = jnp.fft.ifft2(jnp.fft.fft2(x[..., 0]) * jnp.fft.ifftshift(self.pupil).astype(x.dtype))[..., None]
        return jax.vmap(lambda z: AngularSpectrum(z, self.wavenumber)(x))(self.distances)

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(y.shape[1:], complex_type(y.dtype))

    def guess(self, y: Array) -> Array:
        """The mean of what each hologram's amplitude was, propagated back; off axis, of the part of it that a lens could have passed."""
        y = jnp.maximum(y, 0)
        if self.reference is None:
            light = as_complex(y if self.amplitude else jnp.sqrt(y))
        else:
            r = self.reference[None, ..., None]
            power = jnp.maximum(squared_modulus(r), 1e-12)
            light = weighted(((jnp.square(y) if self.amplitude else y) - power) / power, r)
        (back,) = jax.linear_transpose(self.fields, self.domain(y))(jnp.conj(light).astype(self.domain(y).dtype))
        return jnp.conj(back) / len(y)
