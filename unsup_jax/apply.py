"""Apply a trained run to a user's file: an image tile by tile into a file like it, any other recording into its field's format."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from unsup_jax import files
from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.experiment import Experiment
from unsup_jax.inference import estimator, tiled
from unsup_jax.modalities import INSTRUMENTS, check_files
from unsup_jax.noise.correlation import correlation_warning, middle
from unsup_jax.runs import load_trained, trained_channels
from unsup_jax.train.logging import ProgressLine


def reconstruct_files(
    experiment: Experiment, run: Path, source: str | Path, output: str | Path, *, axes: str | None = None, tile: int = 512,
    pair: str | Path | None = None, start_from: Any = None,
) -> None:
    """Reconstruct a file; or each file of a folder, or of a pattern of names, into a folder, under its own name.

    Every image of a file is reconstructed, into a file of the same shape, type, axes and metadata; of an instrument that makes
    no images, every measurement, into what the instrument writes. A method of
    finite reach holds one tile a device at a time; any other holds one image. A method that reads a pair takes it
    from the file, the folder or the pattern `pair`, whose names match those of the source. `start_from` is theta of
    `experiment.start`. Raises `InputError`, before anything is computed, on outputs that cannot be written or are inputs,
    on a pair that is missing, and on files that the experiment's instrument does not read; and on an unreadable input, on
    channels other than those of the training, on pixels that are not finite, and on a pair that differs in shape.
    """
    method, modality = experiment.method, experiment.modality
    if ("pair" in method.reads) != (pair is not None):
        raise InputError(
            f"{method.label} reconstructs from one image; leave --pair out" if pair is not None
            else f"{method.label} reconstructs from two halves: give the other one by --pair")
    jobs = files.destinations(source, output, end=modality.ending)
    partners = {} if pair is None else dict(files.matched(source, pair))
    files.check_apart([place for _, place in jobs], [*partners, *partners.values()] or [path for path, _ in jobs])
    check_files(modality, [path for path, _ in jobs], INSTRUMENTS)
    if files.is_several(source):
        files.make_folder(output)
    for _, place in jobs:
        modality.check_write(place)
    trained = method.scope == "dataset"
    state, noise = load_trained(method, experiment.train, run) if trained else (None, None)
    channels = trained_channels(method, run) if trained else None
    key = jax.random.key(experiment.train.seed)
    fill = tiled(method, state, key) if state is not None and method.tiling is not None else None
    whole = estimator(method, state, key, start_from=start_from)
    if not modality.images:
        for path, place in jobs:
            _reconstruct_recording(modality, axes, experiment.data.dimensions, channels, noise, whole, path, place)
        return
    _say_correlated(experiment, jobs[0][0], axes)
    for path, place in jobs:
        picture = files.open_image(path, axes)
        files.check_alone(picture, [path for path, _ in jobs])
        second = _second(partners[path], axes, picture) if path in partners else None
        _reconstruct_file(experiment, channels, noise, fill, whole, picture, second, place, tile)


def _say_correlated(experiment, path, axes):
    """One line where the pixels of the first image have noise in common that the method takes for independent."""
    if not experiment.method.independent_noise:
        return
    dimensions = experiment.data.dimensions
    picture = files.open_image(path, axes)
    sizes = dict(zip(picture.axes, picture.array.shape))
    frame = [sizes.get(a, 1) for a in picture.spatial(dimensions)]
    window = tuple(middle(n, width) for n, width in zip(frame, (*(1,) * (dimensions - 2), 1024, 1024)))
    place = next(files.indices(picture, dimensions))
    warning = correlation_warning(_Window(picture, place, files.channels_last(picture, dimensions), dimensions)[window])
    if warning:
        ProgressLine("", 0).say(f"{path}: {warning}; {experiment.method.label} takes it for independent")


def _reconstruct_recording(modality, axes, dimensions, channels, noise, reconstruct, source, output):
    (recording,) = modality.read([source], axes=axes, dimensions=dimensions, channels=channels)
    modality.check_write(output, recording)
    estimates, measurements = [], recording.measurements
    line = ProgressLine("reconstruct", len(measurements), unit="measurements")
    for estimate, _, _ in reconstruct([one.replace(noise=noise) for one in measurements]):
        estimates.append(estimate)
        line.update(len(estimates), None)
    held = modality.write(output, estimates, recording)
    line.close()
    for note in modality.notes(measurements):
        line.say(note)
    line.say(f"wrote {output}: {held}")


def _reconstruct_file(experiment, expected, noise, fill, reconstruct_whole, picture, second, output, tile):
    dimensions = experiment.data.dimensions
    order = files.channels_last(picture, dimensions)
    places = list(files.indices(picture, dimensions))
    sizes = dict(zip(picture.axes, picture.array.shape))
    frame = tuple(sizes[a] for a in picture.spatial(dimensions))
    channels = int(np.prod([sizes[a] for a in picture.channels()]))
    if expected not in (None, channels):
        raise InputError(f"{picture.path}: {channels} channel{'s' * (channels > 1)}; the run was trained on {expected}")
    y = jax.ShapeDtypeStruct((*frame, channels), np.float32)
    operator = experiment.modality.of_image(y, picture.metadata)
    experiment.method.check(Measurement(y, operator, noise, pair=None if second is None else y))
    with files.writer(picture, output) as written:
        line = ProgressLine("reconstruct", len(places), unit="images")
        done = lambda count: line.update(count, None)
        sources = [_Window(picture, place, order, dimensions) for place in places]
        targets = [_Target(written, picture, place, dimensions) for place in places]
        others = None if second is None else [_Window(second, place, order, dimensions) for place in places]
        if fill is not None and operator.local:
            fill(sources, targets, frame, tile=tile, noise=noise, pairs=others, on_image=done)
        else:
            whole = (slice(None),) * len(frame)
            for source in sources if second is None and experiment.method.scope == "measurement" else ():
                source.offset = source.unseen_offset()
            pairs = [None] * len(places) if others is None else (other[whole] for other in others)
            shown = (Measurement(source[whole], operator, noise, pair=pair) for source, pair in zip(sources, pairs))
            for k, (estimate, _, _) in enumerate(reconstruct_whole(shown, len(places))):
                targets[k][whole] = np.asarray(estimate, np.float64) + sources[k].offset if sources[k].offset else estimate
                done(k + 1)
        line.close()
    line.say(f"wrote {output}")


def _second(pair, axes, picture):
    second = files.open_image(pair, axes)
    if (second.array.shape, second.axes) != (picture.array.shape, picture.axes):
        raise InputError(f"{pair}: {second.axes} {tuple(second.array.shape)}; the input is {picture.axes} {tuple(picture.array.shape)}")
    return second


class _Window:
    """One image of a file as [*S, C] in float32, read where it is sliced."""

    def __init__(self, picture, place, order, dimensions):
        self._picture, self._place, self._order = picture, place, order
        self._spatial = picture.spatial(dimensions)
        self.offset = 0.0

    def unseen_offset(self) -> float:
        """The mean of the image, where single precision would lose its grey levels about it; zero elsewhere."""
        if np.dtype(self._picture.array.dtype).itemsize < 4:
            return 0.0
        image = np.asarray(self._picture.array[tuple(self._place)], np.float64)
        return float(image.mean()) if np.spacing(np.float32(abs(image.mean()))) > 1e-3 * image.std() else 0.0

    def __getitem__(self, window):
        by_axis = dict(zip(self._spatial, window))
        index = tuple(by_axis.get(a, i) for a, i in zip(self._picture.axes, self._place))
        part = self._picture.array[index]
        part = self._order(np.asarray(np.asarray(part, np.float64) - self.offset if self.offset else part, np.float32))
        if not np.isfinite(part).all():
            raise InputError(f"{self._picture.path}: pixels are NaN or infinite; replace them first")
        return part


class _Target:
    """One image of an output as [*S, C], written where it is assigned, in the type of the file."""

    def __init__(self, written, picture, place, dimensions):
        self._written, self._picture, self._place, self._dimensions = written, picture, place, dimensions
        self._spatial = picture.spatial(dimensions)

    def __setitem__(self, window, values):
        by_axis = dict(zip(self._spatial, window))
        index = tuple(by_axis.get(a, i) for a, i in zip(self._picture.axes, self._place))
        self._written[index] = files.as_stored(self._picture, self._dimensions, np.asarray(values))
