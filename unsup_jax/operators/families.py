r"""Families of operators of which a part is known: the poses of particles behind a known CTF, the angles of projections.

    UnknownPose     H_phi = H P_{R, t},   R uniform on SO(3), t ~ N(0, shift^2)       H of the image: its CTF, or the identity
    UnknownAngles   H_phi = the projections of H at angles uniform on [0, 2 pi)
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core.family import Family, Redrawn
from unsup_jax.core.measurement import Measurement
from unsup_jax.core.operator import LinearOperator, Operator
from unsup_jax.errors import InputError
from unsup_jax.operators.cryo_em import Projection, random_rotations


@dataclass(frozen=True)
class UnknownPose(Family):
    """Projections of a volume at any orientation, of particles whose images alone have an operator, as they are read without poses.

    Raises `InputError` on a negative shift.
    """

    shift: float = 0.0
    """Standard deviation along each axis of where a particle lies off the image's middle, pixels."""
    width: int = 2
    """Neighbours of the interpolation of `Projection`."""

    def __post_init__(self):
        if self.shift < 0:
            raise InputError(f"UnknownPose takes shifts of a deviation of zero or more, not {self.shift}")

    def draw(self, key: Array, one: Measurement) -> LinearOperator:
        turn, move = jax.random.split(key)
        shift = self.shift * jax.random.normal(move, (2,)) if self.shift else None
        return one.operator @ Projection(random_rotations(turn, 1)[0], shift, width=self.width)


@dataclass(frozen=True)
class UnknownAngles(Redrawn):
    """Parallel projections from directions of which nothing is known."""

    def unknown(self, key: Array, H: Operator) -> dict[str, Array]:
        return {"angles": jax.random.uniform(key, H.angles.shape, H.angles.dtype, 0, 2 * jnp.pi)}
