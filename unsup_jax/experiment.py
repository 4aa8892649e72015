"""An experiment: data, instrument, method and training, run into a folder with its scores and its report."""

import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import unsup_jax
from unsup_jax import config, provenance
from unsup_jax.core import Method
from unsup_jax.data import Data, Dataset, Stream, streams
from unsup_jax.data.parts import in_memory, shown_part
from unsup_jax.errors import InputError
from unsup_jax.evaluate import Analysis, align, correlation, coverage, psnr
from unsup_jax.evaluate.summary import Result, mean_scores, summarise
from unsup_jax.files import Deferred, make_folder
from unsup_jax.inference import WHOLE_IMAGE_PIXELS, estimator, sampler, shared
from unsup_jax.modalities import Modality
from unsup_jax.noise.correlation import correlation_warning
from unsup_jax.runs import begin, leave_example, method_folder
from unsup_jax.train import Train, fit, parallel
from unsup_jax.train.answers import Answers
from unsup_jax.train.logging import ProgressLine, read_metrics
from unsup_jax.trust.report import ALL, examine


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
    trust: float | None = 20.0
    """Seconds, compilation apart, for which each method may make further estimates by which its first one is judged without truth; 0 judges
    the residual and the input alone, None nothing."""
    start: str | None = None
    """Folder of a finished run of the same network, whose parameters the method starts from; None for random ones."""
    devices: int | None = None
    """Devices of a host that share each measurement which a method is solved for, a slab of its slices each: such as a tomogram that
    outgrows one of them. None: all of them where a measurement is large and its method and operator allow it; 1: one."""

    def entries(self) -> list[tuple[str, Method, Train]]:
        """(label, method, training) of the method and of its references, under labels that tell them apart.

        Raises `InputError` on a reference that is given twice.
        """
        references = [self._alike(r) for r in self.references] if self.with_references else []
        labels = {self.method.label: self.method}
        named = []
        for reference in references:
            label = reference.label
            if label in labels:
                label = f"{label} ({_differences(reference, labels[label])})"
            if label in labels:
                raise InputError(f"{label} is among the references twice")
            labels[label] = reference
            named.append((label, reference, self.train))
        return [*named, (self.method.label, self.method, self.train)]

    def _alike(self, reference):
        left_open = {f.name for f in dataclasses.fields(reference) if getattr(reference, f.name) == f.default} & {"network", "optimizer"}
        return dataclasses.replace(reference, **{name: getattr(self.method, name) for name in left_open if hasattr(self.method, name)})


def _differences(method, other):
    """The fields in which a method, or a part of it, is not another one of its kind."""
    def told(name):
        own, its = getattr(method, name), getattr(other, name, None)
        if not dataclasses.is_dataclass(own):
            return f"{name} {own}"
        if type(own) is type(its):
            return f"{name} {_differences(own, its)}"
        chosen = ", ".join(f"{f.name} {getattr(own, f.name)}" for f in config.configured(own) if getattr(own, f.name) != f.default)
        return f"{name} {type(own).__name__}" + f" of {chosen}" * bool(chosen)

    return ", ".join(told(f.name) for f in config.configured(method) if getattr(method, f.name) != getattr(other, f.name, None)) or "the same"


def run(experiment: Experiment, name: str, directory: Path, *, start_from: Any = None, quiet: bool = False) -> list[Result]:
    """Train, score and report an experiment into `directory`; what is already there is gone on with.

    `start_from` is theta of `experiment.start`, as `load_trained` gives it.
    """
    return compare(
        experiment.entries(), name, directory, experiment.data, experiment.modality, experiment.train.seed,
        subject=experiment.method.label, settings=experiment, analysis=experiment.analysis, trust=experiment.trust, start_from=start_from,
        devices=experiment.devices, quiet=quiet,
    )


