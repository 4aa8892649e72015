r"""Noise as it was recorded where there is no signal, such as the ice around particles.

    y = H(x) + T w,     w a patch of the background, T a random mirror, turn and shift around the edges
"""

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core.measurement import Scale
from unsup_jax.errors import InputError
from unsup_jax.noise.base import NoiseModel


class Background(NoiseModel):
    """A recorded patch, drawn at another place and another orientation each time. It has no likelihood that is known."""

    patch: Array
    """w [*S, C]."""

    def sample(self, key: Array, clean: Array) -> Array:
        if self.patch.shape != clean.shape:
            raise InputError(f"Background of a patch {self.patch.shape} was given an image of shape {clean.shape}")
        flip, turn, move = jax.random.split(key, 3)
        w, rank = self.patch.astype(clean.dtype), clean.ndim - 1
        for axis, mirrored in enumerate(jax.random.bernoulli(flip, 0.5, (rank,))):
            w = jnp.where(mirrored, jnp.flip(w, axis), w)
        if clean.shape[rank - 1] == clean.shape[rank - 2]:
            w = jnp.where(jax.random.bernoulli(turn), w.swapaxes(rank - 1, rank - 2), w)
        frame = jnp.array(clean.shape[:-1])
        return clean + jnp.roll(w, jax.random.randint(move, (rank,), 0, frame), tuple(range(rank)))

    def variance(self, clean: Array) -> Array:
        return jnp.broadcast_to(jnp.var(self.patch), clean.shape).astype(clean.dtype)

    def normalize(self, scale: Scale) -> "Background":
        return Background(self.patch / scale.unit)
