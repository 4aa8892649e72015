r"""A volume as a generator without latents: its voxels are the parameters.

    x = ball * 1/|S| sum_{R in S} P(R .),     P the voxels, S a group of rotations: C_n about z, D_n with turns by pi about x too

The ball is what the projections of a cube hold of it whatever its orientation; outside of it x is zero. Conformations are such a volume
and a few others, in proportions that latents tell:

    x(z) = P_0 + sum_l sum_{k = 1 ... K} sqrt 2 cos(pi k (z_l + 1) / 2) P_lk,          z in [-1, 1]^L
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network


class Volume(Network):
    """Voxels [D, D, D, channels] of a symmetric volume. Raises `InputError` on a symmetry that is none."""

    symmetry: str = "C1"
    """Point group: C1, C2, ... about the z axis, or D1, D2, ... with two-fold axes across it."""
    start: float = 0.01
    """Deviation of the voxels at first, in units of the images."""
    channels: int = 1
    """Channels."""

    def __post_init__(self):
        super().__post_init__()
        rotations(self.symmetry)

    @nn.compact
    def __call__(self, shape: tuple[int, ...]) -> Array:
        x = self.param("voxels", nn.initializers.normal(self.start), (*shape, self.channels))
        x = inside(shape)[..., None].astype(x.dtype) * x
        group = rotations(self.symmetry)
        return x if len(group) == 1 else sum(turned(x, R) for R in group) / len(group)


class VolumeModes(Network):
    """Volumes P_0 and P_lk [*S, channels] in proportions that latents z [L] tell. Raises `InputError` on fewer than one mode.

    The P_lk start ten times as strong as P_0: at x(z) = P_0 no gradient tells one z from another.
    """

    modes: int = 4
    """K, volumes beside P_0 for each latent."""
    start: float = 0.01
    """Deviation of the voxels of P_0 at first, in units of the images."""
    spread: float = 0.1
    """That of the P_lk."""
    channels: int = 1
    """Channels."""

    def __post_init__(self):
        super().__post_init__()
        if self.modes < 1:
            raise InputError(f"VolumeModes needs one mode or more, not {self.modes}")

    @nn.compact
    def __call__(self, z: Array, shape: tuple[int, ...]) -> Array:
        order = jnp.arange(1, self.modes + 1, dtype=z.dtype)
        strengths = jnp.sqrt(jnp.array(2, z.dtype)) * jnp.cos(jnp.pi / 2 * jnp.outer(z + 1, order))
        one = self.param("voxels", nn.initializers.normal(self.start), (*shape, self.channels))
        modes = self.param("modes", nn.initializers.normal(self.spread), (*strengths.shape, *shape, self.channels))
        return one + jnp.tensordot(strengths, modes, 2)


def rotations(symmetry: str) -> np.ndarray:
    """The rotations [N, 3, 3] of a point group C_n or D_n, of vectors (x, y, z)."""
    kind, order = symmetry[:1], symmetry[1:]
    if kind not in ("C", "D") or not order.isdigit() or int(order) < 1:
        raise InputError(f"a symmetry {symmetry!r}; accepted are C1, C2, ... and D1, D2, ...")
    angles = 2 * np.pi * np.arange(int(order)) / int(order)
    cos, sin, zero = np.cos(angles), np.sin(angles), np.zeros(len(angles))
    about_z = np.moveaxis(np.array([[cos, -sin, zero], [sin, cos, zero], [zero, zero, zero + 1]]), -1, 0)
    return about_z if kind == "C" else np.concatenate([about_z, about_z @ np.diag([1.0, -1.0, -1.0])])


def turned(x: Array, R: np.ndarray) -> Array:
    """x [D, D, D, C] turned by R about its centre D // 2, by linear interpolation; zero where x is not known."""
    size = x.shape[0]
    places = np.stack(np.meshgrid(*(np.arange(size) - size // 2,) * 3, indexing="ij"), -1)[..., ::-1] @ R       # R^T p, (x, y, z)
    at = [jnp.asarray(np.round(axis, 6) + size // 2, x.dtype) for axis in np.moveaxis(places[..., ::-1], -1, 0)]
    one = lambda part: jax.scipy.ndimage.map_coordinates(part, at, order=1)
    return jnp.stack([one(x[..., c]) for c in range(x.shape[-1])], -1)


def inside(shape: tuple[int, ...]) -> np.ndarray:
    """Whether a voxel lies in the ball about the centre that all projections hold, [*S]."""
    places = np.meshgrid(*(np.arange(n) - n // 2 for n in shape), indexing="ij")
    return sum(np.square(p) for p in places) <= (min(shape) / 2 - 1) ** 2
