"""Noise models as JSON, beside what was trained with them."""

import dataclasses
import importlib
from typing import Any

import jax.numpy as jnp
import numpy as np

import unsup_jax.noise
from unsup_jax.errors import InputError
from unsup_jax.noise.base import NoiseModel


def to_json(model: NoiseModel | None) -> dict[str, Any] | None:
    """{"model": name, field: nested list, ...}, with its module in the name of a model of another's; None for None."""
    if model is None:
        return None
    fields = {f.name: np.asarray(getattr(model, f.name)).tolist() for f in dataclasses.fields(model)}
    kind = type(model)
    own = getattr(unsup_jax.noise, kind.__name__, None) is kind
    return {"model": kind.__name__ if own else f"{kind.__module__}.{kind.__name__}", **fields}


def from_json(stored: dict[str, Any] | None) -> NoiseModel | None:
    """The model that `to_json` described, in float32. Raises `InputError` on an unknown one."""
    if stored is None:
        return None
    fields = {name: jnp.asarray(value, jnp.float32) for name, value in stored.items() if name != "model"}
    module, _, name = stored["model"].rpartition(".")
    try:
        return getattr(importlib.import_module(module or "unsup_jax.noise"), name)(**fields)
    except (ImportError, AttributeError) as error:
        raise InputError(f"a noise model {stored['model']!r} is stored, which this version does not know") from error
