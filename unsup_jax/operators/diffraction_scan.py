r"""Optical diffraction tomography of a specimen at rest, which is lit from many directions.

    Y(s, q) = i / (2 gamma) F(gamma - k s_z, q),      gamma = sqrt(k^2 - |q + k s|^2),  |q + k s| <= aperture k

with the Rytov phases (or Born fields over the incident wave) y of `unsup_jax.operators.diffraction`, s = (s_y, s_x) the lateral part of a
direction of illumination, and s_z = sqrt(1 - |s|^2). The detector does not move: it takes what the objective of aperture sin(alpha) takes.
Directions fill a cone about the optical axis z, the first axis of x, and so there is one that no view reaches: the missing cone.

Symbols: x = f [D, H, W, C] complex, rad^2 / pixel^2; y [view, H, W, C]; k in rad / pixel. Reference: Sung et al., Opt. Express 17, 266 (2009).
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from unsup_jax.core.operator import LinearOperator
from unsup_jax.core.phasors import as_complex, cis, weighted
from unsup_jax.errors import InputError
from unsup_jax.operators.ewald import Samples, on_grid
from unsup_jax.operators.gridding import fine_length, fine_spectrum, interpolate


class DiffractionScan(LinearOperator):
    """Rytov phases of a volume at directions of illumination. Raises `InputError` on an x that is not `shape`."""

    directions: Array
    """(s_y, s_x), the lateral part of unit vectors, [view, 2]."""
    wavenumber: Array
    """k, radians per pixel, at most pi."""
    aperture: Array
    """Sine of the largest angle that the objective takes."""
    shape: tuple[int, int, int] = struct.field(pytree_node=False)
    """(D, H, W) of the volume."""
    width: int = struct.field(pytree_node=False, default=4)
    """Neighbours of the interpolation in Fourier space; its error is about 10^(1 - width)."""

    def __call__(self, x: Array) -> Array:
        if x.shape[:-1] != self.shape:
            raise InputError(f"DiffractionScan of a volume of shape {self.shape} was given an image of shape {x.shape}")
        F = fine_spectrum(as_complex(x), (0, 1, 2), self.width)
        places, transfer, _ = self.spheres()
        steps = [K * (fine_length(n) / (2 * np.pi)) for K, n in zip(places, self.shape)]
        at = jnp.stack(jnp.broadcast_arrays(*steps), -1)
        Y = interpolate(F, at.reshape(-1, 3), self.width).reshape(*at.shape[:-1], x.shape[-1])
        return jnp.fft.ifftn(transfer[..., None] * Y, axes=(1, 2))

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((*self.shape, y.shape[-1]), y.dtype)

    def spheres(self) -> Samples:
        """Where the samples of the spectra of the views [view, H, W] lie, and which of them the objective takes."""
        real, (_, height, width) = self.directions.dtype, self.shape
        k = jnp.asarray(self.wavenumber, real)
        q_y, q_x = (2 * jnp.pi * jnp.fft.fftfreq(n).astype(real) for n in (height, width))
        q_y, q_x = q_y[None, :, None], q_x[None, None]
        s_y, s_x = self.directions[:, 0, None, None], self.directions[:, 1, None, None]
        lateral = jnp.square(q_y + k * s_y) + jnp.square(q_x + k * s_x)
        taken = lateral <= jnp.square(jnp.asarray(self.aperture, real) * k)
        gamma = jnp.sqrt(jnp.where(taken, jnp.square(k) - lateral, 1))
        forward = k * jnp.sqrt(1 - jnp.square(s_y) - jnp.square(s_x))
        K_z = -(jnp.square(q_y) + jnp.square(q_x) + 2 * k * (q_y * s_y + q_x * s_x)) / (gamma + forward)      # gamma - forward, zero at q = 0
        to_pixel_0 = cis(jnp.pi / 2 - q_y * (height // 2) - q_x * (width // 2))
        return Samples((K_z, q_y, q_x), weighted(jnp.where(taken, 0.5 / gamma, 0), to_pixel_0), taken)

    def on_grid(self, y: Array) -> tuple[Array, Array]:
        """(spectrum [D, H, W, C], sampled [D, H, W]): the coefficients of x next to which there are samples of the views, by `ewald.on_grid`."""
        return on_grid(self, y, self.spheres())


def cone(count: int, largest: float) -> Array:
    """(s_y, s_x) of `count` directions evenly over the cone of half-angle `largest`, radians: a spiral of Fibonacci, from the axis outwards."""
    i = np.arange(count)
    s, turn = np.sin(largest) * np.sqrt(i / max(count - 1, 1)), np.pi * (3 - 5**0.5) * i
    return jnp.asarray(np.stack([s * np.sin(turn), s * np.cos(turn)], -1), jnp.float32)
