r"""What a parallel MRI measurement needs to know of its coils, from the centre of its own k-space.

ESPIRiT: every patch of k-space lies in the row space of the matrix A of all patches of the calibration region.
The projection onto that space, seen in the image domain, is a small matrix G(q) over the coils at each pixel q,
and the sensitivities are its eigenvectors of eigenvalue one,

    G(q) S(q) = S(q),     G(q) = (1 / k^2) sum_v  V_v(q) V_v(q)^H,

V_v the transform of the v-th right singular vector of A. Reference: Uecker et al., Magn. Reson. Med. 71, 990
(2014). G is a trigonometric polynomial: its few coefficients are the correlations of the kernels, so that the
number of FFTs does not grow with the number of kernels.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core.phasors import cis, weighted
from unsup_jax.errors import InputError


@partial(jax.jit, static_argnames=("calibration", "kernel", "sets", "iterations"))
def espirit(
    kspace: Array, *, calibration: int = 24, kernel: int = 6, sets: int = 1, threshold: float = 0.02,
    crop: float = 0.95, iterations: int = 40,
) -> tuple[Array, Array]:
    """(sensitivity maps [sets, coil, H, W], eigenvalues [sets, H, W]) from uncentred k-space [coil, H, W].

    `calibration` is the width of the fully sampled centre and `kernel` that of the patches, in samples.
    Singular values below `threshold` of the largest are noise; maps are zero where the eigenvalue is below
    `crop`. Maps have unit norm over the coils, and the phase of the first coil is zero.
    Raises `InputError` where the region does not hold the kernel, or the k-space not the region.
    """
    coils, height, width = kspace.shape
    if not kernel <= calibration <= min(height, width):
        raise InputError(f"espirit: kernel {kernel} <= calibration {calibration} <= k-space {height} x {width} does not hold")
    half = calibration // 2
    region = jnp.roll(kspace, (half, half), (1, 2))[:, :calibration, :calibration]
    span = calibration - kernel + 1
    patches = jnp.stack([
        region[:, i:i + span, j:j + span].reshape(coils, -1) for i in range(kernel) for j in range(kernel)
    ])                                                          # A^T: [k^2, coil, patch]
    A = patches.reshape(kernel**2 * coils, -1)
    A = weighted(1 / jnp.maximum(jnp.abs(A).max(), 1e-30), A)
    power, vectors = jnp.linalg.eigh(jnp.conj(A) @ A.T)         # right singular vectors of A, ascending
    kept = (power > threshold**2 * power[-1]).astype(A.real.dtype)
    projection = weighted(kept[None], jnp.conj(vectors)) @ vectors.T    # of patches onto the row space, [(k k coil), (k k coil)]
    projection = projection.reshape(kernel, kernel, coils, kernel, kernel, coils)
    correlation = jnp.zeros((2 * kernel - 1, 2 * kernel - 1, coils, coils), projection.dtype)
    for i in range(kernel):                                     # entries of equal displacement add up
        for j in range(kernel):
            at = (slice(kernel - 1 - i, 2 * kernel - 1 - i), slice(kernel - 1 - j, 2 * kernel - 1 - j))
            block = jnp.moveaxis(projection[i, j], 0, 2)        # [k, k, coil, coil']
            correlation = correlation.at[at].add(block)
    correlation = correlation / kernel**2
    frame = jnp.zeros((height, width, coils, coils), correlation.dtype)
    frame = frame.at[: 2 * kernel - 1, : 2 * kernel - 1].set(correlation)
    frame = jnp.roll(frame, (1 - kernel, 1 - kernel), (0, 1))
    G = jnp.fft.fft2(frame, axes=(0, 1))                        # [H, W, coil, coil']

    start = jnp.eye(coils, sets, dtype=G.dtype) + 0.1
    V = jnp.broadcast_to(start, (height, width, coils, sets))

    def multiply(_, V):
        return _orthonormal(jnp.einsum("hwcd,hwds->hwcs", G, V))

    V = jax.lax.fori_loop(0, iterations, multiply, _orthonormal(V))
    image = jnp.einsum("hwcd,hwds->hwcs", G, V)
    values = jnp.sum(jnp.conj(V) * image, 2).real               # Rayleigh quotients [H, W, sets]
    V = V * cis(-jnp.angle(V[:, :, :1]))
    maps = jnp.where(values[:, :, None] > crop, V, 0)
    return jnp.transpose(maps, (3, 2, 0, 1)), jnp.moveaxis(values, -1, 0)


def sets_seen(eigenvalues: Array, *, crop: float = 0.95, part: float = 0.05) -> int:
    """The sets of maps that a scan needs, from the `eigenvalues` [sets, H, W] of `espirit`.

    Where the field of view is smaller than the object, a pixel shows several places of it, each through sensitivities of its
    own, and as many eigenvalues are one. Those sets count whose eigenvalue is above `crop` in more than `part` of the pixels;
    the first always does.
    """
    seen = (eigenvalues > crop).mean((1, 2)) > part
    return 1 + int(seen[1:].sum())


def _orthonormal(V):
    """Gram-Schmidt over the sets of [..., coil, sets]."""
    columns = []
    for s in range(V.shape[-1]):
        v = V[..., s]
        for u in columns:
            v = v - jnp.sum(jnp.conj(u) * v, -1, keepdims=True) * u
        columns.append(weighted(1 / jnp.maximum(jnp.linalg.norm(v, axis=-1, keepdims=True), 1e-12), v))
    return jnp.stack(columns, -1)


def compress_coils(kspace: Array, count: int) -> tuple[Array, Array]:
    """(virtual coils [count, ...], matrix [count, coil]): the principal components over the coils of [coil, ...].

    No other `count` combinations keep more energy. Reference: Buehrer et al., Magn. Reson. Med. 57, 1131 (2007).
    Raises `InputError` on a count outside 1 to the number of coils.
    """
    coils = kspace.shape[0]
    if not 1 <= count <= coils:
        raise InputError(f"compress_coils: {count} virtual coils of {coils}")
    flat = kspace.reshape(coils, -1)
    _, vectors = jnp.linalg.eigh(flat @ jnp.conj(flat.T))
    matrix = jnp.conj(vectors[:, ::-1][:, :count].T)
    return (matrix @ flat).reshape(count, *kspace.shape[1:]), matrix


def whitening(covariance: np.ndarray) -> np.ndarray:
    """W [coil, coil] with W E[w w*] W* = 1: the inverse of the Cholesky factor of the noise's `covariance` [coil, coil].

    Reference: Roemer et al., Magn. Reson. Med. 16, 192 (1990). Raises `InputError` where a coil has no noise of its own.
    """
    try:
        return np.linalg.inv(np.linalg.cholesky(covariance)).astype(np.complex64)
    except np.linalg.LinAlgError as error:
        raise InputError(f"the noise covariance of {len(covariance)} coils is not positive definite: a coil is dead, or there twice") from error