def compare(
    entries: Sequence[tuple[str, Method, Train]], name: str | Sequence[str], directory: Path, data: Data, modality: Modality, seed: int,
    *, subject: str | None = None, settings: Any = None, analysis: Analysis | None = None, trust: float | None = 20.0,
    start_from: Any = None, devices: int | None = None, quiet: bool = False,
) -> list[Result]:
    """Score several methods, (label, method, training) each, on the same data: one table, one figure, one report.

    `trust` and `devices` are those of an `Experiment`. `start_from` is theta that the method labelled `subject` begins with, `settings` the configuration that the folder tells.
    Methods that see what the data do not have are left out and named, unless none is left.
    """
    say = ProgressLine("", 0, quiet=quiet or not parallel.is_main()).say
    for path in (data.path, data.pair, data.truth, data.clean):
        if path is not None and Path(path).resolve() == directory.resolve():
            raise InputError(f"{directory} holds the data, and the images of a run would be taken for more of them; give another --out")
    jobs, left_out = [], []
    if data.path is not None:
        say(f"reading {data.path} ...")
    measured = data.measure(modality, seed)
    if data.path is not None:
        say(f"read {len(measured[0])} measurements, the first of shape {measured[0][0].y.shape}; arranging them ...")
    for label, method, train in entries:  # every mistake in the input is found before anything is trained
        try:
            jobs.append(_Job.prepare(label, method, train, data, measured, seed, devices))
        except InputError as error:
            if label == subject or len(entries) == 1:
                raise
            left_out.append(f"{label} is left out: {error}")
            say(left_out[-1])
    if not jobs:
        raise InputError("; ".join(left_out))
    for note in dict.fromkeys(note for job in jobs for note in job.method.notes):
        say(note)
    if analysis is not None:
        analysis.check([m.y.shape for m in jobs[0].dataset.test])
        jobs = [job.asked(analysis) for job in jobs]
    make_folder(directory)
    if parallel.is_main():
        for line in begin(directory, name, settings, provenance.of_data(data, modality, [*measured[0], *measured[1]])):
            say(line)
    notes = modality.notes(measured[0]) if data.path is not None else []
    notes += _less(measured[0][0].offset)
    notes += dict.fromkeys(line for job in jobs for line in job.dataset.said)
    notes += _correlated([job.method for job in jobs], jobs[0].dataset.train[0])
    for line in notes:
        say(line)
    samples = (analysis or Analysis()).draws
    test = jobs[0].dataset.test if analysis is None else in_memory(jobs[0].dataset.test)
    every = not isinstance(test[0].y, Deferred)
    trained: dict[str, _Training] = {}
    begun = lambda job: start_from if job.training == subject else None
    results = [job.run(directory, seed, quiet, begun(job), samples, every, trained, trust) for job in _shared(jobs)]
    if parallel.is_main():
        clean = next((job.dataset.unpaired for job in jobs if job.dataset.unpaired), [])
        summarise(
            results, test, [m.truth for m in test if m.truth is not None] or clean, directory, subject=subject, analysis=analysis,
            notes=notes + left_out + _unfinished(results), say=say, images=modality.images,
            title=name if isinstance(name, str) else "Comparison of " + ", ".join(name), details={
                "Configuration": json.dumps(config.to_json(settings), indent=2), "Devices": parallel.describe(),
                "Versions": f"unsup_jax {unsup_jax.__version__}, jax {jax.__version__}, numpy {np.__version__}"},
        )
    return results


def _unfinished(results):
    """A line for each solution of one measurement whose held-out loss was still falling when its steps were over."""
    looks = {result.label: [(row["step"], row["validation_loss"]) for row in result.history if "validation_loss" in row]
             for result in results if "held-out loss" in result.row}
    return [f"{label}: its held-out loss was least at its last look, after {losses[-1][0]} steps; more of them may do better."
            for label, losses in looks.items() if len(losses) > 1 and losses[-1][1] == min(loss for _, loss in losses)]


