r"""Cryo-electron microscopy: projections of a volume at unknown orientations, behind the microscope's transfer.

    y = C * S_t P_R x,     (P_R x)(u, v) = integral of x(R^T (u, v, w)) dw

with R a rotation of the specimen, S_t a shift in the plane and C the contrast transfer function (CTF). By the
slice theorem the transform of P_R x is that of x on the plane through zero spanned by the first two rows of R.

    chi(k) = 2 pi (Cs lambda^3 k^4 / 4 - lambda dz(alpha) k^2 / 2) - phase_shift
    CTF(k) = -(sqrt(1 - A^2) sin chi - A cos chi) exp(-B k^2 / 4) = -sin(chi - arcsin A) exp(-B k^2 / 4)
    dz(alpha) = (dz_u + dz_v + (dz_u - dz_v) cos 2 (alpha - alpha_ast)) / 2

Symbols: x [z, y, x, C] with D pixels along each axis; y [D, D, C] with axes (v, u), v along y and u along x;
coordinates are (x, y, z), in pixels from the centre D // 2; k in cycles per angstrom; Cs spherical aberration,
A amplitude contrast, B the B-factor. Reference: Frank, Three-Dimensional Electron Microscopy, ch. 2; Mindell and
Grigorieff, J. Struct. Biol. 142, 334 (2003).
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from unsup_jax.core.neighbours import linear_weights, neighbours
from unsup_jax.core.operator import LinearOperator
from unsup_jax.core.phasors import by_parts, cis, weighted
from unsup_jax.errors import InputError
from unsup_jax.operators.gridding import fine_length, interpolate, on_fine_grid
from unsup_jax.operators.masking import Identity


class Projection(LinearOperator):
    """Projection of a volume by its Fourier slice, shifted and passed through the CTF in the same transform.

    Half of the volume's transform is held. What lies in the other half is that of the mirrored place; the border between
    them is a part of a grid step off zero, where no chosen orientation puts a sample, so that a compiler that decides
    twice, with other roundings, decides alike. Raises `InputError` on an x that is not a cube.
    """

    rotation: Array
    """R, [3, 3]: row i is the specimen's direction seen along the image's axis i (x, y, beam)."""
    shift: Array | None = None
    """Pixels (x, y) by which the image is moved, [2]."""
    transfer: Array | None = None
    """CTF at the frequencies of a real FFT of the image, [D, D // 2 + 1]; see `ctf`."""
    width: int = struct.field(pytree_node=False, default=4)
    """Neighbours along each axis of the interpolation in Fourier space: 2 is fast and errs by 1 to 2 % of a projected
    Gaussian, most where the orientation puts samples on the grid; 4 by 1e-3."""

    def __call__(self, x: Array) -> Array:
        size = _cube(x, "Projection")
        if jnp.iscomplexobj(x):
            return by_parts(self, x)
        rows, columns = _disc(size)                                             # all that every orientation has
        u, v = np.fft.rfftfreq(size).astype(x.dtype), np.fft.fftfreq(size).astype(x.dtype)
        plane = np.stack([u[columns], v[rows]], -1)
        places = plane @ self.rotation[:2].astype(x.dtype)                        # (k_x, k_y, k_z), cycles a pixel
        grid = fine_length(size)
        mirrored = places[:, :1] * grid < -0.31                                 # X(-k) = conj X(k) for a real x
        places = jnp.where(mirrored, -places, places)[:, ::-1]                  # axes of x: (z, y, x)
        places = places * grid + jnp.array([[0, 0, self.width]], x.dtype)
        values = interpolate(_half_spectrum(x, self.width), places, self.width, inside=True)
        values = jnp.where(mirrored, jnp.conj(values), values)
        spectrum = jnp.zeros((size, size // 2 + 1, x.shape[-1]), values.dtype).at[rows, columns].set(values, unique_indices=True)
        shift = jnp.full(2, size // 2, x.dtype) + (0 if self.shift is None else self.shift.astype(x.dtype))
        factor = cis(-2 * jnp.pi * (u[None] * shift[0] + v[:, None] * shift[1]))
        if self.transfer is not None:
            factor = weighted(self.transfer, factor)
        return jnp.fft.irfft2(spectrum * factor[..., None], (size, size), axes=(0, 1))

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((y.shape[0], *y.shape), y.dtype)

    def without_pose(self) -> LinearOperator:
        """The CTF of the image."""
        return Identity() if self.transfer is None else ContrastTransfer(self.transfer)


class RealSpaceProjection(LinearOperator):
    """The same projection as a sum along rays of the volume, interpolated linearly, without CTF.

    The reference for `Projection`: no periodicity, D^3 interpolations. Raises `InputError` on an x that is not
    a cube.
    """

    rotation: Array
    shift: Array | None = None

    def __call__(self, x: Array) -> Array:
        size = _cube(x, "RealSpaceProjection")
        line = jnp.arange(size, dtype=x.dtype) - size // 2
        u, v = (line, line) if self.shift is None else (line - self.shift[0].astype(x.dtype), line - self.shift[1].astype(x.dtype))
        rotation = self.rotation.astype(x.dtype)
        padded = jnp.pad(x, [(1, 1), (1, 1), (1, 1), (0, 0)]).reshape(-1, x.shape[-1])
        n = size + 2

        def along(beam):
            specimen = [rotation[0, i] * u[None] + rotation[1, i] * v[:, None] + rotation[2, i] * beam for i in range(3)]
            places = [jnp.clip(p + size // 2 + 1, 0, size + 1) for p in specimen[::-1]]        # (z, y, x)
            near = [neighbours(p, 2) for p in places]
            weights = [linear_weights(p, q) for p, q in zip(places, near)]
            image = 0
            for corner in np.ndindex(2, 2, 2):
                index = sum(jnp.clip(q[..., c], 0, size + 1) * n ** (2 - axis) for axis, (q, c) in enumerate(zip(near, corner)))
                weight = weights[0][..., corner[0]] * weights[1][..., corner[1]] * weights[2][..., corner[2]]
                image = image + weight[..., None] * padded[index]
            return image

        return jnp.sum(jax.lax.map(along, line), 0)

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((y.shape[0], *y.shape), y.dtype)


class ContrastTransfer(LinearOperator):
    """An image [D, D, C] passed through a CTF [D, D // 2 + 1]. Raises `InputError` where they do not fit."""

    transfer: Array

    def __call__(self, x: Array) -> Array:
        if x.ndim != 3 or (x.shape[0], x.shape[1] // 2 + 1) != self.transfer.shape:
            raise InputError(f"ContrastTransfer of shape {self.transfer.shape} was given an image of shape {x.shape}")
        if jnp.iscomplexobj(x):
            return by_parts(self, x)
        spectrum = weighted(self.transfer[..., None], jnp.fft.rfft2(x, axes=(0, 1)))
        return jnp.fft.irfft2(spectrum, x.shape[:2], axes=(0, 1))


def ctf(
    size: int, *, pixel_size_angstrom: Array, defocus_u_angstrom: Array, defocus_v_angstrom: Array | None = None,
    astigmatism_angle: Array = 0.0, spherical_aberration_mm: Array = 2.7, voltage_kv: Array = 300.0,
    amplitude_contrast: Array = 0.1, phase_shift: Array = 0.0, b_factor: Array = 0.0,
) -> Array:
    """The CTF at the frequencies of a real FFT of a `size` x `size` image, [size, size // 2 + 1].

    Underfocus is positive; angles in radians; `b_factor` in square angstrom. The sign is RELION's: A at zero frequency, so
    that a protein, x > 0, is bright, as in particles whose contrast was inverted. As a micrograph is recorded it is dark,
    and -CTF is right, which is cryoDRGN's. Raises `InputError` on an astigmatism angle beyond 2 pi (degrees given for
    radians).
    """
    if isinstance(astigmatism_angle, (int, float)) and abs(astigmatism_angle) > 2 * np.pi:
        raise InputError(f"ctf takes its astigmatism angle in radians, not {astigmatism_angle}")
    defocus_v_angstrom = defocus_u_angstrom if defocus_v_angstrom is None else defocus_v_angstrom
    u = jnp.fft.rfftfreq(size)[None] / pixel_size_angstrom
    v = jnp.fft.fftfreq(size)[:, None] / pixel_size_angstrom
    square = u**2 + v**2
    wavelength = electron_wavelength_angstrom(voltage_kv)
    # cos 2 (alpha - alpha_ast) k^2 without the angle of zero frequency
    twice = (u**2 - v**2) * jnp.cos(2 * astigmatism_angle) + 2 * u * v * jnp.sin(2 * astigmatism_angle)
    defocused = 0.5 * ((defocus_u_angstrom + defocus_v_angstrom) * square + (defocus_u_angstrom - defocus_v_angstrom) * twice)
    aberration = spherical_aberration_mm * 1e7 * wavelength**3 * square**2
    chi = 2 * jnp.pi * (0.25 * aberration - 0.5 * wavelength * defocused) - phase_shift
    contrast = amplitude_contrast * jnp.cos(chi) - jnp.sqrt(1 - jnp.square(amplitude_contrast)) * jnp.sin(chi)
    return contrast * jnp.exp(-b_factor * square / 4)


def electron_wavelength_angstrom(voltage_kv: Array) -> Array:
    """lambda = 12.2643 / sqrt(V + 0.978466e-6 V^2), V in volts: relativistic de Broglie wavelength, angstrom."""
    volts = voltage_kv * 1e3
    return 12.2643247 / jnp.sqrt(volts + 0.978466e-6 * volts**2)


def random_rotations(key: Array, count: int) -> Array:
    """Rotations [count, 3, 3] uniform over SO(3): unit quaternions of four normal numbers (Shoemake 1992)."""
    quaternion = jax.random.normal(key, (count, 4))
    return rotation_of(quaternion / jnp.linalg.norm(quaternion, axis=-1, keepdims=True))


def rotation_of(quaternion: Array) -> Array:
    """Rotation matrices [..., 3, 3] of unit quaternions [..., 4] = (w, x, y, z)."""
    w, x, y, z = (quaternion[..., i] for i in range(4))
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return jnp.stack([jnp.stack(row, -1) for row in rows], -2)


def rotation_about_y(angle: Array) -> Array:
    """The rotation [..., 3, 3] of a tilt series: by `angle` radians about the image's y axis."""
    zero, one = jnp.zeros_like(angle), jnp.ones_like(angle)
    rows = [[jnp.cos(angle), zero, jnp.sin(angle)], [zero, one, zero], [-jnp.sin(angle), zero, jnp.cos(angle)]]
    return jnp.stack([jnp.stack(row, -1) for row in rows], -2)


def _cube(x, who):
    if x.ndim != 4 or len(set(x.shape[:3])) != 1:
        raise InputError(f"{who} takes cubes [D, D, D, C]; it was given an image of shape {x.shape}")
    return x.shape[0]


def _disc(size):
    """Indices of the frequencies of a real FFT of an image that lie below 1/2 cycle a pixel."""
    i = np.minimum(np.arange(size), size - np.arange(size))
    return np.nonzero(4 * (np.square(i)[:, None] + np.square(i[: size // 2 + 1])) < size**2)


def _half_spectrum(x, width):
    """Transform of the padded volume at k_x >= -width grid steps, [2D, 2D, D + 1 + 2 width, C]."""
    grid = fine_length(x.shape[0])
    for axis in range(3):
        x = on_fine_grid(x, axis, width)
    half = jnp.fft.rfftn(x, axes=(0, 1, 2))
    low = _mirror(half[:, :, 1:width + 1])
    high = _mirror(half[:, :, grid // 2 - width:grid // 2])
    return jnp.concatenate([low, half, high], 2)


def _mirror(part):
    """conj X(-k) for the k of `part`, whose third axis is reversed: X is that of a real volume."""
    return jnp.conj(jnp.roll(part[::-1, ::-1, ::-1], (1, 1), (0, 1)))
