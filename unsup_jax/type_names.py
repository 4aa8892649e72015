"""Classes and functions by their names: as unsup_jax exports them, or by the file of the user's that holds them,

    unsup_jax.methods.Noise2Void        /home/user/my_experiment.py:MyMethod

and no others: what is stored on a disk imports nothing else.
"""

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from unsup_jax.errors import InputError

_PREFIX = "unsup_jax_own_file:"


def load_file(path: str | Path) -> ModuleType:
    """The module of a file, which may import what lies beside it. Raises `InputError` where there is none, or it cannot be run."""
    path = Path(path).resolve()
    name = f"{_PREFIX}{path}"
    if name in sys.modules:
        return sys.modules[name]
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise InputError(f"{path}: not a Python file (.py)")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # where dataclasses look their module up
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except InputError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"{path}, line {_line(error, path)}: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def name_of(thing: Any) -> str:
    """The name of a class or a function: where unsup_jax exports it, where a user's file holds it, or where it was defined."""
    place = thing.__module__
    if _ours(place):
        parents = place.split(".")
        packages = [".".join(parents[:n]) for n in range(1, len(parents))]
        place = next((package for package in packages if vars(sys.modules[package]).get(thing.__qualname__) is thing), place)
    elif found := _held_by(thing):
        return f"{found[0]}:{found[1]}"
    return f"{place}.{thing.__qualname__}"


def named(name: str) -> Any:
    """The class or function that `name_of` named. Raises `InputError` on one that is neither of unsup_jax nor in a user's file."""
    path, _, word = name.rpartition(":")
    if path:
        module = _own(path, word)
    else:
        place, _, word = name.rpartition(".")
        if not _ours(place) or not re.fullmatch(r"[\w.]+", name):
            raise InputError(f"{name} is neither of unsup_jax nor in the file of an experiment, and is not opened")
        try:
            module = importlib.import_module(place)
        except ImportError:
            module = None
    thing = getattr(module, word, None)
    if thing is None or not path and not _ours(getattr(thing, "__module__", "")):
        raise InputError(f"{name}: {f'{path} does not define it any more' if path else 'this version of unsup_jax has no such class'}")
    return thing


def _held_by(thing: Any) -> tuple[Path, str] | None:
    """(file, name) of what a loaded file defines or imports; None of any other."""
    for module in [module for name, module in sys.modules.items() if name.startswith(_PREFIX)]:
        for name, value in vars(module).items():
            if value is thing:
                return Path(module.__file__), name
    return None


def _line(error, path):
    """The last line of a file that an error came through."""
    lines, trace = [getattr(error, "lineno", None) or 0], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return lines[-1]


def _own(path, word):
    try:
        return load_file(path)
    except InputError as error:
        raise InputError(f"{word} is defined in a file of its own: {error}") from error


def _ours(module):
    return module == "unsup_jax" or module.startswith("unsup_jax.")
