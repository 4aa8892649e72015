"""Error bars of estimates without draws, in files beside them and like them, but in float32.

    NAME_error          the standard error of each pixel, by `trust.error_bars`: an equivariant bootstrap scaled by Stein's risk

The noise is that of the measurement, where it is told one, else estimated from it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax import files
from unsup_jax.core import Measurement, Method
from unsup_jax.errors import InputError
from unsup_jax.methods.unknown_noise import estimated_noise
from unsup_jax.modalities import Modality, Recording
from unsup_jax.trust import error_bars, stein_risk


@dataclass(frozen=True)
class Bars:
    """What is wanted beside an estimate. Raises `InputError` on fewer than two redraws, and on a method that needs more than y."""

    method: Method
    redraws: int

    words: ClassVar[list[str]] = ["error"]

    def __post_init__(self):
        if self.redraws < 2:
            raise InputError(f"--error-bars {self.redraws}; it takes 2 estimates in noise drawn anew, or more")
        if self.method.reads or self.method.single_views:
            raise InputError(f"{self.method.label} is shown more than one noisy measurement, of which no error bars are made")

    def places(self, output: Path) -> list[Path]:
        """The file beside an output."""
        return [files.beside_in_float(output, word) for word in self.words]

    def check(self, modality: Modality, output: Path) -> None:
        """Raise `InputError` where a format that holds no image is asked for, or a file cannot be written."""
        if files.suffix(output) == ".csv":
            raise InputError(f"{output}: error bars are images in float32, which a .csv does not hold; give a .tif, .npy, .h5, .zarr or .mrc")
        for place in self.places(output):
            modality.check_write(place)


class Barred:
    """Error bars of what `reconstruct` (`inference.estimator`) makes, of images of so many `dimensions`, in files."""

    words = "_error, the standard error of each pixel"

    def __init__(self, key, wanted: Bars, reconstruct: Callable, dimensions: int):
        self._key, self._wanted, self._dimensions = key, wanted, dimensions
        self._F = lambda one: jnp.asarray(next(reconstruct([one]))[0])

    @contextmanager
    def beside(self, picture: files.Picture, output: Path) -> Iterator[Callable[[int, Measurement], None]]:
        """`draw(k, measurement)`, which fills the k-th image of the file beside an output."""
        like = replace(picture, array=jax.ShapeDtypeStruct(picture.array.shape, np.float32), offset=0.0)
        with files.writer(like, *self._wanted.places(output)) as written:
            targets, whole = files.targets(written, like, self._dimensions), (slice(None),) * self._dimensions

            def draw(k, measurement):
                targets[k][whole] = self._bars(measurement)[1]

            yield draw

    def write(self, modality: Modality, output: Path, recording: Recording, measurements: Sequence[Measurement]) -> None:
        """The file beside an output of an instrument that makes no images: errors of the quantity which it writes, along the phase of x."""
        estimates, deviations = zip(*map(self._bars, measurements))
        moved = [x + d * np.where(x == 0, 1, x / np.maximum(np.abs(x), 1e-30)) for x, d in zip(estimates, deviations)]
        pictures = zip(*(modality.pictures(each, recording) for each in (estimates, moved)))
        modality.store(*self._wanted.places(output), [np.abs(there - here).astype(np.float32) for here, there in pictures], recording)

    def _bars(self, one):
        """(estimate, its standard error)."""
        one = jax.tree.map(jnp.asarray, one.only(()))
        if one.noise is None:
            one = one.replace(noise=estimated_noise(jax.tree.map(lambda leaf: leaf[None], one)))
        estimate = self._F(one)
        risk = stein_risk(self._key, self._F, one, estimate=estimate)
        return np.asarray(estimate), error_bars(self._key, self._F, one, risk, estimate=estimate, redraws=self._wanted.redraws).deviation
