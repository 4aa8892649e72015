"""Slices of the data one upon another, which tell nothing of each other: a volume that is right in two directions of three."""

from dataclasses import dataclass
from typing import ClassVar

from jax import Array

from unsup_jax.methods.classical.empirical_law import EmpiricalLaw, Seen


@dataclass(frozen=True)
class StackedSlices(EmpiricalLaw):
    """Cubes of unpaired images that are drawn one by one. Raises `InputError` on a capacity below 1."""

    reference: ClassVar[str] = "independent slices"

    def sample(self, key: Array, state: Seen, count: int) -> Array:
        """`count` cubes [D, *S, C], as many slices deep as these are high."""
        depth = state.images.shape[1]
        slices = super().sample(key, state, count * depth)
        return slices.reshape(count, depth, *slices.shape[1:])
