"""The commands of the command line; importing them takes a second or two, which `--help` need not wait for."""

import contextlib
import dataclasses
import io
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from unsup_jax import files
from unsup_jax.apply import reconstruct_files
from unsup_jax.choose.deconvolve import deconvolve_files
from unsup_jax.choose.denoise import denoise_files
from unsup_jax.choose.mri import reconstruct_mri_files
from unsup_jax.choose.tomography import tomography_files
from unsup_jax.data import Data
from unsup_jax.errors import InputError
from unsup_jax.experiment import Experiment
from unsup_jax.experiment import compare as compare_methods
from unsup_jax.experiment import run as run_experiment
from unsup_jax.export import Card
from unsup_jax.files.bioimageio import is_package
from unsup_jax.fitted import Fitted
from unsup_jax.modalities import Modality
from unsup_jax.priors import PackagedDenoiser
from unsup_jax.runs import experiment_of, settings_of, start_of
from unsup_jax.train import parallel
from unsup_jax.trained import Run as TrainedRun
from unsup_jax.trained import require

from . import every, load, module, names, program, short
from ._choices import choose, words
from ._data import data


def parse(type_, arguments: list[str], prog: str, **settings):
    """tyro over a type, its errors condensed into one line."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            return tyro.cli(type_, args=arguments, prog=f"{program()} {prog}", **settings)
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise InputError(condensed(said.getvalue())) from None


def condensed(text: str) -> str:
    """A boxed message of several lines as one."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = [re.sub(r"[│╭╮╰╯─]+", " ", line).strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("For full helptext", "Parsing error"))]
    return re.sub(r"\s+", " ", "; ".join(lines))[:600]


@dataclass(frozen=True)
class Job:
    """Where a run goes, and the processes that share it."""
    out: Path | None = None
    """Folder of the run; by default runs/NAME-DATE."""
    coordinator: str | None = None
    """host:port of the first process of a training of several processes; "auto" where SLURM, Open MPI, Kubernetes or a TPU's hosts tell it."""
    processes: int = 1
    """Number of processes, one a host."""
    process: int = 0
    """Index of this process."""

    def begin(self) -> None:
        """Set JAX up; before anything is computed."""
        parallel.configure()
        if self.coordinator is not None:
            parallel.join(self.coordinator, self.processes, self.process)

    def folder(self, name: str) -> Path:
        """The folder of the run, `InputError` where one is there already."""
        index, processes = parallel.process()
        folder = self.out or Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        if self.out is None and processes > 1:
            raise InputError("a run of several processes needs --out, the same on each")
        if index == 0 and (folder / "config.json").exists():
            raise InputError(f"{folder} holds a run already; `resume` it, or give another --out")
        return folder


def list_(arguments: list[str]) -> None:
    """One line an experiment."""

    @dataclass(frozen=True)
    class List:
        filter: tyro.conf.Positional[str] = ""
        """Part of a name, a method, a modality or of what a method sees."""

    wanted = parse(List, arguments, "list").filter.lower()
    rows = []
    for name, e in every():
        sees = ", ".join(sorted(e.method.sees)) or "nothing"
        rows.append((name, e.method.label, e.modality.name, f"sees {sees}", e.method.reference))
    rows = [row for row in rows if wanted in " ".join(row).lower()]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(5)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())


def run(arguments: list[str]) -> None:
    """Train, evaluate, report."""
    if not arguments or arguments[0].startswith("-"):
        raise InputError(f"run needs the name of an experiment; accepted are {', '.join(names())}")
    name, *rest = arguments
    default, rest = choose(load(name), rest)
    default, rest = with_prior(default, rest)

    @dataclass(frozen=True)
    class Run:
        experiment: Annotated[Experiment, tyro.conf.arg(name="")]
        job: Annotated[Job, tyro.conf.arg(name="")] = Job()

    parsed = parse(
        Run, rest, f"run {name}", default=Run(default), description=f"{module(name).__doc__ or ''}\n{words(default)}",
        config=(tyro.conf.AvoidSubcommands, tyro.conf.FlagConversionOff, tyro.conf.SuppressFixed),
    )
    parsed.job.begin()
    run_experiment(parsed.experiment, short(name), parsed.job.folder(short(name)), start_from=start_of(parsed.experiment, load))


