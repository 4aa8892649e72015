"""From images to the measurements a method is trained and scored on."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jax
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.data.bundled import Brain, Bundled
from unsup_jax.data.fmri import FunctionalRun
from unsup_jax.data.grey_levels import FAR, line, rescaled
from unsup_jax.data.parts import crop, every_second, one_a_specimen, sampled, shown_part, single_views
from unsup_jax.data.particles import Particles
from unsup_jax.data.phantoms import Hinge, Phantoms
from unsup_jax.data.prepared import located
from unsup_jax.errors import InputError
from unsup_jax.files import IN_MEMORY, Deferred, Image, listed, matched, read_images
from unsup_jax.modalities import INSTRUMENTS, Modality, Recording, check_files
from unsup_jax.noise import NoiseModel, bootstrap


_OWN = ("pair", "truth", "calibration", "signal")  # what may stand beside `Data.path`


@dataclass(frozen=True)
class Dataset:
    """Measurements to train on, to watch, and to score; a measurement may stand in more than one list."""

    train: list[Measurement]
    validation: list[Measurement]
    test: list[Measurement]
    unpaired: Sequence[Image] | None = None
    """Samples [*S, C] of the target distribution, of specimens that are in none of the lists; for methods that see them."""
    said: tuple[str, ...] = ()
    """What a user must hear of the lists, a line each."""


@dataclass(frozen=True)
class Data:
    """Where the images come from, and how they are split and cropped.

    Raises `InputError` on a fraction outside [0, 1), a patch below 8 pixels (in depth 1), or dimensions other than 2, 3.
    """

    source: Bundled | Phantoms | Brain | FunctionalRun | Particles | Hinge = Bundled()
    """Clean images that the modality measures."""
    clean: str | None = None
    """Your own clean images in place of the source: a file (.tif .png .npy .h5 .zarr .mrc), a folder of files, a
    pattern of names ("raw/*_1.png"), or the name of a prepared data set (`data list`) or of one of TFDS."""
    scored: str | None = None
    """More clean images, measured like those of `clean` and only scored, in place of a part of them."""
    path: str | None = None
    """Your own measurements in place of the source, named like `clean`, in the files that the modality's instrument writes."""
    pair: str | None = None
    """Second noisy realisations of the measurements of `path`, in files that match by the names or their numbers."""
    truth: str | None = None
    """References of the images of `path`, matched as `pair` is; of k-space, images of the same slices, which fastMRI's files
    hold themselves ("train/*.h5:reconstruction_rss")."""
    unpaired: str | None = None
    """Your own samples of what the images should look like, of other specimens, named like `clean`: as many and as large as
    they are, drawn, cropped and turned by themselves. Of a source, by default, clean images of half the training's specimens."""
    unpaired_levels: Literal["given", "matched"] = "given"
    """Grey levels of `unpaired`: as they are, where an image of the specimens of `path` without blur and noise would have such ones; or
    "matched", of another instrument, brought by a line to where H of them has the mean and the deviation of the measurements."""
    frames: Literal["images", "halves"] = "images"
    """What the images of one file of `path` are: measurements of their own, or the frames of a movie of one scene,
    whose even ones are averaged into a measurement and whose odd ones into its pair."""
    calibration: str | None = None
    """Noisy frames of one static scene: the noise model of the images of `path` is measured from them."""
    signal: str | None = None
    """Denoised images of `path`, matched as `pair` is: a noise model is bootstrapped from them for each file."""
    noise_model: Literal["mixture", "histogram"] = "mixture"
    """Form of the noise model that `calibration` or `signal` gives."""
    axes: str | None = None
    """Axes of your files where they do not say it themselves, such as ZYX or TYXC."""
    dimensions: int = 2
    """2: each plane is an image; 3: each volume is."""
    half: Literal["all", "even", "odd"] = "all"
    """Which of the measurements there are: every second one, from the first or the second on, or all; of measurements of many views of a
    specimen every second view of each. Two runs on the halves say what of a result is not of its noise."""
    test: float = 0.5
    """Part of the images, the first ones, kept for scoring; of fewer than four, part of each one's longest axis."""
    validation: float = 0.1
    """Part of the training images, the last ones, or of each one's longest axis, watched and not trained on."""
    patch: int | tuple[int, ...] | None = 64
    """Width of the patches that training draws, pixels: one for all axes, of which a volume may have less in depth, or one
    for each axis ("5 64 64"); None takes whole images."""
    augment: bool = True
    """Turn and mirror the patches at random."""

    def __post_init__(self):
        if not (0 <= self.test < 1 and 0 <= self.validation < 1):
            raise InputError(f"test and validation are parts in [0, 1), not {self.test} and {self.validation}")
        if self.dimensions not in (2, 3):
            raise InputError(f"dimensions is {self.dimensions}; accepted are 2 and 3")
        if isinstance(self.patch, tuple) and (len(self.patch) != self.dimensions or min(self.patch) < 1):
            raise InputError(f"patch is {self.patch}; it has one width for all axes, or {self.dimensions} of them")
        if self.patch is not None and min(np.atleast_1d(self.patch)[-2:]) < 8:
            raise InputError(f"patch is {self.patch}; it must be at least 8 pixels in height and width")
        if self.calibration and self.signal:
            raise InputError("a noise model comes from --data.calibration or from --data.signal, not from both")
        if self.path is None and (beside := [name for name in _OWN if getattr(self, name) is not None]):
            raise InputError(f"--data.{beside[0]} describes images of --data.path, which is not given")
        if self.unpaired_levels == "matched" and self.unpaired is None:
            raise InputError("--data.unpaired-levels describes images of --data.unpaired, which is not given")
        if self.scored is not None and self.path is not None:
            raise InputError("--data.scored are clean images; beside --data.path give --data.truth")

    def load(self, modality: Modality, sees: Collection[str], seed: int) -> Dataset:
        """The data set for a method that sees `sees`: `arrange` of `measure`."""
        return self.arrange(self.measure(modality, seed), sees, seed)

    def measure(self, modality: Modality, seed: int) -> tuple[list[Measurement], list[Measurement]]:
        """(all measurements, those that are only scored): of clean images by the modality, or read from `path`."""
        if self.path is not None:
            return self._halved([one.replace(index=np.int32(i)) for i, one in enumerate(self._own(modality))]), []
        measure, key = jax.jit(modality.measure), jax.random.key(seed)
        clean = self.source.images() if self.clean is None else self._images(self.clean)
        scored = [] if self.scored is None else self._images(self.scored)
        measured = []
        for i, image in enumerate([*clean, *scored]):
            one = jax.tree.map(np.asarray, measure(jax.random.fold_in(key, i), np.asarray(image))).replace(index=np.int32(i))
            measured.append(_sharing(one, measured[0]) if measured else one)
        return self._halved(measured[: len(clean)]), measured[len(clean):]

    def _halved(self, own):
        halves = own if self.half == "all" else every_second(own, ("even", "odd").index(self.half))
        if not halves:
            raise InputError(f"data.half {self.half} of one measurement is none")
        return halves

    def arrange(
        self, measured: tuple[list[Measurement], list[Measurement]], sees: Collection[str], seed: int, *, views: bool = False,
    ) -> Dataset:
        """What `measure` gave in the lists that a method which sees `sees` is trained and scored on.

        A method that needs no truth trains on every measurement, those that are scored later included; one
        that sees truth trains on the other part alone, and so does one that sees unpaired samples of the source, which are of
        the specimens of half of that part, whose measurements are then left out. A method of single `views` is trained on each
        view by itself, and scored once for a specimen. Raises `InputError` where your own
        files lack what the method sees, and where that leaves a method that sees truth nothing unseen to score.
        """
        for name in sees if self.path is not None else ():
            if getattr(self, name) is None and not (name == "pair" and self.frames == "halves"):
                raise InputError(f"the method sees {name}: give --data.{name} beside --data.path")
        own, scored = measured
        if "truth" in sees and self.path is not None and any(np.iscomplexobj(m.y) for m in own):
            raise InputError("the method sees the truth, and references of k-space are moduli that lack its phase: they are for scoring alone")
        test, train = (scored, own) if scored else split(own, self.test, first=True)
        if "truth" not in sees and ("unpaired" not in sees or self.unpaired is not None):
            train = own
            if self.path is not None and self.truth is None:
                test = own                                          # nothing is scored: show them all
        elif not test:
            raise InputError("data.test 0 leaves nothing unseen to score a method that sees the truth")
        unpaired, of_levels = None, None
        if "unpaired" in sees:
            if self.unpaired is None:
                others, train = split(train, 0.5, first=True)
                unpaired = [m.truth for m in others]
            else:
                unpaired, of_levels = self._levelled(self._images(self.unpaired, own[0].offset), own)
        test = test or own
        if views:
            train, test = single_views(train), one_a_specimen(test)
        train, validation = split(train, self.validation, first=False)
        test, said = _shown(test)
        return Dataset(train, validation or train, test, unpaired, tuple(filter(None, (said, of_levels))))

    def _levelled(self, unpaired, own):
        """(unpaired images in the grey levels that are asked for, what to say of them)."""
        if self.unpaired_levels == "matched":
            gain, offset = line(unpaired, own)
            return [rescaled(x, gain, offset) for x in unpaired], f"the grey levels x of the unpaired images are taken as {gain:.4g} x {offset:+.4g}"
        if own[0].operator.identity:
            return unpaired, None
        try:
            gain, _ = line(unpaired, own)
        except InputError:                                          # nothing to compare
            return unpaired, None
        far = not 1 / FAR < gain < FAR
        return unpaired, f"measured as these are, the unpaired images would have {1 / gain:.2g} times the contrast of the measurements; if they are of " \
            "another instrument, give --data.unpaired-levels matched" if far else None

    def _images(self, path, offset=0.0):
        return [image for images in read(path, self.axes, self.dimensions, offset) for image in images]

    def _beside(self, name, files, offset):
        """The images of the files `--data.NAME` that belong to those of `path`; `InputError` where their shapes differ from `files`."""
        own, path = located(self.path), located(getattr(self, name))
        if _is_tfds(own) or _is_tfds(path):
            pairs, others = [(own, path)], read(path, self.axes, self.dimensions, offset)
        else:
            pairs = matched(own, path)
            others = _read_all([other for _, other in pairs], self.axes, self.dimensions, offset)
        for (one, other), y, found in zip(pairs, files, others):
            if [image.shape for image in found] != [image.shape for image in y]:
                raise InputError(f"--data.{name} {other} holds {_shapes(found)}, --data.path {one} {_shapes(y)}; they must agree")
        return others

    def _own(self, modality):
        path = located(self.path)
        if _is_tfds(path):
            recordings = [Recording(Path(path), modality.of_images(read(path, None, self.dimensions)[0]))]
        else:
            listing = listed(path)
            check_files(modality, listing, INSTRUMENTS)
            recordings = modality.read(listing, axes=self.axes, dimensions=self.dimensions)
        return self._with_images(recordings) if modality.images else self._with_references(modality, recordings)

    def _with_references(self, modality, recordings):
        """The measurements of an instrument that makes no images, in the order of their files, with pairs and truths where they are given."""
        own = [one for recording in recordings for one in recording.measurements]
        sources = [recording.source for recording in recordings for _ in recording.measurements]
        if refused := [name for name in _OWN if name not in ("pair", "truth") and getattr(self, name) is not None]:
            raise InputError(f"{self.path} holds {modality.records}, beside which --data.{refused[0]} has no meaning")
        if self.pair is not None:
            own = self._paired(modality, own)
        if self.truth is None:
            return own
        dimensions = len(own[0].operator.domain(own[0].y).shape) - 1
        references = _read_all([other for _, other in matched(located(self.path), located(self.truth))], None, dimensions)
        found = [part for images in references for image in images for part in modality.parts(image)]
        if len(found) != len(own):
            raise InputError(f"--data.truth holds {_shapes(found)}, --data.path {len(own)} measurements; they must agree")
        return [one.replace(truth=modality.reference(one, image, source)) for one, image, source in zip(own, found, sources)]

    def _paired(self, modality, own):
        """The same with second acquisitions of the same specimens, each by the operator of its own file."""
        paths = [other for _, other in matched(located(self.path), located(self.pair))]
        check_files(modality, paths, INSTRUMENTS)
        others = [one for recording in modality.read(paths, axes=self.axes, dimensions=self.dimensions) for one in recording.measurements]
        if [other.y.shape for other in others] != [one.y.shape for one in own]:
            raise InputError(f"--data.pair holds {_shapes([m.y for m in others])}, --data.path {_shapes([m.y for m in own])}; they must agree")
        return [one.replace(pair=other.y, pair_operator=other.operator) for one, other in zip(own, others)]

    def _with_images(self, recordings):
        """The measurements of an instrument that makes images, with their pairs and truths, and their noise models."""
        files = [[one.y for one in recording.measurements] for recording in recordings]
        offset = recordings[0].measurements[0].offset
        models, beside = self._noise_models(files, offset), {}
        if self.frames == "halves":
            if self.pair or self.signal or self.calibration or min(map(len, files)) < 2:
                raise InputError("--data.frames halves makes the pairs itself, of files with 2 frames or more, without pair, signal and calibration")
            y, beside["pair"] = ([_mean(images[half::2]) for images in files] for half in (0, 1))
            own = [recording.measurements[0].replace(y=mean, noise=model) for recording, mean, model in zip(recordings, y, models)]
            files = [[image] for image in y]
        else:
            own = [one.replace(noise=model) for recording, model in zip(recordings, models) for one in recording.measurements]
        for name in ("pair", "truth"):
            if getattr(self, name) is not None:
                beside[name] = [image for images in self._beside(name, files, offset) for image in images]
        return [one.replace(**{name: others[i] for name, others in beside.items()}) for i, one in enumerate(own)]

    def _noise_models(self, files, offset) -> list[NoiseModel | None]:
        """One for each file: of the calibration frames, or of the file and its denoised images."""
        def fit(noisy, signal):
            return jax.tree.map(np.asarray, bootstrap(jax.random.key(0), noisy, signal, mixture=self.noise_model == "mixture"))

        if self.calibration is not None:
            frames = self._images(self.calibration, offset)
            if len(frames) < 2 or len({f.shape for f in frames}) > 1:
                raise InputError(f"--data.calibration holds {_shapes(frames)}; it takes 2 or more frames of one scene")
            frames = sampled(frames)
            return [fit(frames, np.broadcast_to(frames.mean(0), frames.shape))] * len(files)
        if self.signal is None:
            return [None] * len(files)
        signals = self._beside("signal", files, offset)
        return [fit(sampled(y), sampled(s)) for y, s in zip(files, signals)]


