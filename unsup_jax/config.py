"""Configurations are the frozen dataclasses themselves; here they become JSON that names their types, and come back."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.type_names import name_of, named

_TYPE, _FUNCTION, _ARRAY = "type", "function", "array"


def to_json(value: Any, arrays: dict[str, np.ndarray] | None = None) -> Any:
    """A configuration as nested dictionaries of plain values, each with the name of its type.

    The arrays in it are put into `arrays`, under the names by which the JSON knows them; without that, they are their shape in words.
    """
    if dataclasses.is_dataclass(value):
        return {_TYPE: name_of(type(value)), **{f.name: to_json(getattr(value, f.name), arrays) for f in configured(value)}}
    if isinstance(value, Mapping):
        return {str(key): to_json(v, arrays) for key, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(v, arrays) for v in value]
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        if np.ndim(value) == 0 and not np.iscomplexobj(value):
            return value.item()
        if arrays is None:
            return f"{value.dtype} of shape {np.shape(value)}"
        name = str(len(arrays))
        arrays[name] = np.asarray(value)
        return {_ARRAY: name}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return {_FUNCTION: name_of(value)} if hasattr(value, "__qualname__") else repr(value)


def from_json(default: Any, stored: Any, arrays: Mapping[str, np.ndarray] | None = None) -> Any:
    """What `to_json` stored; where it names no types, as runs of old do, `default` with its fields replaced by the stored ones.

    Raises `InputError` on a field that its type does not have, and on a type that is neither of unsup_jax nor in the named file.
    """
    if isinstance(stored, list):
        each = default if isinstance(default, tuple) and len(default) == len(stored) else [None] * len(stored)
        return tuple(from_json(d, s, arrays) for d, s in zip(each, stored))
    if not isinstance(stored, dict):
        return stored
    if _ARRAY in stored:
        return arrays[stored[_ARRAY]]
    if _FUNCTION in stored:
        return named(stored[_FUNCTION])
    fields = {name: value for name, value in stored.items() if name != _TYPE}
    if _TYPE not in stored and not dataclasses.is_dataclass(default):
        return {name: from_json((default or {}).get(name), value, arrays) for name, value in fields.items()}
    kind = named(stored[_TYPE]) if _TYPE in stored else type(default)
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise InputError(f"a stored configuration is of type {stored[_TYPE]}, which is no configuration")
    if unknown := set(fields) - {f.name for f in configured(kind)}:
        raise InputError(f"stored configuration of {kind.__name__} has unknown fields {sorted(unknown)}")
    if _TYPE in stored:
        return kind(**{name: from_json(None, value, arrays) for name, value in fields.items()})
    changed = {name: from_json(getattr(default, name), value, arrays) for name, value in fields.items()}
    return dataclasses.replace(default, **{name: value for name, value in changed.items() if value != getattr(default, name)})


def files_of(stored: Any) -> set[Path]:
    """The files of the user's that a stored configuration needs."""
    if isinstance(stored, list):
        return set().union(*map(files_of, stored))
    if not isinstance(stored, dict):
        return set()
    names = [stored[key] for key in (_TYPE, _FUNCTION) if isinstance(stored.get(key), str)]
    return {Path(name.rpartition(":")[0]) for name in names if ":" in name}.union(*map(files_of, stored.values()))


def configured(value):
    """The fields that configure something: of a Flax module, all but the parent and the name that it has inside of another one."""
    every = [f for f in dataclasses.fields(value) if f.init]
    inside = {"parent", "name"} if any(f.name == "parent" for f in every) else set()
    return [f for f in every if f.name not in inside]