def with_prior(experiment: Experiment, arguments: list[str]) -> tuple[Experiment, list[str]]:
    """The experiment with the run, or the package of a model, that `--prior` names as the prior of its method, and of the references of its kind, and the other
    arguments.
    """
    at = next((i for i, word in enumerate(arguments) if word == "--prior" or word.startswith("--prior=")), None)
    if at is None:
        return experiment, arguments
    word, taken = arguments[at], 1 if "=" in arguments[at] else 2
    folder = word.partition("=")[2] if taken == 1 else next(iter(arguments[at + 1 :]), "")
    if not folder or folder.startswith("--"):
        raise InputError("--prior needs the folder of a run, or the package of a model")
    if is_package(folder):
        given = experiment.method.with_prior(PackagedDenoiser(folder))
        return dataclasses.replace(experiment, method=given), arguments[:at] + arguments[at + taken :]
    prior, method = TrainedRun(folder), experiment.method
    trained = prior.method                                        # before JAX is set up, so that nothing is computed yet
    given = trained.given(prior, method)
    require(folder, trained, given.asks_prior)
    alike = lambda r: trained.given(prior, r) if r.learns == method.learns else r
    references = tuple(r for r in map(alike, experiment.references) if r != given)
    return dataclasses.replace(experiment, method=given, references=references), arguments[:at] + arguments[at + taken :]


def resume(arguments: list[str]) -> None:
    """Go on with a run, or with a comparison."""

    @dataclass(frozen=True)
    class Resume:
        run: tyro.conf.Positional[Path]
        """Folder of the run."""
        coordinator: str | None = None
        """host:port of the first process of a training of several processes, or "auto"."""
        processes: int = 1
        """Number of processes."""
        process: int = 0
        """Index of this process."""

    parsed = parse(Resume, arguments, "resume")
    name, found = settings_of(parsed.run, load)
    Job(None, parsed.coordinator, parsed.processes, parsed.process).begin()
    if isinstance(name, list):
        compare_experiments([(each, found[each]) for each in name], found["data"], found["modality"], parsed.run)
    else:
        run_experiment(found, name, parsed.run, start_from=start_of(found, load))


def reconstruct(arguments: list[str]) -> None:
    """Apply a trained run to a file."""

    @dataclass(frozen=True)
    class Reconstruct:
        run: tyro.conf.Positional[Path]
        """Folder of the run."""
        input: tyro.conf.Positional[str]
        """Your image or stack; or a folder of them, or a pattern of names ("raw/*.tif")."""
        output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
        """File to write, with the type and the metadata of the input; a folder for a folder or a pattern."""
        axes: str | None = None
        """Axes of the input where the file does not say it, such as ZYX."""
        tile: int = 512
        """Width of a tile, pixels: the memory that is needed grows with its square."""
        pair: str | None = None
        """The other half of the data, for a method that reconstructs from two (cryo-CARE); of several files, those of matching names."""
        draws: int | None = None
        """Also write so many draws of x given y, of a method that makes some (VAE, DivNoising, HDN, COSDD): NAME_draw01 and so on beside the output, in float32."""
        deviation: bool = False
        """Also write the standard deviation of the draws, pixel by pixel, in float32: NAME_deviation beside the output."""
        error_bars: int | None = None
        """Also write the standard error of each pixel, in float32, from so many further estimates in noise drawn anew (8 are usual): NAME_error
        beside the output. Of any method that reconstructs from one measurement."""
        report: Path | None = None
        """Also write a page, FILE.html, that says how far the first estimate can be trusted, without truth."""
        devices: int | None = None
        """Devices that share each measurement, a slab of its slices each; by default those of the run."""

    parsed = parse(Reconstruct, arguments, "reconstruct")
    _, found = experiment_of(parsed.run, load)
    Job().begin()
    start = start_of(found, load) if found.method.scope == "measurement" else None  # what was trained is in the run itself
    reconstruct_files(
        found, parsed.run, parsed.input, parsed.output, axes=parsed.axes, tile=parsed.tile, pair=parsed.pair, start_from=start,
        draws=parsed.draws, deviation=parsed.deviation, report=parsed.report, error_bars=parsed.error_bars, devices=parsed.devices,
    )


