"""From images to the measurements a method is trained and scored on."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.data.bundled import Bundled
from unsup_jax.data.files import KINDS, images, open_image
from unsup_jax.data.phantoms import Phantoms
from unsup_jax.errors import InputError
from unsup_jax.modalities import Modality
from unsup_jax.operators import Identity


@dataclass(frozen=True)
class Dataset:
    """Measurements to train on, to watch, and to score; a measurement may stand in more than one list."""

    train: list[Measurement]
    validation: list[Measurement]
    test: list[Measurement]


@dataclass(frozen=True)
class Data:
    """Where the images come from, and how they are split and cropped.

    Raises `InputError` on a fraction outside [0, 1), a patch below 8 pixels, or dimensions other than 2, 3.
    """

    source: Bundled | Phantoms = Bundled()
    """Clean images that the modality measures."""
    path: str | None = None
    """Your own measurements in place of the source: a file (.tif .png .npy .h5 .zarr), a folder of files,
    or the name of a TFDS data set."""
    pair: str | None = None
    """Second noisy realisations of the images of `path`, in the same order."""
    truth: str | None = None
    """References of the images of `path`, in the same order."""
    axes: str | None = None
    """Axes of your files where they do not say it themselves, such as ZYX or TYXC."""
    dimensions: int = 2
    """2: each plane is an image; 3: each volume is."""
    test: float = 0.5
    """Part of the images, the first ones, kept for scoring; of fewer than four, part of each one's longest axis."""
    validation: float = 0.1
    """Part of the training images, the last ones, or of each one's longest axis, watched and not trained on."""
    patch: int | None = 64
    """Width of the patches that training draws, pixels; None takes whole images."""
    augment: bool = True
    """Turn and mirror the patches at random."""

    def __post_init__(self):
        if not (0 <= self.test < 1 and 0 <= self.validation < 1):
            raise InputError(f"test and validation are parts in [0, 1), not {self.test} and {self.validation}")
        if self.patch is not None and self.patch < 8:
            raise InputError(f"patch is {self.patch}; it must be at least 8 pixels")
        if self.dimensions not in (2, 3):
            raise InputError(f"dimensions is {self.dimensions}; accepted are 2 and 3")

    def load(self, modality: Modality, sees: Collection[str], seed: int) -> Dataset:
        """The data set for a method that sees `sees`: `arrange` of `measure`."""
        return self.arrange(self.measure(modality, seed), sees, seed)

    def measure(self, modality: Modality, seed: int) -> list[Measurement]:
        """Every measurement: of the source's images by the modality, or read from `path`."""
        if self.path is not None:
            return self._own()
        measure, key = jax.jit(modality.measure), jax.random.key(seed)
        measured = [measure(jax.random.fold_in(key, i), image) for i, image in enumerate(self.source.images())]
        return [jax.tree.map(np.asarray, m) for m in measured]

    def arrange(self, measured: list[Measurement], sees: Collection[str], seed: int) -> Dataset:
        """Measurements in the lists that a method which sees `sees` is trained and scored on.

        A method that needs no truth trains on every measurement, those that are scored later included; one
        that sees truth or unpaired samples trains on the other part alone. Raises `InputError` where your own
        files lack what the method sees.
        """
        for name in sees if self.path is not None else ():
            needed = "truth" if name == "unpaired" else name  # unpaired samples are drawn from the references
            if getattr(self, needed) is None:
                raise InputError(f"the method sees {name}: give --data.{needed} beside --data.path")
        test, train = split(measured, self.test, first=True)
        if not {"truth", "unpaired"} & set(sees):
            train = measured
            if self.path is not None:
                test = measured
        if "unpaired" in sees:  # clean images of the other half, in an order of their own
            order = np.random.default_rng(seed).permutation(len(train))
            train = [m.replace(unpaired=train[i].truth) for m, i in zip(train, order)]
        train, validation = split(train, self.validation, first=False)
        return Dataset(train, validation or train, test or measured)

    def _own(self):
        named = {"pair": self.pair, "truth": self.truth}
        y = read(self.path, self.axes, self.dimensions)
        beside = {name: read(path, self.axes, self.dimensions) for name, path in named.items() if path}
        for name, others in beside.items():
            if [o.shape for o in others] != [image.shape for image in y]:
                raise InputError(f"--data.{name} holds {_shapes(others)}, --data.path {_shapes(y)}; they must agree")
        return [
            Measurement(image, Identity(), **{name: others[i] for name, others in beside.items()})
            for i, image in enumerate(y)
        ]


def read(path: str, axes: str | None, dimensions: int) -> list[np.ndarray]:
    """Every image [*S, C] of a file, of a folder's files in the order of their names, or of a TFDS data set."""
    place = Path(path)
    if place.is_dir() and not (place / "dataset_info.json").exists() and place.suffix != ".zarr":
        files = sorted(p for p in place.iterdir() if p.suffix.lower() in KINDS)
        if not files:
            raise InputError(f"{path}: no image file in this folder; known are {', '.join(sorted(KINDS))}")
        return [image for file in files for image in images(open_image(file, axes), dimensions)]
    if (place / "dataset_info.json").exists() or (not place.exists() and place.suffix == "" and "/" not in path):
        from unsup_jax.data.tfds import read_tfds  # imports slowly

        return read_tfds(path)
    return images(open_image(path, axes), dimensions)


def split(measurements: list[Measurement], part: float, *, first: bool) -> tuple[list[Measurement], list[Measurement]]:
    """Measurements in two: the first is `part` of them if `first`, else all but `part`.

    Fewer than four measurements by local operators are each cut across their longest axis; a single one by
    another operator stays whole and in the one list that is not `part`.
    """
    def cut_at(n):
        taken = min(max(1, round(part * n)), n - 1) if part else 0
        return taken if first else n - taken

    if len(measurements) >= 4 or not all(m.operator.local for m in measurements):
        cut = cut_at(len(measurements))
        return measurements[:cut], measurements[cut:]
    if part == 0:
        return ([], measurements) if first else (measurements, [])
    low, high = [], []
    for m in measurements:
        shape = m.y.shape[:-1]
        axis = int(np.argmax(shape))
        cut = cut_at(shape[axis])
        before = tuple(slice(0, cut) if a == axis else slice(None) for a in range(len(shape)))
        after = tuple(slice(cut, None) if a == axis else slice(None) for a in range(len(shape)))
        low.append(crop(m, before))
        high.append(crop(m, after))
    return low, high


def crop(measurement: Measurement, window: tuple[slice, ...]) -> Measurement:
    """The part of a measurement by a local operator inside a window: of every leaf with the axes of y."""
    frame = measurement.y.shape[:-1]

    def part(leaf):
        return leaf[window] if np.ndim(leaf) == len(frame) + 1 and leaf.shape[:-1] == frame else leaf

    return jax.tree.map(part, measurement)


def _shapes(arrays):
    return f"{len(arrays)} images of {', '.join(sorted({str(a.shape) for a in arrays}))}"
