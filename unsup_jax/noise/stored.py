"""Noise models as JSON, beside what was trained with them."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.noise.base import NoiseModel
from unsup_jax.type_names import name_of, named


def to_json(model: NoiseModel | None) -> dict[str, Any] | None:
    """{"model": name, field: nested list, ...}; None for None."""
    if model is None:
        return None
    fields = {f.name: np.asarray(getattr(model, f.name)).tolist() for f in dataclasses.fields(model)}
    return {"model": name_of(type(model)), **fields}


def from_json(stored: dict[str, Any] | None) -> NoiseModel | None:
    """The model that `to_json` described, in float32. Raises `InputError` on one that is neither ours nor of a named file."""
    if stored is None:
        return None
    fields = {name: jnp.asarray(value, jnp.float32) for name, value in stored.items() if name != "model"}
    name = stored["model"]
    try:
        kind = named(name if set(".:") & set(name) else f"unsup_jax.noise.{name}")      # runs of old have the bare name
        if issubclass(kind, NoiseModel):
            return kind(**fields)
    except (InputError, TypeError) as error:
        raise InputError(f"a noise model {name!r} is stored, which this version does not know") from error
    raise InputError(f"{name!r} is stored as a noise model, which it is not")
