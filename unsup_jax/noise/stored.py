"""Noise models as JSON, beside what was trained with them."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.noise import models, others
from unsup_jax.noise.models import NoiseModel


def to_json(model: NoiseModel | None) -> dict[str, Any] | None:
    """{"model": name, field: nested list, ...}; None for None."""
    if model is None:
        return None
    fields = {f.name: np.asarray(getattr(model, f.name)).tolist() for f in dataclasses.fields(model)}
    return {"model": type(model).__name__, **fields}


def from_json(stored: dict[str, Any] | None) -> NoiseModel | None:
    """The model that `to_json` described, in float32. Raises `InputError` on an unknown one."""
    if stored is None:
        return None
    fields = {name: jnp.asarray(value, jnp.float32) for name, value in stored.items() if name != "model"}
    kind = getattr(others, stored["model"], None) or getattr(models, stored["model"], None)
    if kind is None:
        raise InputError(f"a noise model {stored['model']!r} is stored, which this version does not know")
    return kind(**fields)
