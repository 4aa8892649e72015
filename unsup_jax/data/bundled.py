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


@dataclass(frozen=True)
class Brain:
    """Axial slices of a head: the T1-weighted MNI152 template of 1 mm (Fonov 2009), from the extra `mri` (nilearn).

    The first tenth of the slices lie 3 mm or more from all others, so that they can be scored. Raises `InputError`
    where nilearn is not installed, and on fewer than 10 slices or 32 pixels.
    """

    count: int = 80
    """Slices, at most 90."""
    size: int = 128
    """Pixels of the square slices, which span 240 mm."""

    def __post_init__(self):
        if not 10 <= self.count <= 90 or self.size < 32:
            raise InputError(f"Brain has 10 to 90 slices of 32 pixels or more, not {self.count} of {self.size}")

    def images(self) -> list[np.ndarray]:
        """The slices [size, size, 1] in float32, between 0 and 255."""
        try:
            from nilearn.datasets import load_mni152_template
        except ImportError as error:
            raise InputError("the brain slices need nilearn: pip install 'unsup_jax[mri]'") from error
        from skimage.transform import resize

        volume = np.asarray(load_mni152_template(resolution=1).dataobj, np.float32)
        scored = np.linspace(40, 150, self.count // 10).round().astype(int)
        others = [z for z in range(35, 156) if np.abs(scored - z).min() >= 3]
        chosen = [*scored, *np.asarray(others)[np.linspace(0, len(others) - 1, self.count - len(scored)).round().astype(int)]]
        result = []
        for z in chosen:
            slice_ = np.rot90(volume[:, :, z])
            pad = [((240 - n) // 2, 240 - n - (240 - n) // 2) for n in slice_.shape]
            small = resize(np.pad(slice_, pad), (self.size, self.size), anti_aliasing=True)
            result.append((255 * np.clip(small, 0, 1)).astype(np.float32)[..., None])
        return result
