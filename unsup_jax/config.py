"""Configurations are the frozen dataclasses themselves; here they become JSON and come back."""

import dataclasses
from typing import Any

from unsup_jax.errors import InputError

_FLAX = {"parent", "name"}  # fields of every Flax module that configure nothing


def to_json(value: Any) -> Any:
    """A configuration as nested dictionaries of plain values."""
    if dataclasses.is_dataclass(value):
        return {f.name: to_json(getattr(value, f.name)) for f in _fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_json(v) for v in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)


def from_json(default: Any, stored: Any) -> Any:
    """`default` with its fields replaced by the stored ones; `InputError` on a field that it does not have."""
    if dataclasses.is_dataclass(default):
        names = {f.name for f in _fields(default)}
        unknown = set(stored) - names
        if unknown:
            raise InputError(f"stored configuration of {type(default).__name__} has unknown fields {sorted(unknown)}")
        changed = {name: from_json(getattr(default, name), value) for name, value in stored.items()}
        return dataclasses.replace(default, **{k: v for k, v in changed.items() if v != getattr(default, k)})
    if isinstance(default, tuple) and isinstance(stored, list):
        same = len(default) == len(stored) and any(dataclasses.is_dataclass(d) for d in default)
        return tuple(from_json(d, s) for d, s in zip(default, stored)) if same else tuple(stored)
    return tuple(stored) if isinstance(stored, list) else stored


def _fields(value):
    return [f for f in dataclasses.fields(value) if f.init and f.name not in _FLAX]
