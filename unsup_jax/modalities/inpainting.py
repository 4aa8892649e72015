"""Images with missing pixels."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import numpy as np
from jax import Array

from unsup_jax import files
from unsup_jax.core import Operator
from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata
from unsup_jax.modalities.imager import Imager
from unsup_jax.operators import Mask


@dataclass(frozen=True)
class Inpainting(Imager):
    """Denoising with missing pixels: H(x) = m x, each pixel measured with probability `keep`.

    Raises `InputError` on a `keep` outside (0, 1], and on own images without a mask, or of another size.
    """

    name: ClassVar[str] = "inpainting"
    own: ClassVar[str] = "images with --modality.mask, which says where they were measured; or --data.clean, images that it measures in simulation"

    keep: float = 0.7
    """Part of the pixels that are measured."""
    mask: str | None = None
    """An image of what was measured of own images, of their size: zero where a pixel is missing."""

    def __post_init__(self):
        if not 0 < self.keep <= 1:
            raise InputError(f"Inpainting keeps a part in (0, 1] of the pixels, not {self.keep}")

    def operator(self, key: Array, x: Array) -> Operator:
        return Mask(jax.random.bernoulli(key, self.keep, (*x.shape[:-1], 1)).astype(x.dtype))

    def of_image(self, y: jax.ShapeDtypeStruct, metadata: Metadata = Metadata()) -> Operator:
        if self.mask is None:
            raise InputError(f"a file of images holds no measurement of {self.name}, which takes {self.own}")
        frame = y.shape[:-1]
        ((_, masks),) = files.read_images([self.mask], None, len(frame))
        if [mask.shape for mask in masks] != [(*frame, 1)]:
            raise InputError(f"{self.mask}: holds {', '.join(str(mask.shape) for mask in masks)}; the mask of images {y.shape} is {(*frame, 1)}")
        return Mask((np.asarray(masks[0]) != 0).astype(np.float32))
