r"""Wide-field microscopes whose camera is too coarse for what one wants to see.

    y = B (h * x)

x is the specimen on a grid `finer` than the camera's, h the PSF there, and B the mean over the fine pixels of each of the camera's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import numpy as np
from jax import Array

from unsup_jax import files
from unsup_jax.core import Measurement, Operator
from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata
from unsup_jax.modalities.deconvolution import Blurred
from unsup_jax.operators import Binning


@dataclass(frozen=True)
class CoarseCamera(Blurred):
    """Super-resolution: deconvolution on a grid finer than the camera's, in 2-D or 3-D.

    The PSF, of a width in pixels or of a file, is in the pixels of x; what is asked of the optics is of the camera's, as their files say it.
    It writes images of the finer pixels. Raises `InputError` on a camera that is not coarser, on images that the factor does not divide, and
    as `Blurred` does.
    """

    name: ClassVar[str] = "super-resolution"
    images: ClassVar[bool] = False

    finer: int = 2
    """Pixels of x along one of the camera."""

    def __post_init__(self):
        super().__post_init__()
        if self.finer < 2:
            raise InputError(f"CoarseCamera needs finer of 2 or more, not {self.finer}; Blurred is of a camera as fine as x")

    def operator(self, key: Array, x: Array) -> Operator:
        if any(n % self.finer for n in x.shape[:-1]):
            raise InputError(f"CoarseCamera makes pixels of {self.finer} of an image; the shape {x.shape} is no multiple of them")
        return self._optics(x)

    def of_image(self, y: jax.ShapeDtypeStruct, metadata: Metadata = Metadata()) -> Operator:
        x = jax.ShapeDtypeStruct((*(self.finer * n for n in y.shape[:-1]), y.shape[-1]), y.dtype)
        return self._optics(x, self._finer(metadata))

    def notes(self, measurements: Sequence[Measurement]) -> list[str]:
        return super().notes([one.replace(operator=one.operator.inner) for one in measurements[:1]])

    def store(self, output, pictures: Sequence[np.ndarray], like) -> str:
        fine, source = pictures[0].shape, like.source
        sizes = dict(zip(source.spatial(len(fine) - 1), fine))
        shape = tuple(sizes.get(axis, n) for axis, n in zip(source.axes, source.array.shape))
        array = np.broadcast_to(np.zeros((), source.array.dtype), shape)     # what is written is like it; it holds nothing
        held = super().store(output, pictures, replace(like, source=replace(source, array=array, metadata=self._finer(source.metadata))))
        return f"{held} of {' x '.join(map(str, fine[:-1]))}"

    def _optics(self, x, metadata=Metadata()):
        scaled = {name: value / self.finer for name in ("pixel_size_um", "step_um") if (value := getattr(self, name)) is not None}
        blur = Blurred.of_image(replace(self, **scaled), x, metadata)
        return Binning((self.finer,) * (len(x.shape) - 1)) @ blur

    def _finer(self, metadata):
        """What a file says, of pixels of x; what its format alone can say is of the camera's pixels, and left out."""
        scales = {axis: replace(scale, step=scale.step / self.finer, origin=scale.origin - scale.step * (1 - 1 / self.finer) / 2)
                  if axis in "ZYX" else scale for axis, scale in metadata.scales.items()}
        return replace(metadata, scales=scales, own={})
