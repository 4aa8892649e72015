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

    name: Literal["tissue", "cell", "retina", "camera"] = "tissue"
    """Of scikit-image. tissue: stained colon glands, 512x512; cell: a cell's phase, 660x550; retina: fundus photograph,
    green channel, 1411x1411; camera: a photograph of the kind that denoisers are compared on, 512x512."""
    bin: int = 3
    """Width of the camera's binning, pixels."""

    def __post_init__(self):
        if self.bin < 1:
            raise InputError(f"bin is {self.bin}; it must be at least 1")

    def images(self) -> list[np.ndarray]:
        """The image [H, W, 1] in float32."""
        import skimage.data  # imports slowly, and only here is it needed

        image = {
            "tissue": lambda: skimage.data.immunohistochemistry()[..., 2],
            "cell": skimage.data.cell,
            "camera": skimage.data.camera,
            "retina": lambda: skimage.data.retina()[..., 1],
        }[self.name]().astype(np.float32)
        rows, columns = (n // self.bin for n in image.shape)
        image = image[: rows * self.bin, : columns * self.bin]
        image = image.reshape(rows, self.bin, columns, self.bin).mean((1, 3))
        return [(image - image.min())[..., None]]


_HEAD = {"axial": (2, 25, 142), "coronal": (1, 40, 197), "sagittal": (0, 38, 162)}
"""The axis of each plane's slices in the template, and the range of those in which a tenth of the field or more is head."""


@dataclass(frozen=True)
class Brain:
    """Slices of a head: the T1-weighted MNI152 template of 1 mm (Fonov 2009), from the extra `mri` (nilearn).

    The first slices are for scoring: 3 mm or more from all others of their plane. The last tenth, which a training
    watches, is spread over the head as the others are. Raises `InputError` where nilearn is not installed, on a number of
    slices that the planes do not have, and on fewer than 32 pixels.
    """

    count: int = 80
    """Slices in all: at most 86 axial, 126 coronal and 93 sagittal ones, with 8 scored ones each."""
    scored: int = 8
    """Slices for scoring among them."""
    planes: tuple[Literal["axial", "coronal", "sagittal"], ...] = ("axial",)
    """Planes of the slices, which share their number."""
    size: int = 128
    """Pixels of the square slices, which span 240 mm."""

    def __post_init__(self):
        if not self.planes or not 1 <= self.scored < self.count or self.size < 32:
            raise InputError(
                f"Brain needs a plane, 1 or more scored slices of those in all, and 32 pixels, not {len(self.planes)}, {self.scored} of "
                f"{self.count}, {self.size}")
        self.places()

    def places(self) -> list[tuple[int, int]]:
        """(axis, millimetre) of each slice."""
        scored, others = [], []
        for k, plane in enumerate(self.planes):
            axis, first, last = _HEAD[plane]
            share = lambda count: (count + k) // len(self.planes)
            kept = (first + (last - first) * (np.arange(share(self.scored)) + 0.5) / max(share(self.scored), 1)).astype(int)
            free = [i for i in range(first, last + 1) if np.abs(kept - i).min(initial=3) >= 3]
            wanted = share(self.count - self.scored)
            if wanted > len(free):
                raise InputError(f"Brain has {len(free)} {plane} slices beside {len(kept)} scored ones, not {wanted}")
            scored += [(axis, int(i)) for i in kept]
            others += [(axis, free[i]) for i in np.linspace(0, len(free) - 1, wanted).round().astype(int)]
        watched = others[5::10]
        return [*scored, *(place for place in others if place not in watched), *watched]

    def images(self) -> list[np.ndarray]:
        """The slices [size, size, 1] in float32, between 0 and 255."""
        try:
            from nilearn.datasets import load_mni152_template
        except ImportError as error:
            raise InputError("the brain slices need nilearn: pip install 'unsup_jax[mri]'") from error
        from skimage.transform import resize

        volume, result = np.asarray(load_mni152_template(resolution=1).dataobj, np.float32), []
        for axis, millimetre in self.places():
            slice_ = np.rot90(volume.take(millimetre, axis))
            pad = [((240 - n) // 2, 240 - n - (240 - n) // 2) for n in slice_.shape]
            small = resize(np.pad(slice_, pad), (self.size, self.size), anti_aliasing=True)
            result.append((255 * np.clip(small, 0, 1)).astype(np.float32)[..., None])
        return result
