"""What every instrument answers: how it measures, which files it writes, and how what is made of them is written back.

    measure(key, x) -> Measurement                   simulation: operator drawn, noise drawn
    read(paths) -> a `Recording` of each             what the instrument wrote, as measurements
    write(output, estimates, like) -> str            estimates of a recording in its field's format, with its geometry

What an instrument needs beside a file, such as a PSF or a text of angles, is a field of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax import files
from unsup_jax.core import Measurement, Operator
from unsup_jax.errors import InputError
from unsup_jax.noise import NoiseModel, PoissonGaussian


@dataclass(frozen=True)
class Recording:
    """What an instrument wrote into one file."""

    path: Path
    measurements: Sequence[Measurement]
    source: Any = None
    """What the file says beside them, which `write` needs: its geometry, its header."""


@dataclass(frozen=True)
class Modality:
    """An instrument: it draws its operator and its noise, and measures; and it knows the files that its like writes.

    A subclass that writes files of its own overrides `reads` and `read`, and `store`, beside `pictures` where a file holds another
    quantity than the one that is estimated.
    """

    name: ClassVar[str] = ""
    records: ClassVar[str] = ""
    """What its files hold, as in "FILE holds k-space"; empty where it reads none."""
    own: ClassVar[str] = "--data.clean, images that it measures in simulation"
    """What of your own files it takes."""
    images: ClassVar[bool] = False
    """Whether each of its files is an image, whose pixels are the measurement and stand where those of its estimate do."""
    written: ClassVar[tuple[str, ...]] = ()
    """Suffixes of the files that estimates are written to; the first where an input's own is none of them."""

    noise: NoiseModel = PoissonGaussian()
    """Noise of the detector."""

    def operator(self, key: Array, x: Array) -> Operator:
        """The forward operator of one measurement of x."""
        raise NotImplementedError

    def truly(self, key: Array, operator: Operator) -> Operator:
        """What measures, where it is not quite the operator that methods are told: that one unless overridden."""
        return operator

    def specimen(self, x: Array) -> Array:
        """The quantity that the instrument images, of a specimen drawn in grey values: x itself unless overridden."""
        return x

    def detector(self, clean: Array) -> NoiseModel:
        """The noise of the measurement whose noise-free values are `clean`."""
        return self.noise

    def measure(self, key: Array, x: Array) -> Measurement:
        """y and y', two measurements of x [*S, C] that share the operator, with the truth beside them."""
        draw, first, second = jax.random.split(key, 3)
        x = self.specimen(x)
        operator = self.operator(draw, x)
        clean = self.truly(jax.random.fold_in(draw, 1), operator)(x)
        noise = jax.tree.map(lambda leaf: jnp.asarray(leaf, clean.real.dtype), self.detector(clean))
        return Measurement(noise.sample(first, clean), operator, noise, pair=noise.sample(second, clean), truth=x)

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        """Whether a file is, by what it holds, one that this kind of instrument writes and no other reads."""
        return False

    def reads(self, path: str | Path) -> bool:
        """Whether this instrument reads a file: those that it recognises, and others that its fields say enough of."""
        return self.recognises(path)

    def read(
        self, paths: Sequence[str | Path], *, axes: str | None = None, dimensions: int = 2, channels: int | None = None,
    ) -> list[Recording]:
        """The recording of each file, of one measurement for each image of `dimensions` axes that can be made of it.

        `axes` names those of files that do not say it themselves; the images have as many `channels`, where that is given.
        Raises `InputError` on a file that is damaged or of which more must be known, and on images of more channels.
        """
        raise NotImplementedError

    def of_images(self, images: Sequence[np.ndarray]) -> list[Measurement]:
        """Measurements of images [*S, C] that come from no file; `InputError` of an instrument whose measurements are none."""
        raise InputError(f"a file of images holds no measurement of {self.name}, which takes {self.own}")

    def parts(self, image: np.ndarray) -> list[np.ndarray]:
        """A reference [*S, C] of a whole specimen as those of the measurements that `read` makes of it, in their order."""
        return [image]

    def reference(self, one: Measurement, image: np.ndarray, source: Any = None) -> np.ndarray:
        """An image [*S, C] as the truth of a measurement of a recording of that `source`; `InputError` where it is of another shape than the
        images made of it."""
        x = one.operator.domain(one.y)
        if image.shape != x.shape:
            raise InputError(f"a reference of shape {image.shape} for a measurement of {self.name} whose image has the shape {x.shape}")
        return image.astype(x.dtype)

    def notes(self, measurements: Sequence[Measurement]) -> list[str]:
        """What the report says of measurements that were read."""
        return []

    def ending(self, path: str | Path) -> str | None:
        """The suffix of what is made of a file where several are written into a folder; None: its own."""
        name = files.parted(path)[0].name.lower()
        return None if not self.written else next((end for end in self.written if name.endswith(end)), self.written[0])

    def check_write(self, output: str | Path, like: Recording | None = None) -> None:
        """Raise `InputError` where estimates, of a recording that was read already, cannot be written to `output`."""
        files.check_output(output, self.written)

    def write(self, output: str | Path, estimates: Sequence[np.ndarray], like: Recording) -> str:
        """Write the estimates of a recording's measurements, and return what the file holds of them; it raises as `check_write`."""
        return self.store(output, self.pictures(estimates, like), like)

    def pictures(self, estimates: Sequence[np.ndarray], like: Recording) -> list[np.ndarray]:
        """The quantity that a file holds of estimates, whose deviation is that of draws: the estimates themselves unless overridden."""
        return list(estimates)

    def store(self, output: str | Path, pictures: Sequence[np.ndarray], like: Recording) -> str:
        """Write such pictures, or their deviations, which are real, and return what the file holds."""
        raise NotImplementedError


def check_files(modality: Modality, paths: Iterable[str | Path], instruments: Iterable[type[Modality]]) -> None:
    """Raise `InputError` on the first file that the instrument does not read, which names the one of `instruments` that does."""
    for path in paths:
        file = files.parted(path)[0]
        if not (file.is_file() or file.is_dir()):
            raise InputError(f"{path}: {'no file, but a pipe or a device' if file.exists() else 'no such file'}")
        read = modality.reads(path)
        if read and not modality.images:
            continue
        if other := next((kind for kind in instruments if kind.recognises(path) and kind is not type(modality)), None):
            raise InputError(f"{path}: holds {other.records}, which {other.name} reads; the instrument of this experiment is {modality.name}")
        if not read and not modality.images:
            raise InputError(f"{path}: holds no measurement of {modality.name}, which takes {modality.own}")


def square(x: Array, who: str) -> int:
    """The width of the slices [..., N, N, C] of a specimen; `InputError` where they are not square."""
    if x.shape[-2] != x.shape[-3]:
        raise InputError(f"{who} images square specimens; this one has the shape {x.shape}")
    return x.shape[-2]
