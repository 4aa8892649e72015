r"""Winograd's minimal filtering: the correlations of a convolution's training by a quarter of the multiplications.

Two polynomials of m and K coefficients have a product of a = m + K - 1, which its values at a points determine: with
V_n = [p^0, ..., p^{n-1}] over the points p (the last of them infinity, where a polynomial's value is its leading coefficient),

    V_a (g * h) = (V_m g) . (V_K h),

. the product point by point. The transpose of it in h, and in g, are the two correlations of a piece of a numbers

    s_t = sum_{i < m} g_i x_{t + i}  = [V_K^T ((V_m g) . (V_a^{-T} x))]_t,     t < K     (gradient of a kernel of K taps)
    s_t = sum_{i < K} h_i x_{t + i}  = [V_m^T ((V_K h) . (V_a^{-T} x))]_t,     t < m     (m outputs of it)

by a multiplications for the m K of the sum itself. An axis is cut into tiles of m outputs, the axes are nested, and since
the pixels of an image keep their channels, the product at one point of all axes is one of matrices: [tiles, C] with
[tiles, F] or [C, F]. For K = 3 and m = 4 that is 36 products in place of 144 (in 2-D), for additions that grow with the
pixels alone. In float32 their cancellation costs one to two digits: 1e-6 to 1e-5 of the largest entry.

Of a correlation itself, whose result is as large as its image, the last axis alone is filtered (`filtered`): half of the
multiplications for few additions and a rounding of 1e-6. That pays from 64 channels on.

The gradient of a kernel is exactly zero where two channels have no pixel in common, and the rounding that filtering leaves in
its place would move that weight by a whole step of Adam, in another direction at every rounding. So an entry of the gradient
that is smaller than its own rounding is set to zero.

Lavin & Gray 2016 (arXiv 1509.09308); Winograd, Arithmetic Complexity of Computations, 1980.
"""

import math
from collections.abc import Callable
from functools import partial, reduce
from operator import add

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

Padding = tuple[tuple[int, int], ...]

_STRIP = 2**18  # numbers of an image that a core's cache holds beside what is computed from them
_ROUNDINGS = 4  # of that bound, that the sums of tiles lose
_POINTS = (0, 1, -1, 2, -2)
_TILE = {2: 4, 3: 4, 4: 3, 5: 2}  # the m of each K: at most 5 points and infinity, where float32 still suffices


