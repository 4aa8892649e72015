r"""Images of one bending object, turned and shifted: what a spatial-VAE takes apart.

    x(p) = sum_i a_i exp(-|R(angle) (p - shift) - c_i(bend)|^2 / (2 w^2)),     p in [-1, 1]^2, (column, row)

for five blobs c_i: a head, a body of two, and two unequal arms, of which the longer one bends.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.errors import InputError


def particle(angle: Array, shift: Array, bend: Array, *, size: int, peak: float = 100.0) -> Array:
    """The object [size, size, 1] turned by `angle` (rad), shifted by `shift` [2] and bent by `bend` (rad)."""
    line = jnp.linspace(-1, 1, size)
    p = jnp.stack(jnp.meshgrid(line, line, indexing="xy"), -1) - shift.reshape(1, 1, 2)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    t = p @ jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])
    arm = jnp.stack([0.1 + 0.34 * jnp.cos(bend), 0.34 * jnp.sin(bend)])
    centres = jnp.concatenate([jnp.array([[0.0, -0.5], [0.0, -0.12], [0.0, 0.2], [-0.26, 0.1]]), arm[None]])
    heights, widths = jnp.array([0.9, 0.7, 0.7, 0.6, 1.0]), jnp.array([0.14, 0.11, 0.11, 0.09, 0.1])
    square = jnp.sum(jnp.square(t[:, :, None] - centres[None, None]), -1)
    return peak * jnp.sum(heights[None, None] * jnp.exp(-square / (2 * jnp.square(widths))[None, None]), -1, keepdims=True)


@dataclass(frozen=True)
class Particles:
    """Particles of known pose, the same for the same seed. Raises `InputError` on fewer than one, or than 8 pixels."""

    count: int = 2000
    """Number of images."""
    size: int = 28
    """Pixels of the square images."""
    largest_angle: float = float(np.pi / 3)
    """Angles are uniform within it on both sides of zero, radians."""
    shift_deviation: float = 0.1
    """Standard deviation of the shifts, half widths of the image."""
    seed: int = 0
    """Seed of the poses."""

    def __post_init__(self):
        if self.count < 1 or self.size < 8:
            raise InputError(f"Particles are one or more of 8 pixels or more, not {self.count} of {self.size}")

    def poses(self) -> dict[str, np.ndarray]:
        """`angle` [count] (rad), `shift` [count, 2] (column, row; half widths), `bend` [count] (rad, within half of one of zero)."""
        angle, shift, bend = jax.random.split(jax.random.key(self.seed), 3)
        return jax.tree.map(np.asarray, {
            "angle": self.largest_angle * jax.random.uniform(angle, (self.count,), minval=-1.0),
            "shift": self.shift_deviation * jax.random.normal(shift, (self.count, 2)),
            "bend": jax.random.uniform(bend, (self.count,), minval=-0.5, maxval=0.5),
        })

    def images(self) -> list[np.ndarray]:
        """The images [size, size, 1] in float32, of about 100 grey values."""
        draw = jax.jit(jax.vmap(lambda pose: particle(**pose, size=self.size)))
        return [*np.asarray(draw(self.poses()))]
