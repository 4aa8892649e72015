"""What a command writes: the estimates, NAME_error beside each, and NAME_report.html beside the first."""

from dataclasses import dataclass, replace
from pathlib import Path

from unsup_jax import files
from unsup_jax.apply import reconstruct_files
from unsup_jax.choose.candidates import Choice
from unsup_jax.data import Data
from unsup_jax.errors import InputError
from unsup_jax.files.names import stem_and_end
from unsup_jax.modalities import Modality
from unsup_jax.train.logging import ProgressLine


@dataclass(frozen=True)
class Wanted:
    """What a user asks of every command. Raises `InputError` on redraws that there are not."""

    axes: str | None = None
    """Axes of the input where the file does not say it."""
    explain: bool = False
    """Show every candidate with its estimated error."""
    redraws: int = 8
    """Estimates in noise drawn anew, from which the error bars are made; 0 writes none."""

    def __post_init__(self):
        if self.redraws < 0 or self.redraws == 1:
            raise InputError(f"--redraws {self.redraws}; it takes 2 or more, or 0 for no error bars")

    def say(self, line: ProgressLine, choice: Choice) -> None:
        """What was found."""
        for words in choice.words[1:]:
            line.say(words)
        if self.explain:
            line.say(choice.table)


def report_of(place: Path) -> Path:
    """The report beside an output."""
    return place.parent / f"{stem_and_end(place)[0]}_report.html"


def write(choice: Choice, wanted: Wanted, modality: Modality, source: str | Path, output: str | Path, dimensions: int) -> None:
    """The estimates of all measurements of the source by the method that was taken, with what is beside them."""
    first = files.destinations(source, output, end=modality.ending)[0][1]
    experiment = replace(choice.fitted.experiment, modality=modality, data=Data(dimensions=dimensions, axes=wanted.axes, patch=None))
    reconstruct_files(
        experiment, choice.fitted.folder, source, output, axes=wanted.axes, report=report_of(first), error_bars=wanted.redraws or None)


def check_outputs(modality: Modality, source: str | Path, output: str | Path, redraws: int) -> list[tuple[Path, Path]]:
    """(input, output) of each file; `InputError`, before anything is computed, on outputs that cannot be written or are inputs."""
    jobs = files.destinations(source, output, end=modality.ending)
    places = [place for _, place in jobs]
    bars = [files.beside_in_float(place, "error") for place in places] if redraws else []
    files.check_apart([*places, *bars, report_of(places[0])], [path for path, _ in jobs])
    if files.is_several(source):
        files.make_folder(output)
    for place in (*places, *bars):
        modality.check_write(place)
    return jobs
