"""An experiment: data, instrument, method and training, run into a folder with its scores and its report."""

import dataclasses
import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import struct

from unsup_jax import config
from unsup_jax.core import LinearOperator, Measurement, Method
from unsup_jax.data import Data, Dataset, Stream
from unsup_jax.data.stream import widths
from unsup_jax.errors import InputError
from unsup_jax.evaluate import Analysis, coverage, psnr, report, scores
from unsup_jax.evaluate.tiling import in_tiles
from unsup_jax.lazy import Lazy
from unsup_jax.modalities import Modality
from unsup_jax.noise import NoiseModel
from unsup_jax.noise.correlation import correlation_warning
from unsup_jax.noise.stored import from_json, to_json
from unsup_jax.operators import Identity
from unsup_jax.train import Train, fit, iterate, parallel
from unsup_jax.train.checkpoint import Checkpoints, write_json
from unsup_jax.train.logging import ProgressLine, read_metrics

figures = Lazy("unsup_jax.evaluate.figures")

WHOLE_IMAGE_PIXELS = 1024**2  # a larger image is reconstructed in tiles where the method allows it
SPREAD_NUMBERS = 4 * 1024**2  # of a measurement; larger ones are reconstructed one after another, for their memory
LOSSES = {"loss": "loss", "held_out": "validation_loss"}  # of a solver's trace, by the names that a training's metrics have


@dataclass(frozen=True)
class Experiment:
    """Everything that decides a run; each field can be overridden from the command line."""

    method: Method
    """What reconstructs."""
    modality: Modality
    """What measures the images of `data.source`; images of `data.path` are measurements already."""
    data: Data = Data()
    """Where the images come from."""
    train: Train = Train()
    """How the method is trained."""
    references: tuple[Method, ...] = ()
    """Methods scored beside it on the same data; one that leaves its network or its optimiser open takes the method's."""
    with_references: bool = True
    """Also train and score the references."""
    analysis: Analysis | None = None
    """What is made of all the test estimates together, beside their scores."""
    start: str | None = None
    """Folder of a finished run of the same network, whose parameters the method starts from; None for random ones."""

    def entries(self) -> list[tuple[str, Method, Train]]:
        """(label, method, training) of the method and of its references."""
        references = [self._alike(r) for r in self.references] if self.with_references else []
        return [(m.label, m, self.train) for m in [*references, self.method]]

    def _alike(self, reference):
        left_open = {f.name for f in dataclasses.fields(reference) if getattr(reference, f.name) == f.default} & {"network", "optimizer"}
        return dataclasses.replace(reference, **{name: getattr(self.method, name) for name in left_open if hasattr(self.method, name)})


@dataclass(frozen=True)
class Result:
    """What one method made of the test measurements."""

    label: str
    row: dict[str, Any]
    estimates: list[np.ndarray]
    history: list[dict]
    draws: np.ndarray | None = None
    """Draws [N, *S, C] of x given the first test measurement, of a method that makes some."""
    traversals: np.ndarray | None = None
    """Images [rows, columns, *S, C] along the latents of a method that has a few."""


def run(experiment: Experiment, name: str, directory: Path, *, start_from: Any = None, quiet: bool = False) -> list[Result]:
    """Train, score and report an experiment into `directory`; what is already there is gone on with.

    `start_from` is theta of `experiment.start`, as `load_trained` gives it.
    """
    return compare(
        experiment.entries(), name, directory, experiment.data, experiment.modality, experiment.train.seed,
        subject=experiment.method.label, settings=config.to_json(experiment), analysis=experiment.analysis, start_from=start_from,
        quiet=quiet,
    )


