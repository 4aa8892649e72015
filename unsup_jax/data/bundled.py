"""Real images that ship inside installed packages."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from unsup_jax.errors import InputError


@dataclass(frozen=True)
class Bundled:
    """One real image, mean-binned, as grey values above its background.

    Raises `InputError` on a bin below 1.
    """

    name: Literal["nuclei", "cell", "tissue", "retina", "camera"] = "nuclei"
    """nuclei: fluorescent nuclei, 1024x1344 (mahotas); cell: a cell's phase, 660x550; tissue: stained
    colon glands, 512x512; retina: fundus photograph, green channel, 1411x1411; camera: a photograph of the kind
    that denoisers are compared on, 512x512 (scikit-image)."""
    bin: int = 3
    """Width of the camera's binning, pixels."""

    def __post_init__(self):
        if self.bin < 1:
            raise InputError(f"bin is {self.bin}; it must be at least 1")

    def images(self) -> list[np.ndarray]:
        """The image [H, W, 1] in float32."""
        import mahotas.demos  # both import slowly, and only here are they needed
        import skimage.data

        image = {
            "nuclei": lambda: mahotas.demos.nuclear_image()[..., 0],
            "cell": skimage.data.cell,
            "tissue": lambda: skimage.data.immunohistochemistry()[..., 2],
            "camera": skimage.data.camera,
            "retina": lambda: skimage.data.retina()[..., 1],
        }[self.name]().astype(np.float32)
        rows, columns = (n // self.bin for n in image.shape)
        image = image[: rows * self.bin, : columns * self.bin]
        image = image.reshape(rows, self.bin, columns, self.bin).mean((1, 3))
        return [(image - image.min())[..., None]]
