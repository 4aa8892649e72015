"""Instruments whose files are images: what every camera's reader shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import jax
import numpy as np

from unsup_jax import files
from unsup_jax.core import Measurement, Operator
from unsup_jax.files.metadata import Metadata
from unsup_jax.modalities.base import Modality, Recording
from unsup_jax.operators import Identity


@dataclass(frozen=True)
class Imager(Modality):
    """An instrument whose measurement is an image on the pixels of x; a subclass writes `operator`, and `of_image` where H(x) is not x."""

    records: ClassVar[str] = "images"
    own: ClassVar[str] = f"images ({' '.join(files.KINDS)}), or --data.clean, images that it measures in simulation"
    images: ClassVar[bool] = True
    written: ClassVar[tuple[str, ...]] = files.WRITTEN

    def of_image(self, y: jax.ShapeDtypeStruct, metadata: Metadata = Metadata()) -> Operator:
        """The operator of an image [*S, C] that was measured elsewhere and is read from a file that says `metadata` of it.

        Raises `InputError` where more than the image must be known.
        """
        return Identity()

    def reads(self, path: str | Path) -> bool:
        return files.is_image(path)

    def read(
        self, paths: Sequence[str | Path], *, axes: str | None = None, dimensions: int = 2, channels: int | None = None,
    ) -> list[Recording]:
        offset = self.offset([files.open_image(path, axes) for path in files.spread(paths)], dimensions)
        return [
            Recording(picture.path, [one.replace(offset=offset) for one in self.of_images(images, picture.metadata)], picture)
            for picture, images in files.read_images(paths, axes, dimensions, offset)
        ]

    def offset(self, pictures: Sequence[files.Picture], dimensions: int) -> float:
        """The number to take from all images of a data set (`files.grey_offset`); zero where H(x + c) is not H(x) + c."""
        images = [image for picture in pictures for image in files.stored(picture, dimensions)]
        offset = files.grey_offset(images)
        like = jax.ShapeDtypeStruct(images[0].shape, images[0].dtype)
        return offset if offset and self.of_image(like, pictures[0].metadata).identity else 0.0

    def of_images(self, images: Sequence[files.Image], metadata: Metadata = Metadata()) -> list[Measurement]:
        like = {image.shape: jax.ShapeDtypeStruct(image.shape, image.dtype) for image in images}
        operators = {shape: jax.tree.map(np.asarray, self.of_image(y, metadata)) for shape, y in like.items()}
        return [Measurement(image, operators[image.shape]) for image in images]

    def ending(self, path: str | Path) -> str | None:
        return None if files.suffix(files.parted(path)[0]) in files.WRITTEN else ".tif"

    def store(self, output: str | Path, pictures: Sequence[np.ndarray], like: Recording) -> str:
        picture = like.source
        dimensions = pictures[0].ndim - 1
        with files.writer(picture, output) as pixels:
            for place, image in zip(files.indices(picture, dimensions), pictures):
                pixels[place] = files.as_stored(picture, dimensions, np.asarray(image))
        return f"{len(pictures)} images"