def compare(
    entries: Sequence[tuple[str, Method, Train]], name: str | Sequence[str], directory: Path, data: Data, modality: Modality, seed: int,
    *, subject: str | None = None, settings: Any = None, analysis: Analysis | None = None, start_from: Any = None, quiet: bool = False,
) -> list[Result]:
    """Score several methods, (label, method, training) each, on the same data: one table, one figure, one report.

    `start_from` is theta that the method labelled `subject` begins with.
    Methods that see what the data do not have are left out and named, unless none is left.
    """
    say = ProgressLine("", 0, quiet=quiet or not parallel.is_main()).say
    for path in (data.path, data.pair, data.truth, data.clean):
        if path is not None and Path(path).resolve() == directory.resolve():
            raise InputError(f"{directory} holds the data, and the images of a run would be taken for more of them; give another --out")
    jobs, left_out = [], []
    measured = data.measure(modality, seed)
    for label, method, train in entries:  # every mistake in the input is found before anything is trained
        try:
            jobs.append(_Job.prepare(label, method, train, data, measured, seed))
        except InputError as error:
            if label == subject or len(entries) == 1:
                raise
            left_out.append(f"{label} is left out: {error}")
            say(left_out[-1])
    if not jobs:
        raise InputError("; ".join(left_out))
    if analysis is not None:
        analysis.check([m.y.shape for m in jobs[0].dataset.test])
    directory.mkdir(parents=True, exist_ok=True)
    if parallel.is_main():
        write_json(directory / "config.json", {"experiment": name, "settings": settings})
    notes = modality.notes(measured[0]) if data.path is not None else []
    notes += _correlated([job.method for job in jobs], jobs[0].dataset.train[0])
    for line in notes:
        say(line)
    results = [job.run(directory, seed, quiet, start_from if job.label == subject else None) for job in jobs]
    if parallel.is_main():
        _write(results, notes + left_out, jobs[0].dataset.test, name, directory, subject, settings, analysis, say)
    return results


def _correlated(methods, one):
    """What to say where pixels of one measurement have noise in common, and which of the methods take it for independent."""
    labels = [method.label for method in methods if method.independent_noise]
    if not labels or not isinstance(one.operator, Identity) or np.iscomplexobj(one.y):
        return []
    warning = correlation_warning(np.asarray(one.y))
    return [f"{warning}; taken for independent by {', '.join(labels)}"] if warning else []


@dataclass(frozen=True)
class _Job:
    """One method with the data it is trained and scored on."""

    label: str
    method: Method
    train: Train
    dataset: Dataset
    streams: tuple[Stream, Stream] | None

    @classmethod
    def prepare(cls, label, method, train, data: Data, measured, seed):
        dataset = data.arrange(measured, method.sees, seed)
        trained, shown = ([], method.sees) if method.scope == "measurement" else (dataset.train + dataset.validation, method.reads)
        for one in trained:
            method.check(one.only(method.sees))
        for one in dataset.test:
            method.check(one.only(shown))
        if method.scope == "measurement":
            return cls(label, method, train, dataset, None)
        patch = None if data.patch is None else widths(data.patch, [m.y.shape for m in dataset.train])
        settings = {"batch": train.batch, "patch": patch}
        watched = dataset.validation
        if patch is not None and any(n < width for m in watched for n, width in zip(m.y.shape, patch)):
            watched = dataset.train  # too narrow a strip for a patch
        return cls(label, method, train, dataset, (
            Stream(dataset.train, augment=data.augment, seed=train.seed, **settings),
            Stream(watched, augment=False, seed=train.seed + 1, **settings),
        ))

    def run(self, directory: Path, seed: int, quiet: bool, start_from: Any) -> Result:
        """Train where there is something to train, and reconstruct the test measurements."""
        history, state, seconds = [], None, None
        if self.streams is not None:
            folder = method_folder(directory, self.label)
            began = time.monotonic()
            state = parallel.local(fit(
                self.method, self.train, *self.streams, folder, label=self.label, quiet=quiet, start_from=start_from,
                config={"method": config.to_json(self.method), "train": config.to_json(self.train)},
            ))
            seconds = time.monotonic() - began
            history = read_metrics(folder)
            if parallel.is_main():
                first = self.dataset.train[0]
                write_json(folder / "example.json", {
                    "shape": self.streams[0].example(2).y.shape, "noise": to_json(_common_noise(self.dataset.train)),
                    "dtype": str(first.y.dtype), "image": _image(first),
                })
        estimates, losses, spent = [], [], 0.0
        if self.streams is None and self.method.steps:
            count = len(self.dataset.test)
            line = ProgressLine("", 0, quiet=quiet or not parallel.is_main())
            line.say(f"{self.label}: {self.method.steps} steps for {'each of ' * (count > 1)}{count} measurement{'s' * (count > 1)}, in one go ...")
        reconstruct = estimator(self.method, state, jax.random.key(seed), start_from=start_from)
        sees = self.method.sees if self.streams is None else self.method.reads
        for estimate, took, of_steps in reconstruct([m.only(sees) for m in self.dataset.test]):
            estimates.append(estimate)
            losses.append(of_steps)
            spent += took
        row = {
            "method": self.label, "sees": ", ".join(sorted(self.method.sees)) or "nothing",
            **_mean_scores(estimates, self.dataset.test), "train_seconds": seconds, "seconds": spent / len(estimates),
        }
        history = history or _history(losses[0])
        held_out = [of_steps["validation_loss"].min() for of_steps in losses if "validation_loss" in of_steps]
        if held_out and np.isfinite(held_out).all():
            row["held-out loss"] = float(np.mean(held_out))
        draws = images = None
        first = self.dataset.test[0]
        if self.streams is not None and np.prod(first.y.shape[:-1]) <= WHOLE_IMAGE_PIXELS:
            both = jax.jit(lambda m: (self.method.posterior(jax.random.key(seed), state, m), self.method.traversals(state, m)))
            draws, images = jax.tree.map(np.asarray, both(first.only(self.method.reads)))
        if draws is not None and first.truth is not None:
            row |= {"PSNR of one draw (dB)": psnr(draws[0], first.truth), "coverage of 90 %": float(coverage(draws, first.truth, [0.9])[0])}
        return Result(self.label, row, estimates, history, draws, images)


