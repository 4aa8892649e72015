r"""A blurred file, and its point spread function: which deconvolution, and its estimate.

    y = h * x + w          h given by its width, by a file or by the optics (`modalities.Blurred`)

Candidates, of which none is told a truth: the input as it is; Wiener's filter; Richardson-Lucy stopped early, at several counts of
iterations; total variation at several weights; and within the minutes an unrolled network that learns from the file by SSDU.
"""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from unsup_jax import files
from unsup_jax.choose import inverse
from unsup_jax.choose.candidates import Choice
from unsup_jax.choose.inverse import Family
from unsup_jax.choose.look import Noise
from unsup_jax.choose.write import Wanted, check_outputs, write
from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.methods import AsMeasured, RichardsonLucy, VariableSplitting, Wiener
from unsup_jax.modalities import INSTRUMENTS, Blurred, check_files
from unsup_jax.noise.correlation import middle
from unsup_jax.priors import TotalVariation
from unsup_jax.train.logging import ProgressLine

_WINDOW = {2: (256, 256), 3: (64, 64, 64)}     # pixels of the ranking
_IMAGES = 8                                    # that are learnt from


def families(one: Measurement, noise: Noise) -> list[Family]:
    """The classical candidates."""
    dark = float(np.min(np.asarray(one.y))) > -5 * float(np.sqrt(np.max(np.asarray(noise.model.variance(0 * one.y)))))
    found = [Family("the input as it is", lambda _: AsMeasured())]
    if one.operator.circular:
        found.append(Family("Wiener", lambda _: Wiener()))
    if dark:                                   # and light is never negative
        found.append(Family("Richardson-Lucy, {} iterations", lambda count: RichardsonLucy(steps=count), (4, 8, 16, 32, 64, 128)))
    of_weight = lambda weight: VariableSplitting(prior=TotalVariation(weight, nonnegative=dark), steps=60)
    return [*found, Family("total variation, weight {:g}", of_weight, (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2))]


def choose(measurements: list[Measurement], *, minutes: float = 5.0, seed: int = 0, say: Callable[[str], None] = lambda text: None) -> Choice:
    """The method for images or volumes behind a blur that is known, chosen from them alone, and fitted.

    Raises `InputError` on images that are noise alone or cut at their greatest value.
    """
    return inverse.choose(measurements, families, minutes=minutes, seed=seed, say=say)


def deconvolve_files(
    modality: Blurred, source: str | Path, output: str | Path, *, minutes: float = 5.0, axes: str | None = None, explain: bool = False,
    redraws: int = 8, dimensions: int = 2,
) -> Choice:
    """Deconvolve a file, or each of a folder or of a pattern of names, by what suits the first images of them; into files like them.

    Beside each is NAME_error, the standard error of every pixel, and beside the first NAME_report.html, how far it can be trusted.
    Raises `InputError`, before anything is computed, on what cannot be read or written.
    """
    wanted = Wanted(minutes, axes, explain, redraws)
    jobs = check_outputs(modality, source, output, redraws)
    paths = [path for path, _ in jobs]
    check_files(modality, paths, INSTRUMENTS)
    line = ProgressLine("deconvolve", 0)
    choice = choose(_windows(modality, paths, axes, dimensions), minutes=minutes, say=line.say)
    wanted.say(line, choice)
    write(choice, wanted, modality, source, output, dimensions)
    return choice


def _windows(modality, paths, axes, dimensions):
    """The middles of the first images, with the operator of each."""
    found = []
    for path in paths:
        picture = files.open_image(path, axes)
        for image in files.stored(picture, dimensions):
            y = np.asarray(image[tuple(middle(n, width) for n, width in zip(image.shape, _WINDOW[dimensions]))], np.float32)
            operator = modality.of_image(jax.ShapeDtypeStruct(y.shape, y.dtype), picture.metadata)
            found.append(Measurement(y, operator))
            if len(found) == _IMAGES:
                return found
    return found
