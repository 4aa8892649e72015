"""Where the weights of a general denoiser are looked for, in this order:

    $UNSUP_JAX_WEIGHTS                                  a package; empty: none
    unsup_jax_weights/general_denoiser.zip              beside the package `unsup_jax`, where `make weights` puts it
    $XDG_DATA_HOME/unsup_jax/general_denoiser.zip       of the user, by default in ~/.local/share
"""

import os
from pathlib import Path

from unsup_jax import user_folders
from unsup_jax.errors import InputError

FILE = "general_denoiser.zip"


def installed() -> Path | None:
    """The package of the general denoiser; None where none is installed. Raises `InputError` where $UNSUP_JAX_WEIGHTS names no file."""
    told = os.environ.get("UNSUP_JAX_WEIGHTS")
    if told is not None:
        if told and not Path(told).exists():
            raise InputError(f"UNSUP_JAX_WEIGHTS names {told}, which is not there")
        return Path(told) if told else None
    places = (Path(__file__).resolve().parents[2] / "unsup_jax_weights" / FILE, user_folders.data() / FILE)
    return next((place for place in places if place.is_file()), None)