def export(arguments: list[str]) -> None:
    """A trained run as a model for other programs."""

    @dataclass(frozen=True)
    class Export:
        run: tyro.conf.Positional[Path]
        """Folder of the run."""
        output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
        """model.zip, a BioImage.IO package; model.onnx; or model.jax, a program of jax.export for cpu, cuda and tpu."""
        example: str | None = None
        """An image like those of the training, by which the model is checked, and which a package holds; by default one of the run's data."""
        axes: str | None = None
        """Axes of the example where its file does not say it, such as ZYX."""
        card: Annotated[Card, tyro.conf.arg(name="")] = Card()

    parsed = parse(Export, arguments, "export")
    name, found = experiment_of(parsed.run, load)
    Job().begin()
    fitted = Fitted(found, parsed.run)
    example, axes = None, None
    if parsed.example is not None:
        stored = files.stored(files.open_image(parsed.example, parsed.axes), found.data.dimensions)
        example, axes = np.asarray(stored[0]), f"{'ZYX'[-found.data.dimensions:]}C"
    print(f"wrote {fitted.export(parsed.output, example, axes=axes, card=parsed.card)}")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What the commands that choose a method are asked."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",))]
    """File to write, with the type and the metadata of the input; a folder for a folder or a pattern."""
    explain: bool = False
    """Show every candidate with its estimated error."""
    redraws: int = 8
    """Estimates in noise drawn anew, from which the error bars in NAME_error beside the output are made; 0 writes none."""

    @property
    def wanted(self) -> dict:
        """What every one of them takes."""
        return {"explain": self.explain, "redraws": self.redraws}


def _chosen(type_, arguments, name):
    parsed = parse(type_, arguments, name, config=(tyro.conf.FlagCreatePairsOff,))
    Job().begin()
    return parsed


def denoise(arguments: list[str]) -> None:
    """Your file, by the method that suits it."""

    @dataclass(frozen=True, kw_only=True)
    class Denoise(Chosen):
        input: tyro.conf.Positional[str]
        """Your image or stack; or a folder of them, or a pattern of names ("raw/*.tif"), which are of one instrument."""
        axes: str | None = None
        """Axes of the input where the file does not say it, such as TYX."""
        minutes: float = 5.0
        """For a network that learns from the images; 0 tries filters alone."""

    parsed = _chosen(Denoise, arguments, "denoise")
    denoise_files(parsed.input, parsed.output, axes=parsed.axes, minutes=parsed.minutes, **parsed.wanted)


def deconvolve(arguments: list[str]) -> None:
    """Your blurred file, by the deconvolution that suits it."""

    @dataclass(frozen=True, kw_only=True)
    class Deconvolve(Chosen):
        input: tyro.conf.Positional[str]
        """Your image, stack or volume; or a folder of them, or a pattern of names ("raw/*.tif"), which are of one instrument."""
        psf_sigma: tuple[float, ...] | None = None
        """A Gaussian PSF, by its standard deviation in pixels: one for images, three for volumes, such as "3 1.2 1.2" along z, y and x."""
        psf: str | None = None
        """The image of a point, a file in the pixels of the input: of two axes for images, of three for volumes; or "optics"."""
        numerical_aperture: float | None = None
        """Of the objective; this and the optics below where the metadata of the input do not say them."""
        wavelength_um: float | None = None
        """Of the emission, in vacuum."""
        index: float | None = None
        """Refractive index of the immersion, and of the specimen."""
        pixel_size_um: float | None = None
        """Pixels of the input in the specimen."""
        step_um: float | None = None
        """Distance of the planes of a volume, of which optics then give the PSF."""
        axes: str | None = None
        """Axes of the input where the file does not say it, such as ZYX."""

    parsed = _chosen(Deconvolve, arguments, "deconvolve")
    optics = {name: getattr(parsed, name) for name in ("numerical_aperture", "wavelength_um", "index", "pixel_size_um", "step_um")}
    deconvolve_files(
        parsed.input, parsed.output, psf_sigma=parsed.psf_sigma, psf=parsed.psf, axes=parsed.axes, **optics, **parsed.wanted)


def reconstruct_mri(arguments: list[str]) -> None:
    """Your k-space, by the reconstruction that suits it."""

    @dataclass(frozen=True, kw_only=True)
    class ReconstructMRI(Chosen):
        input: tyro.conf.Positional[str]
        """Your k-space (BART's .cfl, fastMRI's or ISMRMRD's .h5, complex .npy); or a folder of such files, or a pattern of names."""
        coils: int | None = None
        """Virtual coils of most energy that it is compressed to; all by default."""
        maps: int | None = None
        """Sets of sensitivity maps; as many as its eigenvalues ask for by default."""

    parsed = _chosen(ReconstructMRI, arguments, "reconstruct-mri")
    reconstruct_mri_files(parsed.input, parsed.output, coils=parsed.coils, maps=parsed.maps, **parsed.wanted)


