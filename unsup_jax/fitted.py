"""Arrays in, arrays out: a method fitted to a program's own arrays, or a run's folder opened for them.

    fitted = unsup_jax.fit(Noise2Void(), noisy, steps=500)
    estimate = fitted.reconstruct(noisy)
    fitted.save("runs/mine")                                   # opened by unsup_jax.load and by the command line

Which axes an array has is told in `data/arrays.py`. A measurement by another operator than the identity is an array as H makes it, of
which an axis of one channel may be left out; several of them are a list. What comes back is float32, or complex64 where x is complex;
and float64 of images whose grey levels float32 would lose (`files.grey_offset`), which are learnt and solved less a number.
"""

import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from unsup_jax import config, provenance
from unsup_jax.core import Measurement, Method, Operator
from unsup_jax.data import Data, streams
from unsup_jax.data.arrays import Arrays, GivenArrays, as_images, single
from unsup_jax.data.dataset import split
from unsup_jax.errors import InputError
from unsup_jax.experiment import Experiment
from unsup_jax.export import Card, export
from unsup_jax.export import check as check_export
from unsup_jax.files import grey_offset
from unsup_jax.files.names import partial
from unsup_jax.inference import estimator, sampler
from unsup_jax.modalities import Camera, Modality
from unsup_jax.modalities.given import GivenOperator, as_made
from unsup_jax.noise import NoiseModel
from unsup_jax.noise.correlation import correlation_warning
from unsup_jax.runs import begin, check_like, experiment_of, leave_example, load_trained, method_folder, start_of, trained_offset
from unsup_jax.train import Train, parallel
from unsup_jax.train import fit as train_
from unsup_jax.train.logging import read_metrics
from unsup_jax.trust.report import ALL, Trust, examine

Operators = Operator | Sequence[Operator] | None
Noises = NoiseModel | Sequence[NoiseModel] | None


def fit(
    method: Method, arrays: Arrays, *, operator: Operators = None, noise: Noises = None, pair: Arrays | None = None,
    truth: Arrays | None = None, unpaired: Arrays | None = None, dimensions: int = 2, axes: str | None = None,
    patch: int | tuple[int, ...] | None = 64, augment: bool = True, validation: float = 0.1, quiet: bool = True, **training: Any,
) -> "Fitted":
    """A method trained on measurements y: an array or a list of arrays. One of measurement scope has nothing to train, and is kept.

    `operator` and `noise` are those of all measurements, or a list with one for each; without an operator, y are images in noise.
    `pair`, `truth` and `unpaired` are given where the method sees them. `patch`, `augment`, `validation`, `dimensions` are those of
    `Data`, and `training` the fields of `Train` (steps, batch, seed, ...). Operators that mix pixels are trained on whole
    measurements, whatever `patch` is, unless the method takes parts of theirs. Raises `InputError` on arrays that do not fit, or that the method does not take.
    """
    parallel.leave_room_for_callbacks()
    if unknown := set(training) - {f.name for f in fields(Train)}:
        raise InputError(f"fit has no {min(unknown)!r}; of a training it takes {', '.join(f.name for f in fields(Train))}")
    beside = {"pair": pair, "truth": truth, "unpaired": unpaired}
    if missing := [name for name in sorted(method.sees) if beside[name] is None]:
        raise InputError(f"{method.label} sees {missing[0]}: give `{missing[0]}=`")
    train = Train(**training)
    measured, _ = _measurements(arrays, operator, noise, pair, truth, dimensions=dimensions, axes=axes)
    others = None if unpaired is None else as_images(unpaired, dimensions, axes, "unpaired", measured[0].offset)[0]
    for one in measured:
        method.check(one.only(method.sees))
    patch = patch if all(method.parts(one.operator) for one in measured) else None
    shared = None if isinstance(operator, (list, tuple)) else operator
    experiment = Experiment(
        method, Camera() if operator is None else GivenOperator(forward=shared),
        Data(
            source=GivenArrays(len(measured)), dimensions=dimensions, axes=axes, patch=patch, augment=augment, validation=validation,
            test=0.0,
        ), train, with_references=False,
    )
    if method.independent_noise and measured[0].operator.identity and (warning := correlation_warning(measured[0].y)):
        warnings.warn(f"{warning}; {method.label} takes it for independent", stacklevel=2)
    directory = Path(tempfile.mkdtemp(prefix="unsup_jax-"))
    try:
        begin(directory, "arrays", experiment, _fingerprints(measured, others))
        both, folder = None, method_folder(directory, method.label)
        folder.mkdir()
        if method.scope == "dataset":
            learned, watched = split(measured, validation, first=False)
            both = streams(
                learned, watched or learned, batch=train.batch, patch=patch, augment=augment, seed=train.seed, sees=method.sees,
                unpaired=others, parts=method.parts,
            )
            stored = {"method": config.to_json(method), "train": config.to_json(train)}
            train_(method, train, *both, folder, config=stored, label=method.label, quiet=quiet)
        leave_example(folder, measured, both[0].example(2) if both else None)
        return Fitted(experiment, directory, temporary=True)
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


