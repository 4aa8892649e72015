"""Folders of the user, as the XDG base directory specification names them."""

import os
from pathlib import Path


def cache() -> Path:
    """What can be made again: $XDG_CACHE_HOME/unsup_jax, by default in ~/.cache."""
    return _folder("XDG_CACHE_HOME", "~/.cache")


def data() -> Path:
    """What the user keeps: $XDG_DATA_HOME/unsup_jax, by default in ~/.local/share."""
    return _folder("XDG_DATA_HOME", "~/.local/share")


def _folder(variable, default):
    return Path(os.environ.get(variable) or os.path.expanduser(default)) / "unsup_jax"