def read(path: str, axes: str | None, dimensions: int, offset: float = 0.0) -> list[Sequence[Image]]:
    """The images [*S, C], less `offset`, of each file: of one, of a folder's, of a pattern's, in the natural order of their names, or of a
    data set of records, by its folder or its name."""
    path = located(path)
    if _is_tfds(path):
        from unsup_jax.data.tfds import read_tfds  # imports slowly

        return [read_tfds(path, offset)]
    return _read_all(listed(path), axes, dimensions, offset)


def _is_tfds(path: str) -> bool:
    place = Path(path)
    return (place / "dataset_info.json").exists() or (not place.exists() and re.fullmatch(r"[\w:-]+", path) is not None)


def _read_all(paths, axes, dimensions, offset=0.0):
    return [images for _, images in read_images(paths, axes, dimensions, offset)]


def split(measurements: list[Measurement], part: float, *, first: bool) -> tuple[list[Measurement], list[Measurement]]:
    """Measurements in two: the first is `part` of them if `first`, else all but `part`.

    Fewer than four measurements by local operators are each cut across their longest axis; a single one by
    another operator stays whole and in the one list that is not `part`.
    """
    def cut_at(n):
        taken = min(max(1, round(part * n)), n - 1) if part else 0
        return taken if first else n - taken

    if len(measurements) >= 4 or not all(m.operator.local for m in measurements):
        cut = cut_at(len(measurements))
        return measurements[:cut], measurements[cut:]
    if part == 0:
        return ([], measurements) if first else (measurements, [])
    low, high = [], []
    for m in measurements:
        shape = m.y.shape[:-1]
        axis = int(np.argmax(shape))
        cut = cut_at(shape[axis])
        before = tuple(slice(0, cut) if a == axis else slice(None) for a in range(len(shape)))
        after = tuple(slice(cut, None) if a == axis else slice(None) for a in range(len(shape)))
        low.append(crop(m, before))
        high.append(crop(m, after))
    return low, high


