"""A prior: a regulariser R of eq. (2) with its proximal map."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array


@dataclass(frozen=True)
class Prior:
    """R(x), by its value and its proximal map. Its fields are its hyperparameters."""

    slabwise: ClassVar[bool] = False
    """Its value and its map are of each pixel, or of it and its nearest neighbours: devices can share an image, a slab each."""

    def __call__(self, x: Array) -> Array:
        """R(x), a real scalar; infinite outside a constraint."""
        raise NotImplementedError

    def prox(self, x: Array, step: Array) -> Array:
        """argmin over z of 1/2 ||z - x||^2 + step R(z)."""
        raise NotImplementedError

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must hear of it, a line each."""
        return ()

    def in_units(self, unit: Array) -> "Prior":
        """The same R, of images that are counted in units of so many grey levels; itself, unless it knows grey levels."""
        return self

    def gradient(self, x: Array) -> Array:
        """The gradient of R, of steepest ascent, for eq. (3); derived from the value unless overridden."""
        return jnp.conj(jax.grad(self.__call__)(x))