def load(run: str | Path, *, experiment: Experiment | None = None) -> "Fitted":
    """The method of a run's folder, as it was trained there; of a run of old, which names no types, with the help of its `experiment`.

    Raises `InputError` on a folder that is no finished run of one experiment.
    """
    _, found = experiment_of(Path(run), None if experiment is None else lambda name: experiment)
    return Fitted(found, Path(run))


class Fitted:
    """A method that is ready to reconstruct: what `fit` and `load` return."""

    def __init__(self, experiment: Experiment, folder: Path, *, temporary: bool = False):
        self.experiment, self.folder = experiment, folder
        if temporary:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._key = jax.random.key(experiment.train.seed)
        self._state, self._noise = load_trained(experiment.method, experiment.train, folder)
        self._offset = trained_offset(experiment.method, folder)

    def __repr__(self) -> str:
        return f"Fitted({self.method.label}, {self.folder})"

    @property
    def method(self) -> Method:
        """What was fitted."""
        return self.experiment.method

    def with_method(self, method: Method) -> "Fitted":
        """The same training with other hyperparameters of what reconstructs; raises `InputError` where another method was trained."""
        if method.label != self.method.label or method.learns != self.method.learns:
            raise InputError(f"{self.method.label} was fitted; it cannot reconstruct as {method.label}")
        other = Fitted(replace(self.experiment, method=method), self.folder)
        other._trained = self                                                   # whose folder lasts as long
        return other

    @property
    def history(self) -> list[dict[str, float]]:
        """The metrics of the training and of its validations, by step."""
        return read_metrics(method_folder(self.folder, self.method.label))

    def reconstruct(
        self, arrays: Arrays, *, operator: Operators = None, noise: Noises = None, pair: Arrays | None = None, axes: str | None = None,
        devices: int | None = None,
    ) -> Arrays:
        """The estimates of x, an array or a list like the given ones; of a method of single views the one specimen [*S, C].

        Operator and noise are those of the fit unless others are given; `pair` is for methods that reconstruct from two. Large
        images are reconstructed in tiles where the method allows it, and `devices` share each measurement that a method is solved
        for: all where it is None, a measurement is large, and its method and operator allow it. Raises `InputError` on arrays that do
        not fit, and where so many devices cannot.
        """
        measured, back = self._given(arrays, operator, noise, pair, axes)
        estimates = self._estimates if devices is None else self._estimator(devices)
        if self.method.single_views:
            return next(iter(estimates(measured[:1])))[0]
        return back([estimate for estimate, _, _ in estimates(measured)])

    def trust(
        self, array: np.ndarray, *, operator: Operator | None = None, noise: NoiseModel | None = None, axes: str | None = None,
        estimations: int = ALL, seed: int = 0,
    ) -> Trust:
        """How far the estimate of one measurement can be trusted, without truth; at most so many further `estimations` are made for it.

        Raises `InputError` on more than one measurement, and of a method that reconstructs from more than y.
        """
        if self.method.reads or self.method.single_views or self.method.scope == "measurement" and self.method.sees:
            raise InputError(f"{self.method.label} is shown more than one noisy measurement, of which no report without truth is made")
        (one, *more), _ = self._given(array, operator, noise, None, axes)
        if more:
            raise InputError(f"a report is of one measurement, not of {1 + len(more)}")
        F = lambda one: next(iter(self._estimates([one])))[0]
        return examine(jax.random.key(seed), one, F(one), F, estimations=estimations)

    def draws(
        self, array: np.ndarray, n: int, *, operator: Operator | None = None, noise: NoiseModel | None = None,
        pair: np.ndarray | None = None, axes: str | None = None, seed: int = 0,
    ) -> np.ndarray:
        """`n` draws of x given one measurement, [n, ...] with the axes of the array.

        Raises `InputError` of a method that makes an estimate alone, and on more than one measurement.
        """
        (one, *more), back = self._given(array, operator, noise, pair, axes)
        if more or n < 1:
            raise InputError(f"draws takes one measurement and n >= 1, not {1 + len(more)} and {n}")
        if not self.method.draws:
            raise InputError(f"{self.method.label} makes one estimate of a measurement, and no draws")
        return np.stack([back([draw]) for draw in sampler(self.method, self._state, jax.random.key(seed), n)(one)])

    def samples(self, n: int, *, seed: int = 0) -> np.ndarray:
        """`n` images [n, *S, C] of the kind that was learnt, without a measurement. Raises `InputError` of a method that models none."""
        drawn = None
        if self.method.scope == "dataset":
            drawn = jax.jit(lambda state: self.method.sample(jax.random.key(seed), state, n))(self._state)
        if drawn is None:
            raise InputError(f"{self.method.label} makes no images without a measurement")
        return np.asarray(drawn) + np.float64(self._offset) if self._offset else np.asarray(drawn)

    def save(self, folder: str | Path) -> None:
        """Keep it in a new folder, which `load` opens, and `reconstruct` of the command line. Raises `InputError` where there is one."""
        folder = Path(folder)
        if folder.exists():
            raise InputError(f"{folder} is there already; give the name of a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self.folder, partial(folder), dirs_exist_ok=True)
        partial(folder).rename(folder)

    def export(self, output: str | Path, example: np.ndarray | None = None, *, axes: str | None = None, card: Card = Card()) -> str:
        """Write it to a BioImage.IO package (.zip), to ONNX (.onnx) or to a program of `jax.export` (.jax), as `unsup_jax.export` says.

        The `example` is an image like those of the fit, by which what is written is checked, and which a package holds; by default the first
        one of the run's data. Returns a line that says what was written; raises `InputError` on what has no such form.
        """
        check_export(self.method, output, self._offset)
        if example is None:
            try:
                one = self.experiment.data.measure(self.experiment.modality, self.experiment.train.seed)[0][0]
            except InputError as error:
                raise InputError(f"no image of the run is at hand, give one as an example: {error}") from error
        else:
            (one, *_), _ = self._given(example, None, None, None, axes)
        return export(self._key, self.method, self._state, self._noise, output, one, name=self.folder.name, card=card)

    def _given(self, arrays, operator, noise, pair, axes):
        modality, data = self.experiment.modality, self.experiment.data
        operator = getattr(modality, "forward", None) if operator is None else operator
        if axes is None and data.axes and not isinstance(arrays, (list, tuple)) and np.ndim(arrays) == len(data.axes):
            axes = data.axes
        if ("pair" in self.method.reads) != (pair is not None):
            asked = "two: give `pair=`" if pair is None else "one measurement; leave `pair=` out"
            raise InputError(f"{self.method.label} reconstructs from {asked}")
        measured, back = _measurements(
            arrays, operator, noise, pair, None, dimensions=data.dimensions, axes=axes, modality=modality,
            offset=self._offset if self.method.scope == "dataset" else None)
        if noise is None and self._noise is not None:
            measured = [one.replace(noise=_single(self._noise.shifted(one.offset - self._offset))) for one in measured]
        for one in measured:
            self.method.check(one)
            check_like(one, self.method, self.folder)
        return measured, back

    @cached_property
    def _estimates(self):
        return self._estimator(None)

    def _estimator(self, devices):
        solved = self.method.scope == "measurement"
        return estimator(self.method, self._state, self._key, start_from=start_of(self.experiment) if solved else None, devices=devices)


def _measurements(
    arrays, operator, noise, pair, truth, *, dimensions: int, axes: str | None, modality: Modality = Camera(),
    offset: float | None = None,
) -> tuple[list[Measurement], Callable]:
    """(measurements, what makes arrays like the given ones of their estimates); less `offset`, or what their grey levels ask for."""
    several = isinstance(operator, (list, tuple))
    if operator is None or not several and operator.identity:
        found, back = as_images(arrays, dimensions, axes)
        try:
            operators = [one.operator for one in modality.of_images(found)]
        except InputError as error:
            raise InputError(f"{error}; here, give `operator=`") from error
        if offset is None:
            offset = _offset(arrays) if all(H.identity for H in operators) else 0.0
        if offset:
            found, back = as_images(arrays, dimensions, axes, offset=offset)
    else:
        offset = 0.0
        listed = list(arrays) if isinstance(arrays, (list, tuple)) else [arrays]
        operators = list(operator) if several else [operator] * len(listed)
        _check_count("operator", operators, listed)
        made = [as_made(single(y, f"the array, entry {i},"), H, f"the array, entry {i},") for i, (y, H) in enumerate(zip(listed, operators))]
        found, left_out = zip(*made)
        back = lambda estimates: _without_channels(estimates, left_out, isinstance(arrays, (list, tuple)))
    noises = list(noise) if isinstance(noise, (list, tuple)) else [noise] * len(found)
    _check_count("noise", noises, found)
    measured = [
        Measurement(y, jax.tree.map(np.asarray, H), w and _single(w.shifted(offset)), index=np.int32(i), offset=offset)
        for i, (y, H, w) in enumerate(zip(found, operators, noises))
    ]
    if pair is not None:
        others = _beside("pair", pair, [one.y for one in measured], dimensions, axes, offset)
        measured = [one.replace(pair=other) for one, other in zip(measured, others)]
    if truth is not None:
        wanted = [one.operator.domain(one.y) if one.operator.linear else None for one in measured]
        measured = [one.replace(truth=x) for one, x in zip(measured, _beside("truth", truth, wanted, dimensions, axes, offset))]
    return measured, back


def _offset(arrays):
    """That of images which are an array or a list of arrays."""
    return grey_offset([np.asarray(array) for array in (arrays if isinstance(arrays, (list, tuple)) else [arrays])])


def _single(noise):
    return jax.tree.map(np.float32, noise)


def _fingerprints(measured, unpaired):
    given = {"arrays": [one.y for one in measured], "pair": [one.pair for one in measured], "truth": [one.truth for one in measured]}
    found = {name: provenance.of_arrays(arrays) for name, arrays in given.items() if arrays[0] is not None}
    return found if unpaired is None else found | {"unpaired": provenance.of_arrays(unpaired)}


def _beside(name, arrays, wanted, dimensions, axes, offset):
    """Arrays that belong to measurements, of the shapes and types that are wanted; None stands for any."""
    if wanted[0] is not None and isinstance(arrays, (list, tuple)) and [np.shape(a) for a in arrays] == [w.shape for w in wanted]:
        found = [single(array, name, offset) for array in arrays]   # as they are, such as k-space
    elif wanted[0] is not None and len(wanted) == 1 and np.shape(arrays) == wanted[0].shape:
        found = [single(arrays, name, offset)]
    else:
        found, _ = as_images(arrays, dimensions, axes, name, offset)
    _check_count(name, found, wanted)
    for array, like in zip(found, wanted):
        if like is not None and array.shape != like.shape:
            raise InputError(f"{name} has the shape {array.shape}; that of its measurement is {like.shape}")
    return [array if like is None else array.astype(like.dtype) for array, like in zip(found, wanted)]


def _without_channels(estimates, left_out, several):
    found = [x[..., 0] if short and x.shape[-1] == 1 else x for x, short in zip(estimates, left_out)]
    return found if several else found[0]


def _check_count(name, given, wanted):
    if len(given) != len(wanted):
        raise InputError(f"{name} has {len(given)} entries for {len(wanted)} measurements")
