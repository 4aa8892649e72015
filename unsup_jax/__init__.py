"""Unsupervised deep learning for biological image reconstruction and enhancement, in JAX.

`fit(method, arrays)` and `load(run)` are the door for programs and notebooks, and `trust(y, estimate)` says how far an estimate can be
trusted; they are imported when they are asked for.
"""

import importlib
from importlib.metadata import PackageNotFoundError, version

RELEASE = "0.1.0"
"""What the version is where no tag, no installation and no source distribution tells it."""
__all__ = ["fit", "load", "trust"]

try:
    __version__ = version("unsup_jax")
except PackageNotFoundError:
    __version__ = RELEASE


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "trust":
        return importlib.import_module("unsup_jax.trust")
    return getattr(importlib.import_module("unsup_jax.fitted"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