def algorithm(taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(V_a^{-T} [a, a], V_m [a, m], V_K [a, K]) for K `taps`; for other K than 2 to 5 the plain sum, (1, 1, 1) with m = 1."""
    if taps not in _TILE:
        return np.eye(taps), np.ones((taps, 1)), np.eye(taps)
    a = _TILE[taps] + taps - 1

    def values(n):
        at_infinity = np.eye(n)[-1:]
        return np.concatenate([np.vander(_POINTS[:a - 1], n, increasing=True).astype(float), at_infinity])

    inverse = np.linalg.inv(values(a)).T
    return np.where(np.abs(inverse) < 1e-12, 0, inverse), values(_TILE[taps]), values(taps)


def filtered(x: Array, kernel: Array, *, padding: Padding, correlate: Callable[..., Array]) -> Array:
    """sum_{t, c} x[n, p + t - lo, c] kernel[t, c, f], [N, *P, F], for x [N, *S, C] and kernel [*K, C, F].

    `correlate(x, kernel, padding=padding)` is the plain correlation, and serves the other axes.
    """
    axis = x.ndim - 2
    of_x, of_g, of_h = (matrix.astype(x.dtype) for matrix in algorithm(kernel.shape[-3]))
    step, (lo, hi) = of_g.shape[1], padding[-1]
    outputs = x.shape[axis] + lo + hi - kernel.shape[-3] + 1
    count = -(-outputs // step)
    x = jnp.pad(x, [(0, 0)] * axis + [(lo, hi + count * step - outputs), (0, 0)])
    kernels = jnp.split(kernel, kernel.shape[-3], -3)
    products = [
        correlate(_combine(x, _terms(point), axis=axis, step=step, count=count), _weighted_sum(taps, kernels), padding=(*padding[:-1], (0, 0)))
        for point, taps in zip(of_x, of_h)]
    tiles = jnp.stack([_weighted_sum(output, products) for output in of_g.T], axis + 1)
    return lax.slice_in_dim(tiles.reshape(*tiles.shape[:axis], -1, tiles.shape[-1]), 0, outputs, axis=axis)


def kernel_gradient(x: Array, cotangent: Array, *, kernel_size: tuple[int, ...], padding: Padding) -> Array:
    """sum_{n, p} x[n, p + t - lo, c] cotangent[n, p, f], [*K, C, F], for x [N, *S, C] and cotangent [N, *P, F].

    Strips of an image that a core's cache holds follow one another.
    """
    dtype = x.dtype if x.dtype.itemsize >= 4 else jnp.float32
    algorithms = [algorithm(taps) for taps in kernel_size]
    counts = [-(-n // of_g.shape[1]) for n, (_, of_g, _) in zip(cotangent.shape[1:-1], algorithms)]
    strips = min(counts[0], -(-math.prod(x.shape[1:]) // _STRIP))
    counts[0] = -(-counts[0] // strips)                             # tiles of a strip
    x, g = _whole_tiles(x.astype(dtype), padding, cotangent.astype(dtype), [strips * counts[0], *counts[1:]], algorithms)

    def gradient(x, g, axis):
        if axis == len(kernel_size) + 1:
            return lax.dot_general(x.reshape(-1, x.shape[-1]), g.reshape(-1, g.shape[-1]), (((0,), (0,)), ((), ())))
        of_x, of_g, of_h = (matrix.astype(dtype) for matrix in algorithms[axis - 1])
        tiles = partial(_combine, axis=axis, step=of_g.shape[1], count=counts[axis - 1])
        products = lax.map(lambda at: gradient(tiles(x, enumerate(at[0])), tiles(g, enumerate(at[1])), axis + 1), (of_x, of_g))
        return jnp.stack([_weighted_sum(tap, products) for tap in of_h.T])

    def strip(total, k):
        rows = g.shape[1] // strips
        part = [lax.dynamic_slice_in_dim(image, k * rows, rows + more, 1) for image, more in ((x, kernel_size[0] - 1), (g, 0))]
        return total + gradient(*part, 1), None

    rounding = _ROUNDINGS * float(jnp.finfo(dtype).eps) * jnp.outer(_norm(x), _norm(g))
    start = jnp.zeros((*kernel_size, x.shape[-1], g.shape[-1]), dtype)
    entries = lax.scan(strip, start, jnp.arange(strips))[0] if strips > 1 else gradient(x, g, 1)
    kept = jnp.abs(entries) >= rounding.reshape(*(1,) * len(kernel_size), *rounding.shape)
    return jnp.where(kept, entries, 0).astype(cotangent.dtype)


def _norm(image):
    """The Euclidean norm of each channel; the product of two of them bounds the entries of their correlation."""
    return jnp.sqrt(jnp.sum(jnp.square(image), range(image.ndim - 1)))


def _whole_tiles(x, padding, cotangent, counts, algorithms):
    """Both, zero-padded to `counts` whole tiles an axis."""
    missing = [count * of_g.shape[1] - n for count, (_, of_g, _), n in zip(counts, algorithms, cotangent.shape[1:-1])]
    x = jnp.pad(x, ((0, 0), *((lo, hi + more) for (lo, hi), more in zip(padding, missing)), (0, 0)))
    return x, jnp.pad(cotangent, ((0, 0), *((0, more) for more in missing), (0, 0)))


def _terms(coefficients):
    """The (i, c) that are not zero."""
    return [(i, c) for i, c in enumerate(coefficients) if c]


def _weighted_sum(coefficients, arrays):
    return reduce(add, (c * arrays[i] for i, c in _terms(coefficients)))


def _combine(image, terms, *, axis, step, count):
    """The sum over terms (i, c) of c (pixel i of each tile), along an axis cut into `count` tiles that start `step` apart."""
    reach = (count - 1) * step + 1
    return reduce(add, (c * lax.slice_in_dim(image, i, i + reach, step, axis) for i, c in terms))