def _shared(jobs):
    """The jobs, of which those whose methods learn the same, alike, share a training: that of the last one of them."""
    def shares(job, other):
        return type(job.method) is type(other.method) and (job.method.learns, job.train) == (other.method.learns, other.train)

    def last(job):
        return job.label if job.method.learns is job.method else next(other.label for other in reversed(jobs) if shares(job, other))

    return [dataclasses.replace(job, training=last(job)) for job in jobs]


def _less(offset):
    """What to say of a number that was taken from the grey levels."""
    said = "was taken from all grey levels, which float32 would lose: scores, figures and noise models are of what is left"
    return [f"{offset:g} {said}; `reconstruct` adds it again"] if offset else []


def _correlated(methods, one):
    """What to say where pixels of one measurement have noise in common, and which of the methods take it for independent."""
    labels = [method.label for method in methods if method.independent_noise]
    if not labels or not (one.operator.identity or one.operator.stationary) or np.iscomplexobj(one.y):
        return []
    warning = correlation_warning(one.y)
    return [f"{warning}; taken for independent by {', '.join(labels)}"] if warning else []


class _Training(NamedTuple):
    """What a training came to."""

    state: Any
    seconds: float


@dataclass(frozen=True)
class _Job:
    """One method with the data it is trained and scored on."""

    label: str
    method: Method
    train: Train
    dataset: Dataset
    streams: tuple[Stream, Stream] | None
    training: str = ""
    """The label under which it is trained; its own, unless it shares the training of another."""
    devices: int | None = None
    """That of an `Experiment`."""

    @classmethod
    def prepare(cls, label, method, train, data: Data, measured, seed, devices):
        dataset = data.arrange(measured, method.sees, seed, views=method.single_views)
        trained, shown = ([], method.sees) if method.scope == "measurement" else (dataset.train + dataset.validation, method.reads)
        for one in trained:
            method.check(shown_part(one.only(method.sees)))
        for one in dataset.test:
            method.check(one.only(shown))
            shared(method, one, devices)
        if method.scope == "measurement":
            return cls(label, method, train, dataset, None, devices=devices)
        return cls(label, method, train, dataset, streams(
            dataset.train, dataset.validation, batch=train.batch, patch=data.patch, augment=data.augment, seed=train.seed, sees=method.sees,
            unpaired=dataset.unpaired, parts=method.parts,
        ))

    def asked(self, analysis: Analysis) -> "_Job":
        """The same, which reconstructs what an analysis wants."""
        return dataclasses.replace(self, dataset=dataclasses.replace(self.dataset, test=analysis.measurements(self.dataset.test)))

    def run(
        self, directory: Path, seed: int, quiet: bool, start_from: Any, samples: int, every: bool, trained: dict[str, _Training],
        trust: float | None,
    ) -> Result:
        """Train where there is something to train, and is not `trained` yet; reconstruct the test measurements, or draw samples, or both.

        Of the estimates `every` one is kept, or the first one alone.
        """
        history, state, seconds = [], None, None
        folder = method_folder(directory, self.label)
        if self.streams is not None:
            if self.training not in trained:
                trained[self.training] = self._trained(method_folder(directory, self.training), quiet, start_from)
            state = trained[self.training].state
            if self.training == self.label:
                seconds, history = trained[self.training].seconds, read_metrics(folder)
            elif parallel.is_main():
                make_folder(folder)
        estimates, scored, losses, spent, judged = [], {}, [], [], None
        if self.method.reconstructs:
            estimates, scored, losses, spent = self._estimates(folder, state, seed, quiet, start_from, every)
            if trust is not None and not self.method.single_views and parallel.is_main():
                judged = self._judged(estimates[0], state, seed, start_from, trust, spent[0])
        row = {"method": self.label, "sees": ", ".join(sorted(self.method.sees)) or "nothing", **scored}
        row |= {"train_seconds": seconds, "seconds": sum(spent) / len(spent) if spent else None}
        history = history or (_history(losses[0]) if losses else [])
        held_out = [of_steps["validation_loss"].min() for of_steps in losses if "validation_loss" in of_steps]
        if held_out and np.isfinite(held_out).all():
            row["held-out loss"] = float(np.mean(held_out))
        draws, images, drawn = None, {}, None
        first, key = in_memory(self.dataset.test[0]), jax.random.key(seed)
        small = np.prod(first.y.shape[:-1]) <= WHOLE_IMAGE_PIXELS
        if self.streams is None:
            if small and self.method.draws:
                draws = np.stack([*sampler(self.method, None, key, self.method.draws)(first.only(self.method.sees))])
        else:
            if small:
                both = jax.jit(lambda m: (self.method.posterior(key, state, m), self.method.images(state, m)))
                draws, images = jax.tree.map(np.asarray, both(first.only(self.method.reads)))
            drawn = jax.jit(lambda state: self.method.sample(key, state, samples))(state)
        if draws is not None and first.truth is not None:
            row |= _of_draws(draws, np.asarray(first.truth))
        return Result(self.label, row, estimates, history, folder, draws, images, None if drawn is None else np.asarray(drawn), judged)

    def _judged(self, estimate, state, seed, start_from, trust, seconds):
        """What the first test measurement says of its estimate; a method that is shown more than y is asked for no others."""
        sees = self.method.sees if self.streams is None else self.method.reads
        one, F = in_memory(self.dataset.test[0]).only(()), None
        if not sees:
            reconstruct = estimator(self.method, state, jax.random.key(seed), start_from=start_from, devices=self.devices)
            F = lambda one: next(reconstruct([one]))[0]
        return examine(jax.random.key(seed), one, estimate, F, estimations=min(ALL, int(trust // max(seconds, 1e-3))))

    def _trained(self, folder, quiet, start_from) -> _Training:
        began = time.monotonic()
        state = parallel.local(fit(
            self.method, self.train, *self.streams, folder, label=self.training, quiet=quiet, start_from=start_from,
            config={"method": config.to_json(self.method), "train": config.to_json(self.train)},
        ))
        seconds = time.monotonic() - began
        if parallel.is_main():
            leave_example(folder, self.dataset.train, self.streams[0].example(2))
        return _Training(state, seconds)

    def _estimates(self, folder, state, seed, quiet, start_from, every):
        """(estimates, their mean scores, losses of the steps of each, seconds of each) of the test measurements."""
        estimates, losses, spent = [], [], []
        count = len(self.dataset.test)
        line = ProgressLine(self.label, self.method.steps * count, quiet=quiet or not self.method.steps or not parallel.is_main())
        line.say(f"{self.label}: {self.method.steps} steps for {'each of ' * (count > 1)}{count} measurement{'s' * (count > 1)} ...")
        solving = {"start_from": start_from, "report": line.update, "answers": Answers(folder)} if self.streams is None and self.method.steps else {}
        reconstruct = estimator(self.method, state, jax.random.key(seed), devices=self.devices, say=line.say, **solving)
        sees = self.method.sees if self.streams is None else self.method.reads

        def made():
            for one, (estimate, took, of_steps) in zip(self.dataset.test, reconstruct([m.only(sees) for m in self.dataset.test])):
                if self.method.single_views and one.truth is not None:
                    estimate = align(estimate, np.asarray(one.truth)).apply(estimate)
                if every or not estimates:
                    estimates.append(estimate)
                losses.append(of_steps)
                spent.append(took)
                yield estimate

        scored = mean_scores(made(), self.dataset.test)
        line.close()
        return estimates, scored, losses, spent


def _of_draws(draws, truth):
    """Scores of draws of x given y, of the first test measurement."""
    found = {"PSNR of one draw (dB)": psnr(draws[0], truth)}
    if len(draws) > 1:
        found |= {"coverage of 90 %": float(coverage(draws, truth, [0.9])[0]), "deviation against error": correlation(draws, truth)}
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _history(losses):
    """The losses of a solver's steps as a training's metrics: one row a step, with what is known of it."""
    rows = zip(*losses.values())
    return [{"step": i + 1, **{metric: float(v) for metric, v in zip(losses, row) if np.isfinite(v)}} for i, row in enumerate(rows)]
