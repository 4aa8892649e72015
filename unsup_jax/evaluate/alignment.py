r"""A volume of unknown pose brought onto a reference, over rotations, mirrors and shifts.

    (Q, t) = argmax over O(3) x R^3 of  corr_B(x(Q p + t), reference(p)),     p in the ball B about the centre D // 2

Projections at unknown orientations tell a volume up to a rotation and a mirror: one of other hand, seen from behind, has the same
projections. So a score against a reference is of the best Q, of either determinant. The search is exhaustive at coarse resolution,
over random rotations of which one lies within about 7 degrees, each with and without the mirror; the best ones are then refined by
the gradient of the correlation, coarse and fine. Axes and vectors are in the order of the array, (z, y, x).
"""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy
from unsup_jax.networks.volume import inside
from unsup_jax.operators.cryo_em import random_rotations, rotation_of

ndimage, optimize = Lazy("scipy.ndimage"), Lazy("scipy.optimize")

COARSE, FINE = 16, 48
"""Voxels along an axis of the volumes that are searched, and of those that are refined, at most."""


@dataclass(frozen=True)
class Alignment:
    """How a volume is brought onto a reference."""

    orthogonal: np.ndarray
    """Q [3, 3]."""
    shift: np.ndarray
    """t [3], voxels."""
    correlation: float
    """Pearson's, with the reference in the ball, at the resolution of the search."""

    @property
    def mirrored(self) -> bool:
        """Whether the volume has the other hand."""
        return bool(np.linalg.det(self.orthogonal) < 0)

    def apply(self, x: np.ndarray) -> np.ndarray:
        """x(Q p + t) [D, D, D, C] by cubic splines, zero where x is not known."""
        centre = np.full(3, x.shape[0] // 2)
        offset = centre + self.shift - self.orthogonal @ centre
        turned = [ndimage.affine_transform(np.asarray(part, np.float64), self.orthogonal, offset) for part in np.moveaxis(x, -1, 0)]
        return np.stack(turned, -1).astype(np.float32)


def align(x: np.ndarray, reference: np.ndarray, *, rotations: int = 6000, best: int = 10, seed: int = 0) -> Alignment:
    """The pose of x [D, D, D, C] on a reference of its shape: of so many random rotations the `best` are refined.

    Raises `InputError` on volumes that are not cubes of one shape.
    """
    if x.shape != reference.shape or x.ndim != 4 or len(set(x.shape[:3])) != 1:
        raise InputError(f"volumes [D, D, D, C] of one shape are aligned, not {x.shape} and {reference.shape}")
    size = x.shape[0]
    coarse = _coarse(size)
    R, found = _searched(x, reference, rotations, seed)
    mirror = np.diag([-1.0, 1.0, 1.0])
    starts = [R[i] @ (mirror if hand else np.eye(3)) for i, hand in zip(*np.unravel_index(np.argsort(-found, None)[:best], found.shape))]
    poses = [(0.0, Q, np.zeros(3)) for Q in starts]
    for width, kept in ((coarse, best), (min(FINE, size), 2)):
        a, b = (resized(v, width) for v in (x, reference))
        poses = sorted((_refined(a, b, Q, t, size / width) for _, Q, t in poses[:kept]), key=lambda pose: -pose[0])
    correlation, Q, t = poses[0]
    return Alignment(Q, t, correlation)


def rough_correlation(x: np.ndarray, reference: np.ndarray, *, rotations: int = 2000, seed: int = 0) -> float:
    """The largest correlation with a reference at random rotations of either hand, of reduced volumes: what `align` begins with."""
    return float(_searched(x, reference, rotations, seed)[1].max())


def ball_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's correlation of two volumes [D, D, D, C] in the ball that their cube holds."""
    held = inside(a.shape[:-1])
    return float(_pearson(*(jnp.asarray(v[held], jnp.float32) for v in (a, b))))


def radial_average(x: np.ndarray) -> np.ndarray:
    """The mean of x [D, D, D, C] over all rotations about the centre: what of it no pose is needed for."""
    radius = np.linalg.norm(_places(x.shape[0]), axis=-1)
    shell = np.rint(radius).astype(int).ravel()
    count = np.bincount(shell)
    means = [np.bincount(shell, part.ravel()) / np.maximum(count, 1) for part in np.moveaxis(x, -1, 0)]
    return np.stack([np.interp(radius, np.arange(len(count)), mean) for mean in means], -1).astype(np.float32)


def resized(x: np.ndarray, width: int) -> np.ndarray:
    """A volume of fewer voxels about the same centre: the middle of its transform."""
    size = x.shape[0]
    if width == size:
        return np.asarray(x, np.float32)
    middle = (slice(size // 2 - width // 2, size // 2 - width // 2 + width),) * 3
    spectrum = np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(x, (0, 1, 2)), axes=(0, 1, 2)), (0, 1, 2))[middle]
    small = np.fft.fftshift(np.fft.ifftn(np.fft.ifftshift(spectrum, (0, 1, 2)), axes=(0, 1, 2)), (0, 1, 2))
    return (small.real * (width / size) ** 3).astype(np.float32)


def _coarse(size):
    return min(COARSE, max(8, size // 2))


def _searched(x, reference, rotations, seed):
    """(random rotations [N, 3, 3], the correlation at each of them and at its mirror [N, 2])."""
    R = np.asarray(random_rotations(jax.random.key(seed), rotations))
    return R, np.asarray(_both_hands(*(resized(v, _coarse(x.shape[0])) for v in (x, reference)), R))


def _places(size):
    """Of each voxel from the centre, [D, D, D, 3]."""
    return np.moveaxis(np.indices((size,) * 3), 0, -1) - size // 2


def _ball(size):
    return _places(size)[inside((size,) * 3)].astype(np.float32)


def _at(x: Array, places: Array) -> Array:
    """x [D, D, D, C] at places [P, 3] from its centre, by linear interpolation, zero outside."""
    at = (places + x.shape[0] // 2).T
    one = partial(jax.scipy.ndimage.map_coordinates, coordinates=list(at), order=1)
    return jax.vmap(one, -1, -1)(x)


def _pearson(a, b):
    a, b = a - a.mean(), b - b.mean()
    power = jnp.sum(a * a) * jnp.sum(b * b)
    return jnp.sum(a * b) / jnp.sqrt(jnp.where(power > 0, power, 1))


@jax.jit
def _both_hands(x, reference, rotations):
    """The correlation at each rotation, [N, 2]: of the reference, and of it mirrored along its first axis."""
    places = jnp.asarray(_ball(x.shape[0]))
    same, other = (_at(reference, places * jnp.array([[s, 1, 1]], jnp.float32)) for s in (1, -1))

    def both(R):
        turned = _at(x, places @ R.T)
        return jnp.stack([_pearson(turned, same), _pearson(turned, other)])

    return jax.lax.map(both, rotations, batch_size=64)


@partial(jax.jit, static_argnames="scale")
def _mismatch(pose, x, reference, Q, scale):
    """-(correlation) and its gradient at Q R(a) and the shift, for a pose (a, shift in voxels of the whole volume / 10)."""
    def loss(pose):
        places = jnp.asarray(_ball(x.shape[0]))
        turned = places @ _turn(pose[:3]).T @ Q.T
        return -_pearson(_at(x, turned + 10 / scale * pose[None, 3:]), _at(reference, places))

    return jax.value_and_grad(loss)(pose)


def _turn(a):
    """The rotation of the quaternion (1, a / 2), by |a| radians where that is small."""
    quaternion = jnp.concatenate([jnp.ones(1, a.dtype), a / 2])
    return rotation_of(quaternion / jnp.linalg.norm(quaternion))


def _refined(x, reference, Q, shift, scale):
    """(correlation, Q, shift) at the nearest maximum of the correlation, of volumes reduced by `scale`."""
    def objective(pose):
        value, slope = _mismatch(jnp.asarray(pose, jnp.float32), x, reference, jnp.asarray(Q, jnp.float32), scale)
        return float(value), np.asarray(slope, np.float64)

    best = optimize.minimize(objective, np.concatenate([np.zeros(3), shift / 10]), jac=True, method="BFGS", options={"maxiter": 40})
    return -float(best.fun), Q @ np.asarray(_turn(jnp.asarray(best.x[:3], jnp.float32)), np.float64), 10 * best.x[3:]
