"""Draws of x given y, and their deviation, in files beside the estimate and like it, but in float32, which becomes float64 of
draws whose grey levels float32 would lose.

    NAME_draw01, NAME_draw02, ...    draws from p(x|y)
    NAME_deviation                   their standard deviation about their mean, pixel by pixel

A file a draw keeps the axes that its format knows, so that each opens, in its geometry, where the estimate does.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from unsup_jax import files
from unsup_jax.core import Measurement, Method
from unsup_jax.errors import InputError
from unsup_jax.evaluate.uncertainty import deviation
from unsup_jax.inference import sampler
from unsup_jax.modalities import Modality, Recording

_MOST = 500  # a system limits the files that are open at a time


@dataclass(frozen=True)
class Draws:
    """What is wanted beside an estimate.

    Raises `InputError` on a method that makes no draws, on fewer than one, or two for a deviation, and on too many for files.
    """

    method: Method
    written: int | None = None
    """Draws that are written; None: none, and the deviation is that of as many as the method makes."""
    deviation: bool = False

    def __post_init__(self):
        if not self.method.draws:
            raise InputError(f"{self.method.label} makes one estimate and draws nothing from p(x|y), as DivNoising does: leave --draws and --deviation out")
        if not (self.written is None or 1 <= self.written <= _MOST) or self.deviation and self.count < 2:
            raise InputError(f"--draws {self.count}: accepted are 1 to {_MOST}, and 2 or more for a deviation")

    @property
    def count(self) -> int:
        """How many are made."""
        return self.method.draws if self.written is None else self.written

    @property
    def words(self) -> list[str]:
        """What the names of the files end in, the deviation last."""
        digits = max(2, len(str(self.count)))
        return [f"draw{k:0{digits}}" for k in range(1, (self.written or 0) + 1)] + ["deviation"] * self.deviation

    def places(self, output: Path) -> list[Path]:
        """The files beside an output, of each of the words."""
        return [files.beside(output, word) for word in self.words]

    def check(self, modality: Modality, output: Path) -> None:
        """Raise `InputError` where a format that holds no float32 is asked for, or a file cannot be written."""
        if (end := files.suffix(output)) in files.WHOLE_NUMBERS:
            raise InputError(f"{output}: draws and deviations are in float32, which a {end} does not hold; give a .tif, .npy, .h5, .zarr or .mrc")
        if self.deviation and end == ".csv":
            raise InputError(f"{output}: a deviation is an image, which a .csv does not hold; give a .tif, or leave --deviation out")
        for place in self.places(output):
            modality.check_write(place)


class Drawn:
    """Draws of a trained method, of images of so many `dimensions`, in files."""

    def __init__(self, key, wanted: Draws, state: Any, dimensions: int):
        self._wanted, self._dimensions = wanted, dimensions
        self._sample = sampler(wanted.method, state, key, wanted.count)

    @property
    def words(self) -> str:
        """The files beside an output, in words."""
        words = [f"_{word}" for word in self._wanted.words]
        return ", ".join(words if len(words) < 4 else [words[0], "...", *words[-2:]])

    @contextmanager
    def beside(self, picture: files.Picture, output: Path) -> Iterator[Callable[[int, Measurement], None]]:
        """`draw(k, measurement)`, which fills the k-th image of the files beside an output; they are like the input, in floating point."""
        as_type = lambda dtype, offset: replace(picture, array=jax.ShapeDtypeStruct(picture.array.shape, dtype), offset=offset)
        draws = as_type(np.float64 if picture.offset else np.float32, picture.offset)
        likes, whole = [draws] * (self._wanted.written or 0) + [as_type(np.float32, 0.0)] * self._wanted.deviation, (slice(None),) * self._dimensions
        with ExitStack() as stack:
            written = [stack.enter_context(files.writer(*both)) for both in zip(likes, self._wanted.places(output))]
            targets = [files.targets(pixels, like, self._dimensions) for pixels, like in zip(written, likes)]

            def draw(k, measurement):
                made = self._sample(measurement)
                if self._wanted.written is not None:
                    made = _passed(made, [target[k] for target in targets], whole)
                if self._wanted.deviation:
                    targets[-1][k][whole] = deviation(made)
                else:
                    deque(made, maxlen=0)

            yield draw

    def write(self, modality: Modality, output: Path, recording: Recording, measurements: Sequence[Measurement]) -> None:
        """The files beside an output of an instrument that makes no images, each as it writes estimates; the deviation is that of
        the quantity which it writes.
        """
        made = [*zip(*(self._sample(one) for one in measurements))]            # of each draw, that of every measurement
        *places, last = self._wanted.places(output) + [None] * (not self._wanted.deviation)
        for place, each in zip(places, made):
            modality.write(place, each, recording)
        if last is not None:
            pictures = zip(*(modality.pictures(each, recording) for each in made))
            modality.store(last, [deviation(draws).astype(np.float32) for draws in pictures], recording)


def _passed(draws, targets, whole):
    """The draws, each put into its file on its way."""
    for draw, target in zip(draws, targets):
        target[whole] = draw
        yield draw