def method_folder(directory: Path, label: str) -> Path:
    """Where a run keeps what belongs to one of its methods."""
    return directory / re.sub(r"\W+", "_", label.lower()).strip("_")


def estimator(
    method: Method, state: Any, key, *, start_from: Any = None,
) -> Callable[..., Iterator[tuple[np.ndarray, float, dict[str, np.ndarray]]]]:
    """`reconstruct(measurements, count=None)`: of each measurement its estimate, the seconds that took, compilation apart,
    and the losses on the way.

    The measurements are a list, or an iterable of `count` of one shape. They are spread over the devices, one at a time
    on each; large images are reconstructed in tiles where the method allows it, and else one after another. A method of
    measurement scope begins with theta `start_from` where that is given; the losses are of its steps.
    """
    def whole(key, state_and_start, m):
        state, start = state_and_start
        solved, trace = iterate(method, key, m, start_from=start) if method.scope == "measurement" else (state, {})
        return method.reconstruct(key, solved, m), {metric: trace[name] for name, metric in LOSSES.items() if name in trace}

    spread, fill = parallel.spread(whole), None

    def checked(measurements):
        for measurement in measurements:
            method.check(measurement)
            yield measurement

    def reconstruct(measurements, count=None):
        nonlocal fill
        if count is None:
            for alike in (list(group) for _, group in itertools.groupby(measurements, _shape)):
                yield from reconstruct(alike, len(alike))
            return
        measurements = checked(measurements)
        first = next(measurements)
        measurements = itertools.chain([first], measurements)
        frame = first.y.shape[:-1]
        in_one_piece = method.scope == "measurement" or method.tiling is None or not first.operator.local
        if in_one_piece or np.prod(frame) <= WHOLE_IMAGE_PIXELS:
            results = spread(key, (state, start_from), measurements, count, most=None if np.size(first.y) <= SPREAD_NUMBERS else 1)
            yield from ((estimate, seconds, losses) for (estimate, losses), seconds in results)
            return
        fill = fill or tiled(method, state, key)
        for one in measurements:
            target = np.zeros(one.y.shape, np.float32)
            seconds = fill([one.y], [target], frame, noise=one.noise, pairs=None if one.pair is None else [one.pair])
            yield target, seconds, {}

    return reconstruct


def _shape(measurement):
    """What measurements that one compilation serves have in common."""
    return jax.tree.structure(measurement), [(np.shape(leaf), np.result_type(leaf)) for leaf in jax.tree.leaves(measurement)]


def _history(losses):
    """The losses of a solver's steps as a training's metrics: one row a step, with what is known of it."""
    rows = zip(*losses.values())
    return [{"step": i + 1, **{metric: float(v) for metric, v in zip(losses, row) if np.isfinite(v)}} for i, row in enumerate(rows)]


