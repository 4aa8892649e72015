r"""Sums of exponentials at places that lie on no grid: the transform behind NUFFT, Radon, diffraction and slices.

    y(k) = sum_n x[n] exp(-2 pi i k . (n - N // 2)),      k in cycles per pixel

A finer grid holds the transform of x divided by that of a short window phi, and each y(k) is a sum over the
`width`^d nearest grid points weighted by phi. The window is the exponential of a semicircle,

    phi(u) = exp(beta (sqrt(1 - (2u / width)^2) - 1)),    |u| <= width / 2 grid steps,   beta = 2.3 width

whose error is about 10^(1 - width) on a grid `OVERSAMPLING` times finer. With a width of 2 a centred object would lose
6 % along each axis at places of the grid, since the values of phi one step apart do not add up to a constant there. Those
of a tent do, and one that bulges a little,

    phi(u) = (1 - |u|) (1 + |u| / 20),

errs by 2 % (rms) of what lies within 0.38 N of the centre, for less work. The transpose that JAX derives is the exact
adjoint. Reference: Barnett, Magland and af Klinteberg, SIAM J. Sci. Comput. 41, C479 (2019).
"""

from collections.abc import Sequence
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core.neighbours import neighbours
from unsup_jax.core.phasors import weighted
from unsup_jax.errors import InputError
from unsup_jax.operators.taps import gather

Backend = Literal["gridding", "finufft"]
OVERSAMPLING = 2
BETA = {3: 2.26, 4: 2.38}
BULGE = 0.05


def fine_length(length: int) -> int:
    """Length of the fine grid of an axis: `OVERSAMPLING` times as long."""
    return OVERSAMPLING * length


def window(offset: Array, width: int) -> Array:
    """phi at `offset` grid steps, differentiable and zero beyond width / 2."""
    if width == 2:
        distance = jnp.abs(offset)
        return jnp.maximum(1 - distance, 0) * (1 + BULGE * distance)
    squared = 1 - jnp.square(2 * offset / width)
    root = jnp.sqrt(jnp.maximum(squared, 1e-12))
    return jnp.where(squared > 0, jnp.exp(BETA.get(width, 2.3) * width * (root - 1)), 0)


def window_transform(frequency: np.ndarray, width: int) -> np.ndarray:
    """The Fourier transform of phi at `frequency` cycles a grid step, by Gauss-Legendre quadrature of its half."""
    nodes, weights = np.polynomial.legendre.leggauss(2 * width + 24)
    part = (nodes + 1) / 2
    if width == 2:
        phi = (1 - part) * (1 + BULGE * part)
    else:
        phi = np.exp(BETA.get(width, 2.3) * width * (np.sqrt(1 - part**2) - 1))
    return (np.cos(2 * np.pi * frequency[..., None] * part * width / 2) * phi * weights).sum(-1) * width / 2


def deapodization(length: int, width: int) -> np.ndarray:
    """1 / transform of phi at the pixels n - N // 2 of an axis of `length`, to divide out the window."""
    return 1 / window_transform((np.arange(length) - length // 2) / fine_length(length), width)


def taps(position: Array, length: int, width: int) -> tuple[Array, Array]:
    """Indices (modulo `length`) and weights [..., width] of the grid points around `position` grid steps."""
    near = neighbours(position, width)
    return jnp.mod(near, length), window(position[..., None] - near.astype(position.dtype), width)


def interpolate(grid: Array, positions: Array, width: int, *, inside: bool = False) -> Array:
    """Values [S, C] between the points of a periodic grid [*G, C], at `positions` [S, d] in grid steps.

    `inside` promises that along the last axis no position has taps beyond an end, which many samples are the faster for.
    """
    return gather(grid, *zip(*(taps(positions[:, axis], n, width) for axis, n in enumerate(grid.shape[:-1]))), consecutive=inside)


def on_fine_grid(x: Array, axis: int, width: int) -> Array:
    """x over the window's transform along one axis, padded to the fine grid, its centre moved to index 0."""
    n, axis = x.shape[axis], axis % x.ndim
    along = [n if a == axis else 1 for a in range(x.ndim)]
    x = weighted(jnp.asarray(deapodization(n, width)).reshape(along), x)
    padded = jnp.pad(x, [(0, fine_length(n) - n) if a == axis else (0, 0) for a in range(x.ndim)])
    return jnp.roll(padded, -(n // 2), axis)


def fine_spectrum(x: Array, axes: Sequence[int], width: int) -> Array:
    """The fine grid's transform of x along `axes`, whose centre is pixel n // 2, ready for `interpolate`.

    Each axis is padded when it is transformed, so that no zeros are transformed along the others, and turned to be the
    last, with the channels first, so that the transform reads along its rows.
    """
    x = jnp.moveaxis(x, -1, 0)
    for axis in (a % x.ndim + 1 for a in axes):
        x = jnp.moveaxis(jnp.fft.fft(on_fine_grid(jnp.moveaxis(x, axis, -1), -1, width)), -1, axis)
    return jnp.moveaxis(x, 0, -1)


def nufft(x: Array, coordinates: Array, width: int = 6, backend: Backend = "gridding") -> Array:
    """y(k) [samples, C] of images x [*S, C] at `coordinates` [samples, d], in cycles per pixel.

    The backend "finufft" is the package jax-finufft, at the same accuracy. Raises `InputError` where it is not
    installed, and for an unknown backend.
    """
    if backend == "finufft":
        try:
            from jax_finufft import nufft2
        except ImportError as error:
            raise InputError(
                "the backend 'finufft' needs the package jax-finufft: pip install 'unsup_jax[finufft]'; 'gridding' needs nothing") from error
        angles = [2 * np.pi * coordinates[:, axis] for axis in range(coordinates.shape[1])]
        return nufft2(jnp.moveaxis(x, -1, 0), *angles, eps=10.0 ** (1 - width), iflag=-1).T
    if backend != "gridding":
        raise InputError(f"no NUFFT backend {backend!r}; there are 'gridding' and 'finufft'")
    lengths = jnp.asarray([fine_length(n) for n in x.shape[:-1]], coordinates.dtype).reshape(1, -1)
    return interpolate(fine_spectrum(x, range(x.ndim - 1), width), coordinates * lengths, width)