def tomography(arguments: list[str]) -> None:
    """Your projections, by the reconstruction that suits them."""

    @dataclass(frozen=True, kw_only=True)
    class Tomography(Chosen):
        input: tyro.conf.Positional[str]
        """Your projections: DXchange .h5; images of them, with the angles; or a tilt series whose angles lie beside it as .tlt or .rawtlt."""
        angles: str | None = None
        """A text with the angle of each projection, one in degrees a line, or "even" where they are spread evenly over the extent."""
        extent_degrees: float | None = None
        """Angle that even views are spread over; 180 by default."""
        centre: float | None = None
        """Where the axis of rotation is seen, pixels from the detector's first; it is found by default."""
        flat: str | None = None
        """An image, or frames, of the detector without the specimen, where the file holds none."""
        dark: str | None = None
        """An image, or frames, of the detector without a beam, where the file holds none."""
        axes: str | None = None
        """Axes of images where the file does not say them, such as AYX; YAX of a stack of sinograms."""

    parsed = _chosen(Tomography, arguments, "tomography")
    told = {name: getattr(parsed, name) for name in ("extent_degrees", "flat", "dark") if getattr(parsed, name) is not None}
    tomography_files(parsed.input, parsed.output, angles=parsed.angles, centre=parsed.centre, axes=parsed.axes, **told, **parsed.wanted)


def compare(arguments: list[str]) -> None:
    """Several methods on the same data."""
    named = next((i for i, a in enumerate(arguments) if a.startswith("-")), len(arguments))
    modalities = {e.modality.name for _, e in every()}
    chosen = [n for name in arguments[:named] for n in (
        [n for n, e in every() if e.modality.name == name] if name in modalities and name not in names() else [name]
    )]
    if not chosen and not {"-h", "--help"} & set(arguments):
        raise InputError(f"compare needs names of experiments, or one of {', '.join(sorted(modalities))}")
    found = [(short(name), load(name)) for name in chosen or names()[:1]]
    if twice := {name for name, _ in found if [n for n, _ in found].count(name) > 1}:
        raise InputError(f"compare was given {min(twice)} twice; experiments are told apart by their names")
    first = found[0][1]

    @dataclass(frozen=True)
    class Compare:
        data: Data
        """Data of all, by default those of the first experiment."""
        modality: Modality
        """Instrument of all, by default that of the first experiment."""
        steps: int | None = None
        """Length of every training, instead of each experiment's own."""
        trust: float | None = first.trust
        """Seconds for which each method may make further estimates by which its first one is judged without truth; 0 judges the residual
        and the input alone, None nothing."""
        job: Annotated[Job, tyro.conf.arg(name="")] = Job()

    default, rest = choose(Compare(first.data, first.modality), arguments[named:])
    parsed = parse(
        Compare, rest, "compare NAME NAME ... | MODALITY", default=default, description=words(default),
        config=(tyro.conf.AvoidSubcommands, tyro.conf.FlagConversionOff, tyro.conf.SuppressFixed),
    )
    found = [(n, e) for n, e in found if e.data.dimensions == parsed.data.dimensions]
    if not found:
        raise InputError(f"none of {', '.join(chosen)} is an experiment on {parsed.data.dimensions}-D data")
    if parsed.steps is not None:
        found = [(n, dataclasses.replace(e, train=dataclasses.replace(e.train, steps=parsed.steps))) for n, e in found]
    parsed.job.begin()
    compare_experiments(found, parsed.data, parsed.modality, parsed.job.folder("compare"), trust=parsed.trust)


def compare_experiments(
    found: list[tuple[str, Experiment]], data: Data, modality: Modality, folder: Path, *, trust: float | None = 20.0,
) -> None:
    """Their methods on the same data, under labels that tell them apart; what `folder` holds of them is gone on with."""
    labels = [e.method.label for _, e in found]
    entries = [
        (label if labels.count(label) == 1 else f"{label} ({name})", e.method, e.train) for (name, e), label in zip(found, labels)
    ]
    first = found[0][1]
    compare_methods(
        entries, [name for name, _ in found], folder, data, modality, first.train.seed, analysis=first.analysis, trust=trust,
        settings={"data": data, "modality": modality, **dict(found)},
    )


COMMANDS = {
    "list": list_, "run": run, "resume": resume, "reconstruct": reconstruct, "export": export, "denoise": denoise, "deconvolve": deconvolve,
    "reconstruct-mri": reconstruct_mri, "tomography": tomography, "compare": compare, "data": data,
}