def tiled(method: Method, state: Any, key) -> Callable[..., float]:
    """`fill(sources, targets, frame, tile=512, noise=None, pairs=None, on_image=None)`: the estimates from images of one
    frame, in tiles on all devices; it returns the seconds that took, compilation apart.

    The method must be of finite reach, and the noise the same all over the images. What is compiled for one image
    serves all others.
    """
    radius, alignment = method.tiling
    paired = "pair" in method.reads

    def estimate(key, state_and_noise, shown):
        state, noise = state_and_noise
        y, *pair = jax.numpy.split(shown, 2, -1) if paired else [shown]
        return method.reconstruct(key, state, Measurement(y, Identity(), noise, *pair))

    spread = parallel.spread(estimate)

    def fill(sources, targets, frame: tuple[int, ...], *, tile: int = 512, noise=None, pairs=None, on_image=None) -> float:
        sources = [_Beside(*both) for both in zip(sources, pairs)] if paired else sources
        tile = tile if len(frame) == 2 else max(64, tile // 8)
        tile = max(tile, 4 * radius) if max(frame) > tile else tile
        spent = 0.0

        def estimates(shown, count):
            nonlocal spent
            for result, seconds in spread(key, (state, noise), shown, count):
                spent += seconds
                yield result

        in_tiles(estimates, sources, targets, frame=frame, tile=tile, radius=radius, alignment=alignment, on_image=on_image)
        return spent

    return fill


def _common_noise(measurements):
    """The noise model of the measurements; None where they differ in it."""
    first = measurements[0].noise
    same = lambda model: jax.tree.structure(model) == jax.tree.structure(first) and jax.tree.all(jax.tree.map(np.array_equal, model, first))
    return first if all(same(m.noise) for m in measurements) else None


class Shaped(LinearOperator):
    """Stands for a linear operator of which the shape of its images [*S, C] is all that is known."""

    shape: tuple[int, ...] = struct.field(pytree_node=False)
    dtype: str = struct.field(pytree_node=False)

    def domain(self, y):
        return jax.ShapeDtypeStruct(self.shape, self.dtype)

    def adjoint(self, y):
        return jax.numpy.zeros(self.shape, self.dtype)

    guess = adjoint

    def normal(self, x):
        return x

    def norm(self, y, *, iterations=20):
        return jax.numpy.ones(())


def _image(one):
    """The shape and type of what a measurement's operator maps from; None where that is as y."""
    if one.operator.local or not isinstance(one.operator, LinearOperator):
        return None
    like = one.operator.domain(jax.tree.map(jax.numpy.asarray, one.y))
    return {"shape": like.shape, "dtype": str(like.dtype)}


class _Beside:
    """An image and its pair as the channels of one, read where it is sliced."""

    def __init__(self, y, pair):
        self._both = y, pair

    def __getitem__(self, window):
        return np.concatenate([image[window] for image in self._both], -1)


def _example(experiment, directory):
    """(folder of the method, what a run left there of the measurements it trained on)."""
    folder = method_folder(directory, experiment.method.label)
    if not (folder / "example.json").exists():
        raise InputError(f"{directory}: no finished training of {experiment.method.label}; `resume` it first")
    return folder, json.loads((folder / "example.json").read_text())


def trained_channels(experiment: Experiment, directory: Path) -> int:
    """Channels of the images that a run in `directory` was trained on."""
    _, stored = _example(experiment, directory)
    return (stored.get("image") or stored)["shape"][-1]


def trained_on_images(experiment: Experiment, directory: Path) -> bool:
    """Whether the measurements that a run in `directory` was trained on are images themselves."""
    return not _example(experiment, directory)[1].get("image")


def load_trained(experiment: Experiment, directory: Path) -> tuple[Any, NoiseModel | None]:
    """(state, noise model) of the experiment's method that a run left in `directory`.

    The noise model is that of the training, where all its measurements had the same one.
    """
    folder, stored = _example(experiment, directory)
    y = jax.ShapeDtypeStruct(tuple(stored["shape"]), stored.get("dtype", "float32"))
    image = stored.get("image")
    example = Measurement(y, Shaped(tuple(image["shape"]), image["dtype"]) if image else Identity(), **dict.fromkeys(experiment.method.sees, y))
    method = experiment.method.planned(experiment.train.steps)
    like = jax.eval_shape(method.init, jax.random.key(0), example)
    watched = "validation_loss" if any("validation_loss" in row for row in read_metrics(folder)) else None
    checkpoints = Checkpoints(folder / "checkpoints", watched=watched)
    try:
        step = checkpoints.best() if experiment.train.use == "best" else checkpoints.steps()[-1]
        return checkpoints.restore(like, step)[1], from_json(stored.get("noise"))
    finally:
        checkpoints.close()


def _mean_scores(estimates, measurements):
    each = [scores(e, m.truth) for e, m in zip(estimates, measurements) if m.truth is not None]
    return {name: float(np.mean([s[name] for s in each])) for name in each[0]} if each else {}


def _write(results, notes, test, name, directory, subject, settings, analysis, say):
    first = test[0]
    noisy_images = [np.asarray(m.y) for m in test]
    rows = []
    if first.y.shape == results[0].estimates[0].shape:
        rows.append({"method": "noisy", "sees": None, **_mean_scores(noisy_images, test)})
    rows += [r.row | (analysis.scores(r.estimates) if analysis else {}) for r in results]
    images = {"noisy": np.asarray(first.y)} if rows[0]["method"] == "noisy" else {}
    images |= {r.label: r.estimates[0] for r in results}
    truth = None if first.truth is None else np.asarray(first.truth)
    captions = {row["method"]: f"{row['psnr']:.2f} dB" for row in rows if "psnr" in row}
    made = {"Images, a crop of each, and residuals": directory / "images.png"}
    figures.comparison(directory / "images.png", images, captions, truth)
    trained = {r.label: r.history for r in results if r.history}
    if trained:
        figures.curves(directory / "curves.png", trained)
        made["Training and validation loss"] = directory / "curves.png"
    if truth is not None:
        figures.ring_correlations(directory / "frc.png", images, truth)
        made["Fourier ring correlation with the truth"] = directory / "frc.png"
    drawn = {r.label: r.draws for r in results if r.draws is not None}
    for label, draws in drawn.items():
        path = method_folder(directory, label) / "diversity.png"
        figures.diversity(path, np.asarray(first.y), draws, truth)
        made[f"Draws of x given y by {label}"] = path
    for r in results:
        if r.traversals is not None:
            path = method_folder(directory, r.label) / "traversals.png"
            figures.traversals(path, r.traversals)
            made[f"Along the latents of {r.label}"] = path
    if drawn and truth is not None:
        figures.calibrations(directory / "calibration.png", drawn, truth)
        made["Error against predicted deviation, and coverage of intervals"] = directory / "calibration.png"
    summary = _summary(rows, subject, len(test), first, notes)
    if analysis is not None:
        series = {r.label: r.estimates for r in results}
        if truth is not None:
            series["truth"] = [m.truth for m in test]
            found = analysis.scores(series["truth"])
            summary.append("Of the truth: " + ", ".join(f"{name} {report.cell(name, value)}" for name, value in found.items()) + ".")
        made |= analysis.figures(directory, series)
    write_json(directory / "scores.json", rows)
    say("\n" + report.text_table(rows) + "\n")
    for line in summary:
        say(line)
    report.page(
        directory / "report.html", title=name if isinstance(name, str) else "Comparison of " + ", ".join(name), summary=summary, rows=rows, figures=made,
        details={"Configuration": json.dumps(settings, indent=2), "Devices": parallel.describe(),
                 "Versions": f"jax {jax.__version__}, numpy {np.__version__}"},
    )
    say(f"report: {directory / 'report.html'}")


def _summary(rows, subject, count, first, notes):
    lines = [f"{count} test image{'s' * (count > 1)} of shape {' x '.join(map(str, first.y.shape))}."]
    by_label = {row["method"]: row for row in rows}
    mine = by_label.get(subject, {}).get("psnr")
    if mine is not None:
        others = [(label, row["psnr"]) for label, row in by_label.items() if label != subject and "psnr" in row]
        lines.append(f"{subject}: " + ", ".join(f"{mine - value:+.2f} dB against {label}" for label, value in others) + ".")
        lines.append("PSNR and SSIM take the range of the truth; FRC ½ is the resolution, in pixels, at which the correlation with "
                     "the truth falls below one half. Methods that see nothing train on every noisy pixel; those that see "
                     "the truth train on the part of the data that is not scored.")
    elif all("psnr" not in row for row in rows):
        lines.append("There is no truth to score against: judge by the images, the residuals and the validation loss.")
    return lines + notes
