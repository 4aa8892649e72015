"""The registry: every experiment is a file of this package that defines `EXPERIMENT`, and so is a file of your own.

Nothing registers itself: a file is found by its name, or its path, and loaded when it is asked for. Installed as a wheel, this
package is `unsup_jax_experiments`.
"""

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from unsup_jax.errors import InputError
from unsup_jax.type_names import load_file

if TYPE_CHECKING:  # loading it takes as long as all else
    from unsup_jax.experiment import Experiment


def names() -> list[str]:
    """The name of every experiment, in alphabetical order."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def module(name: str) -> ModuleType:
    """The file of an experiment, by its name or, ending in .py, by its path; `InputError` names the nearest ones where there is none."""
    if name.endswith(".py"):
        return load_file(name)
    if name not in names():
        near = difflib.get_close_matches(name, names(), 3, 0.4)
        raise InputError(f"no experiment {name!r}; " + (f"did you mean {', '.join(near)}?" if near else "see `list`"))
    return importlib.import_module(f"{__name__}.{name}")


def load(name: str) -> "Experiment":
    """The experiment of a name, of a file of your own, which is its `EXPERIMENT` or `experiment`, or of a model in a BioImage.IO package."""
    if name.endswith((".zip", ".onnx", "rdf.yaml")):
        return _packaged(name)
    file = module(name)
    found = getattr(file, "EXPERIMENT", None) or getattr(file, "experiment", None)
    if found is None:
        raise InputError(f"{name}: defines no experiment; write `experiment = Experiment(...)`")
    return found


def _packaged(path):
    from unsup_jax.experiment import Experiment
    from unsup_jax.methods import Packaged
    from unsup_jax.modalities import Camera

    return Experiment(Packaged(str(Path(path).resolve())), Camera())


def short(name: str) -> str:
    """What an experiment is called: its name, or that of its file."""
    if name.endswith("rdf.yaml"):
        return Path(name).resolve().parent.name
    return Path(name).stem if name.endswith((".py", ".zip", ".onnx")) else name


def every() -> Iterator[tuple[str, "Experiment"]]:
    """(name, experiment) of all."""
    return ((name, load(name)) for name in names())


def program() -> str:
    """What the command line was started as."""
    return "unsup-jax" if Path(sys.argv[0]).stem == "unsup-jax" else f"python -m {__name__}"
