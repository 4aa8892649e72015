"""Apply a trained run to a user's file: an image tile by tile into a file like it, any other recording into its field's format."""

from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from unsup_jax import files
from unsup_jax.bars import Barred, Bars
from unsup_jax.core import Measurement
from unsup_jax.data.parts import in_memory, one_a_specimen
from unsup_jax.draws import Drawn, Draws
from unsup_jax.errors import InputError
from unsup_jax.experiment import Experiment
from unsup_jax.inference import estimator, tiled
from unsup_jax.modalities import INSTRUMENTS, check_files
from unsup_jax.noise.correlation import correlation_warning, middle
from unsup_jax.runs import load_trained, trained_channels, trained_offset
from unsup_jax.lazy import Lazy
from unsup_jax.train.logging import ProgressLine
from unsup_jax.trust.report import ALL, examine

single = Lazy("unsup_jax.trust.single")

_SEEN = {2: 1024, 3: 128}  # pixels each way, in the middle, that a report is of
_PAGES = 64              # of a stack, that are looked at for drift
_SECONDS = 20            # that further estimates of a report may take


def reconstruct_files(
    experiment: Experiment, run: Path, source: str | Path, output: str | Path, *, axes: str | None = None, tile: int = 512,
    pair: str | Path | None = None, start_from: Any = None, draws: int | None = None, deviation: bool = False, report: str | Path | None = None,
    error_bars: int | None = None, devices: int | None = None,
) -> None:
    """Reconstruct a file; or each file of a folder, or of a pattern of names, into a folder, under its own name.

    Every image of a file is reconstructed, into a file of the same shape, type, axes and metadata; of an instrument that makes
    no images, every measurement, into what the instrument writes. A method of
    finite reach holds one tile a device at a time; any other holds one image. A method that reads a pair takes it
    from the file, the folder or the pattern `pair`, whose names match those of the source. `start_from` is theta of
    `experiment.start`, and `devices` those that share each measurement, in place of `experiment.devices`. Beside each output are written `draws` of x given y and their `deviation`, where these are asked for, or the
    `error_bars` of the estimate by so many others in noise drawn anew, and to the HTML file `report` how far the first estimate can be trusted.
    Raises `InputError`, before anything is computed, on outputs that cannot be written or are inputs, on a method that makes
    no draws, on a pair that is missing, and on files that the experiment's instrument does not read; and on an unreadable input, on
    channels other than those of the training, on pixels that are not finite, and on a pair that differs in shape.
    """
    method, modality = experiment.method, experiment.modality
    if ("pair" in method.reads) != (pair is not None):
        raise InputError(
            f"{method.label} reconstructs from one image; leave --pair out" if pair is not None
            else f"{method.label} reconstructs from two halves: give the other one by --pair")
    asked = draws is not None or deviation
    if asked and error_bars is not None:
        raise InputError("--draws and --deviation tell of the draws' spread, --error-bars of an estimate's; give one of them")
    wanted = Draws(method, draws, deviation) if asked else Bars(method, error_bars) if error_bars is not None else None
    jobs = files.destinations(source, output, end=modality.ending)
    partners = {} if pair is None else dict(files.matched(source, pair))
    places = [each for _, place in jobs for each in (place, *(wanted.places(place) if wanted else ()))]
    if twice := [place for place, times in Counter(places).items() if times > 1]:
        raise InputError(f"{twice[0]}: would be written twice, for one image and beside another; reconstruct them one by one")
    if report is not None:
        _check_report(report, method)
    files.check_apart(places if report is None else [*places, report], [*partners, *partners.values()] or [path for path, _ in jobs])
    check_files(modality, [path for path, _ in jobs], INSTRUMENTS)
    if files.is_several(source):
        files.make_folder(output)
    for _, place in jobs:
        modality.check_write(place)
        if wanted:
            wanted.check(modality, place)
    trained = method.scope == "dataset"
    state, noise = load_trained(method, experiment.train, run)
    channels = trained_channels(method, run) if trained else None
    offset = trained_offset(method, run)
    key = jax.random.key(experiment.train.seed)
    fill = tiled(method, state, key) if state is not None and method.tiling is not None else None
    whole = estimator(
        method, state, key, start_from=start_from, devices=experiment.devices if devices is None else devices, say=ProgressLine("", 0).say)
    drawn = wanted and (Drawn(key, wanted, state, experiment.data.dimensions) if asked else Barred(key, wanted, whole, experiment.data.dimensions))
    if not modality.images:
        for path, place in jobs:
            measurements = _reconstruct_recording(
                modality, axes, experiment.data.dimensions, channels, noise, whole, path, place, drawn, method.single_views)
            if report is not None and path == jobs[0][0]:
                _report(report, path, method, measurements[0], whole)
        return
    for path, place in jobs:
        picture = files.open_image(path, axes)
        picture = replace(picture, offset=offset if trained else modality.offset([picture], experiment.data.dimensions))
        if path == jobs[0][0]:
            _say_correlated(experiment, picture)
        files.check_alone(picture, [path for path, _ in jobs])
        second = _second(partners[path], axes, picture) if path in partners else None
        told = noise and noise.shifted(picture.offset - offset)
        _reconstruct_file(experiment, channels, told, fill, whole, picture, second, place, tile, drawn)
        if report is not None and path == jobs[0][0]:
            sources = files.stored(picture, experiment.data.dimensions)
            seen = tuple(middle(n, _SEEN[experiment.data.dimensions]) for n in sources[0].shape[:-1])
            first = np.asarray(sources[0][seen])
            operator = modality.of_image(jax.ShapeDtypeStruct(first.shape, np.float32), picture.metadata)
            pages = [page[seen] for page in sources[:_PAGES]] if "T" in picture.axes else []
            _report(report, path, method, Measurement(first, operator, told), whole, pages)


