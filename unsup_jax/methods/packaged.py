"""The model of a BioImage.IO package, of whoever made it, in a table beside methods of this one."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from unsup_jax.core import REAL_IMAGES, Direct, Measurement, Takes
from unsup_jax.errors import InputError
from unsup_jax.methods.classical.camera import channel_cameras
from unsup_jax.priors.packaged import PackagedDenoiser, opened


@dataclass(frozen=True)
class Packaged(Direct):
    """x^ = P(y), or D(y, sigma) of a model that removes white noise of a known level, sigma that of the measurement, known or estimated."""

    takes: ClassVar[Takes] = REAL_IMAGES
    reference: ClassVar[str] = "BioImage.IO"

    path: str = ""
    """A .zip, a folder, an rdf.yaml or an .onnx of images [N, C, Y, X]."""
    level: float | None = None
    """Deviation of the white noise that the model removes, grey levels; None: as its package tells."""

    @property
    def label(self) -> str:
        """The name of the file."""
        return f"Packaged ({Path(self.path).stem})" if self.path else "Packaged"

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        if not self.path:
            raise InputError("Packaged needs the package of a model: give --method.path model.zip")
        opened(str(Path(self.path).resolve()))

    def answer(self, key: Array, one: Measurement) -> Array:
        denoise = PackagedDenoiser(self.path, self.level)
        if self.level is None and opened(str(Path(self.path).resolve())).level is None:
            return denoise(one.y, jnp.zeros((), one.y.dtype))
        gain, sigma, offset = channel_cameras(one)
        light = jnp.maximum(jnp.mean(one.y, tuple(range(one.y.ndim - 1))) - offset, 0)
        return denoise(one.y, jnp.sqrt(jnp.mean(gain * light + jnp.square(sigma))))
