"""The instrument of a program: its operator is given as it is."""

from dataclasses import dataclass
from typing import ClassVar

import jax
from jax import Array

from unsup_jax.core import Operator
from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata
from unsup_jax.modalities.imager import Imager


@dataclass(frozen=True, eq=False)
class GivenOperator(Imager):
    """Measurements by an operator that a program gave: the same for all of them, or None where each had one of its own."""

    name: ClassVar[str] = "a given operator"

    forward: Operator | None = None
    """H."""

    def operator(self, key: Array, x: Array) -> Operator:
        if self.forward is None:
            raise InputError("each measurement of this run had an operator of its own")
        return self.forward

    def of_image(self, y: jax.ShapeDtypeStruct, metadata: Metadata = Metadata()) -> Operator:
        H = self.operator(jax.random.key(0), y)
        if made_like(H, y) != y.shape:
            raise InputError(f"the operator of this run, {type(H).__name__}, makes no measurement of shape {y.shape}")
        return H


def made_like(H: Operator, y: Array) -> tuple[int, ...] | None:
    """The shape of H(x), for the x that belongs to measurements like y; None where H has none of that shape."""
    try:
        return jax.eval_shape(H, H.domain(jax.ShapeDtypeStruct(y.shape, y.dtype))).shape
    except (InputError, ValueError, TypeError, IndexError):
        return None


def as_made(y: Array, H: Operator, what: str) -> tuple[Array, bool]:
    """(y as H makes it, whether an axis of one channel was added). Raises `InputError`, of `what`, where H makes it of no image."""
    for array in (y, y[..., None]):
        like = jax.ShapeDtypeStruct(array.shape, array.dtype)
        if made_like(H, like) == array.shape and H.domain(like).shape[-1] <= 4:
            return array, array.ndim > y.ndim
    raise InputError(f"{what} has the shape {y.shape}, which {type(H).__name__} makes of no image; several measurements are a list")