def _check_report(report, method):
    if Path(report).suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{report}: a report is an HTML file; give a name that ends in .html")
    if method.reads or method.scope == "measurement" and method.sees:
        raise InputError(f"{method.label} is shown more than one noisy measurement, of which no report without truth is made")
    if method.single_views:
        raise InputError(f"{method.label} makes one specimen of many views, of which no report without truth is made")


def _report(place, path, method, one, reconstruct, pages=()):
    """Write how far the estimate of the first measurement of a file can be trusted; further estimates take 20 seconds or so."""
    F = lambda one: next(reconstruct([one]))[0]
    estimate, seconds, _ = next(reconstruct([one]))
    line = ProgressLine("report", 0)
    found = examine(
        jax.random.key(0), one, estimate, F, estimations=min(ALL, int(_SECONDS // max(seconds, 1e-3))), pages=np.stack(pages) if len(pages) else None)
    y = np.asarray(one.y)
    single.write(
        Path(place), found, estimate, title=f"{Path(path).name}, {method.label}", label=method.label, y=y,
        lines=[f"The first measurement of {Path(path).name}, of shape {' x '.join(map(str, y.shape))}. Without truth nothing is proved: this is what the "
               "measurement itself says of the estimate."])
    line.say(found.summary())
    line.say(f"wrote {place}: how far the first estimate can be trusted")


def _say_correlated(experiment, picture):
    """One line where the pixels of the first image have noise in common that the method takes for independent."""
    if not experiment.method.independent_noise:
        return
    warning = correlation_warning(files.stored(picture, experiment.data.dimensions)[0])
    if warning:
        ProgressLine("", 0).say(f"{picture.path}: {warning}; {experiment.method.label} takes it for independent")


def _reconstruct_recording(modality, axes, dimensions, channels, noise, reconstruct, source, output, drawn, views):
    (recording,) = modality.read([source], axes=axes, dimensions=dimensions, channels=channels)
    modality.check_write(output, recording)
    read = one_a_specimen(recording.measurements) if views else recording.measurements
    estimates, measurements = [], [one if one.noise is not None else one.replace(noise=noise) for one in read]
    line = ProgressLine("reconstruct", len(measurements), unit="measurements")
    for estimate, _, _ in reconstruct(measurements):
        estimates.append(estimate)
        line.update(len(estimates), None)
    held = modality.write(output, estimates, recording)
    if drawn:
        drawn.write(modality, output, recording, measurements)
    line.close()
    for note in modality.notes(read):
        line.say(note)
    line.say(f"wrote {output}: {held}" + (f"; and {drawn.words}" if drawn else ""))
    return measurements


def _reconstruct_file(experiment, expected, noise, fill, reconstruct_whole, picture, second, output, tile, drawn):
    dimensions = experiment.data.dimensions
    sources = files.stored(picture, dimensions)
    *frame, channels = sources[0].shape
    if expected not in (None, channels):
        raise InputError(f"{picture.path}: {channels} channel{'s' * (channels > 1)}; the run was trained on {expected}")
    y = jax.ShapeDtypeStruct((*frame, channels), np.float32)
    operator = experiment.modality.of_image(y, picture.metadata)
    experiment.method.check(Measurement(y, operator, noise, pair=None if second is None else y))
    with files.writer(picture, output) as written, drawn.beside(picture, output) if drawn else nullcontext() as draw:
        line = ProgressLine("reconstruct", len(sources), unit="images")
        done = lambda count: line.update(count, None)
        targets = files.targets(written, picture, dimensions)
        others = None if second is None else files.stored(second, dimensions)
        if fill is not None and experiment.method.tiles(operator):
            fill(sources, targets, tuple(frame), tile=tile, noise=noise, pairs=others, on_image=done)
        else:
            whole = (slice(None),) * len(frame)
            pairs = [None] * len(sources) if others is None else others
            shown = (in_memory(Measurement(y, operator, noise, pair=other)) for y, other in zip(sources, pairs))
            for k, (estimate, _, _) in enumerate(reconstruct_whole(shown, len(sources))):
                targets[k][whole] = estimate
                done(k + 1)
        line.close()
        line = ProgressLine("beside", len(sources), unit="images")
        for k, source in enumerate(sources if draw else ()):
            draw(k, Measurement(np.asarray(source), operator, noise))
            line.update(k + 1, None)
        line.close()
    line.say(f"wrote {output}" + (f" and {drawn.words}" if drawn else ""))


def _second(pair, axes, picture):
    second = files.open_image(pair, axes)
    if (second.array.shape, second.axes) != (picture.array.shape, picture.axes):
        raise InputError(f"{pair}: {second.axes} {tuple(second.array.shape)}; the input is {picture.axes} {tuple(picture.array.shape)}")
    return replace(second, offset=picture.offset)
