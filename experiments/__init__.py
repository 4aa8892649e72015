"""The registry: every experiment is a file of this package that defines `EXPERIMENT`.

Nothing registers itself: a file is found by its name and loaded when it is asked for.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from unsup_jax.errors import InputError

if TYPE_CHECKING:  # loading it takes as long as all else
    from unsup_jax.experiment import Experiment


def names() -> list[str]:
    """The name of every experiment, in alphabetical order."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def load(name: str) -> "Experiment":
    """The experiment of a name; `InputError` names the nearest ones where there is none."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), 3, 0.4)
        raise InputError(f"no experiment {name!r}; " + (f"did you mean {', '.join(near)}?" if near else "see `list`"))
    return importlib.import_module(f"{__name__}.{name}").EXPERIMENT


def every() -> Iterator[tuple[str, "Experiment"]]:
    """(name, experiment) of all."""
    return ((name, load(name)) for name in names())