def _shown(test):
    """(what is scored of measurements, what to say of it): of those on the disk their middles, and without truth the first one alone."""
    if not isinstance(test[0].y, Deferred):
        return test, None
    scored = [shown_part(m) for m in (test[:1] if test[0].truth is None else test)]
    whole, part = (" x ".join(map(str, m.y.shape[:-1])) for m in (test[0], scored[0]))
    middle = f"the middle {part} pixels of " if part != whole else ""
    which = "the image" if len(test) == 1 else f"{'the first' if len(scored) < len(test) else 'each'} of {len(test)} images"
    return scored, (f"the images stay on the disk, for in memory they take more than {IN_MEMORY / 2**18:.0f} MB, or are very many: "
                    f"the run shows {middle}{which} of {whole}; `reconstruct` gives all of them")


def _mean(images):
    """Of images read one after another."""
    return sum(map(np.asarray, images)) / np.float32(len(images))


def _shapes(arrays):
    return f"{len(arrays)} images of {', '.join(sorted({str(a.shape) for a in arrays}))}"


def _sharing(one, first):
    """The measurement with those arrays that are the first one's too, such as coil maps, kept once."""
    if jax.tree.structure(one) != jax.tree.structure(first):
        return one
    return jax.tree.map(lambda a, b: b if np.array_equal(a, b) else a, one, first)
