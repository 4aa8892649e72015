r"""A file of raw k-space: which reconstruction of its slices, and their images.

    y_c = m F S_c x + w          sensitivities S by ESPIRiT from the centre of k-space, samples m as the file has them (`modalities.Scanner`)

Candidates: the zero-filled image, S* F* y; CG-SENSE, stopped after several counts of iterations and damped by several weights; wavelets and
total variation at several weights. The noise is that of the
file's noise scan, else that of the highest frequencies. All is ranked by the middle slice, by what
each makes of samples that are held out.

By the truth, of a brain of 8 coils, 230 x 180 pixels, at held-out samples: lines drawn at random, R = 4, the best candidate was taken; a Poisson disc,
R = 8, it was .34 dB behind, and with twice the noise the best one. By Stein's risk that was 2 dB behind, as the highest frequencies that a
disc samples hold image beside noise.
"""

from collections.abc import Callable
from pathlib import Path

from unsup_jax.choose import inverse
from unsup_jax.choose.candidates import Choice
from unsup_jax.choose.inverse import Family
from unsup_jax.choose.look import Noise
from unsup_jax.choose.write import Wanted, check_outputs, write
from unsup_jax.core import Measurement
from unsup_jax.methods import ConjugateGradient, FirstGuess, ProximalGradient
from unsup_jax.modalities import INSTRUMENTS, Scanner, check_files
from unsup_jax.priors import TotalVariation, Wavelet
from unsup_jax.train.logging import ProgressLine

UNIT = "units of the image"


def families(one: Measurement, noise: Noise) -> list[Family]:
    """The classical candidates."""
    return [
        Family("zero-filled", lambda _: FirstGuess()),
        Family("CG-SENSE, {} iterations", lambda count: ConjugateGradient(steps=count), (3, 6, 12, 24)),
        Family("CG-SENSE, weight {:g}", lambda weight: ConjugateGradient(steps=30, weight=weight), (1e-3, 1e-2, 1e-1)),
        Family("wavelets, weight {:g}", lambda weight: ProximalGradient(prior=Wavelet(weight, cycle_spin=True), steps=60), (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)),
        Family("total variation, weight {:g}", lambda weight: ProximalGradient(prior=TotalVariation(weight), steps=60), (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)),
    ]


def choose(measurements: list[Measurement], *, seed: int = 0, say: Callable[[str], None] = lambda text: None) -> Choice:
    """The method for the k-space of slices, chosen from it alone, and fitted. Raises `InputError` on k-space of noise alone."""
    return inverse.choose(measurements, families, unit=UNIT, seed=seed, say=say)


def reconstruct_mri_files(
    source: str | Path, output: str | Path, *, coils: int | None = None, maps: int | None = None,
    explain: bool = False, redraws: int = 8,
) -> Choice:
    """Reconstruct a file of k-space, or each of a folder or of a pattern of names, by what suits the middle slice of the first.

    They are compressed to so many virtual `coils`, and seen by so many sets of `maps`, where these are given. Beside each is NAME_error, the standard error of every pixel, and beside the first NAME_report.html, how far it can be trusted.
    Raises `InputError`, before anything is computed, on what cannot be read or written.
    """
    wanted = Wanted(explain=explain, redraws=redraws)
    modality = Scanner(coils=coils, maps=maps)
    jobs = check_outputs(modality, source, output, redraws)
    check_files(modality, [path for path, _ in jobs], INSTRUMENTS)
    line = ProgressLine("reconstruct-mri", 0)
    (first,) = modality.read([jobs[0][0]])
    modality.check_write(jobs[0][1], first)
    line.say("; ".join(modality.notes(first.measurements)))
    choice = choose(first.measurements, say=line.say)
    wanted.say(line, choice)
    write(choice, wanted, modality, source, output, 2)
    return choice
