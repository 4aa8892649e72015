r"""Pupils of lenses: what they let through of the spectrum of a field, and by which phase they delay it.

    P(k) exp(i sum_j c_j Z_j(k / r)),       Z_j the Zernike polynomials of the disc |k| < r, of mean square one (Noll 1976)

P is complex [H, W], with zero frequency at (H // 2, W // 2) and steps of 1 / H and 1 / W cycles per pixel; r is where it ends.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core.phasors import cis
from unsup_jax.errors import InputError

ABERRATIONS = 8
"""Zernike polynomials known here, of Noll's order 4 to 11: defocus, two astigmatisms, two comas, two trefoils, spherical aberration.

Piston is no change of an intensity, and a tilt moves the image."""


def circular_pupil(size: int, cutoff: float) -> Array:
    """An open pupil [size, size], complex: ones within `cutoff` frequency steps of the middle."""
    line = jnp.arange(size, dtype=jnp.float32) - size // 2
    return (jnp.square(line)[:, None] + jnp.square(line)[None] <= cutoff**2).astype(jnp.complex64)


def frequencies(shape: tuple[int, int]) -> tuple[Array, Array]:
    """(rows [H, 1], columns [1, W]) of the frequencies of a pupil, cycles per pixel."""
    rows, columns = ((jnp.arange(n) - n // 2) / n for n in shape)
    return rows[:, None], columns[None]


def aberrated(pupil: Array, coefficients: Array) -> Array:
    """The pupil with the phase sum_j c_j Z_j, `coefficients` [up to 8] radians, from defocus on. Raises `InputError` on more of them."""
    if coefficients.shape[0] > ABERRATIONS:
        raise InputError(f"aberrated knows {ABERRATIONS} Zernike polynomials, not {coefficients.shape[0]}")
    rows, columns = (f.astype(pupil.real.dtype) for f in frequencies(pupil.shape))
    radius = jnp.max(jnp.where(pupil != 0, jnp.hypot(rows, columns), 0))
    y, x = (f / jnp.where(radius > 0, radius, 1) for f in (rows, columns))
    r2 = x**2 + y**2
    zernike = [
        np.sqrt(3) * (2 * r2 - 1), 2 * np.sqrt(6) * x * y, np.sqrt(6) * (x**2 - y**2),
        np.sqrt(8) * (3 * r2 - 2) * y, np.sqrt(8) * (3 * r2 - 2) * x,
        np.sqrt(8) * (3 * x**2 - y**2) * y, np.sqrt(8) * (x**2 - 3 * y**2) * x, np.sqrt(5) * (6 * r2**2 - 6 * r2 + 1),
    ]
    return pupil * cis(sum(c * z for c, z in zip(coefficients, zernike)))
