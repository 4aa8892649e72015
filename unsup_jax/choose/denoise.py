r"""A file of noisy images, and no more: which method, and its estimate.

    look      the noise of the middle image: level, gain, and whether neighbouring pixels share it
    rank      filters by what they are estimated to be off the truth, from the noisy image alone: by Stein's risk where the noise is
              independent between pixels (`trust.stein_risk`), else at held-out pixels whose neighbourhood is hidden too (`trust.held_out_risk`)
    learn     within the minutes that are given, a blind-spot network on all images, in variance-stabilised units, with one in sixteen
              pixels of the middle image hidden from its training; of neighbours that share their noise, all within its reach are hidden
              (structN2V)
    stack     the network and the best filter, by the weight of least risk at those pixels, whose noise the network has not learnt
    take      what has the least risk, the input among them, so that nothing is taken that is estimated to be worse than the input

Nothing is chosen by a truth, for there is none. What is ranked is a window of at most 512 x 512 pixels.

By the truth, among filters: of nine images of the Fluorescence Microscopy Data set (three of each microscope, one exposure against the mean
of fifty) the choice was at most .13 dB behind the best of them, and of Set12 (four images, sigma 10, 25, 50) it was the best every time.
The estimated error was up to 2.5 dB from the true one, in PSNR. Learning, on 2 busy cores:

    wide-field, neighbours share noise    BM3D + VST 30.06, best blur 34.31, structN2V stacked with it 33.93
    confocal, mice and FISH               BM3D + VST 38.02, 32.58, Noise2Void stacked with it 38.18, 32.70
    two-photon, 256 x 256 pixels          BM3D + VST 31.79, Noise2Void stacked with it 31.70

so that of a single image the network takes the noise that neighbours share, as a blur does, and adds little to BM3D elsewhere.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax import files, trust
from unsup_jax.apply import reconstruct_files
from unsup_jax.choose.candidates import Candidate, Choice
from unsup_jax.choose.look import REACH, Noise, noise_of
from unsup_jax.choose.write import Wanted, check_outputs, report_of
from unsup_jax.core import Adam, Measurement, Method
from unsup_jax.errors import InputError
from unsup_jax.fitted import fit
from unsup_jax.methods import BM3D, FirstGuess, GaussianFilter, MedianFilter, Noise2Void, NonLocalMeans, Stabilized, Stacked, WaveletShrinkage
from unsup_jax.methods.stacked import best_weight
from unsup_jax.modalities import Camera
from unsup_jax.noise.correlation import middle
from unsup_jax.operators import Identity
from unsup_jax.train import parallel
from unsup_jax.train.logging import ProgressLine
from unsup_jax.trust import held_out_pixels, held_out_risk, stein_risk

_WINDOW = 512                # pixels of the ranking
_FEWEST, _MOST = 150, 2000   # steps of a training that is worth its time
_BATCH = 8
_IMAGES = 64                 # that are learnt from

_INPUT = "the input as it is"


def filters(noise: Noise) -> list[Method]:
    """The classical candidates. Of noise that neighbours share, blurs of several widths: medians were never the best by the truth in the
    wide-field images of FMD, though of 9 pixels they sometimes were at held-out ones."""
    if noise.shared:
        return [*(GaussianFilter(sigma) for sigma in (1.0, 1.5, 2.0, 3.0, 4.0)), NonLocalMeans(), BM3D()]
    return [GaussianFilter(), MedianFilter(), NonLocalMeans(), WaveletShrinkage(), BM3D()]


def network(noise: Noise) -> Method:
    """The learned candidate."""
    if noise.shared:
        return Stabilized(Noise2Void(fraction=0.01, radius=2 * REACH + 2, structure=(REACH, REACH), optimizer=Adam(learning_rate=1e-3)))
    return Stabilized()


def choose(images: list[np.ndarray], *, minutes: float = 5.0, seed: int = 0, say: Callable[[str], None] = lambda text: None) -> Choice:
    """The method for images [H, W, C] in camera noise, chosen from them alone, and fitted.

    `minutes` are those of the learned candidate, compilation and ranking in them; 0 for filters alone. `say` is told what is being done.
    Raises `InputError` on images without noise, and on none.
    """
    parallel.leave_room_for_callbacks()
    began = time.monotonic()
    at = len(images) // 2
    window = tuple(middle(n, _WINDOW) for n in images[at].shape[:2])
    y = np.ascontiguousarray(images[at][window], np.float32)
    noise = noise_of(y)
    if not np.any(np.asarray(noise.model.gain) > 0) and not np.any(np.asarray(noise.model.sigma) > 0):
        raise InputError("no noise is seen in the middle image; there is nothing to take from it")
    say(f"noise: {noise.words}")
    one, key = Measurement(jnp.asarray(y), Identity(), noise.model), jax.random.key(seed)
    held = {"one": one.replace(noise=None), "width": 16, "extent": (REACH, REACH)} if noise.shared else {"one": one, "width": 4}
    hold_out = lambda F, folds: held_out_risk(key, F, folds=folds, **held)
    rank = (lambda F: hold_out(F, 8)) if noise.shared else (lambda F: stein_risk(key, F, one))
    found = []
    for method in (FirstGuess(), *filters(noise)):
        start, answer = time.monotonic(), jax.jit(lambda m, method=method: method.answer(key, m))
        label = _INPUT if isinstance(method, FirstGuess) else _label(method)
        risk = rank(lambda m: answer(m.replace(noise=None)))
        if noise.shared:                                                         # the input's error is that of two draws of the noise
            risk = replace(risk, value=risk.value - (found[0].risk if found else risk.value / 2))
        found.append(Candidate(label, method, risk.value, risk.error, time.monotonic() - start, risk))
    how = "at held-out pixels, as neighbours share noise" if noise.shared else "by Stein's risk, from the noisy pixels alone"
    best, left_out, fitted = min(found[1:], key=lambda c: c.risk), "", None
    learned = _learned(images, at, window, noise, one, key, hold_out, best, minutes * 60 - (time.monotonic() - began), say) if minutes else None
    if isinstance(learned, str):
        left_out = learned
    elif learned is not None:
        fitted, candidate = learned
        found.append(candidate)
    candidates = tuple(sorted(found, key=lambda c: c.risk))
    if fitted is None or candidates[0].method != fitted.method:
        fitted = fit(candidates[0].method, images)
    return Choice(noise, candidates, _INPUT, fitted, how, one, candidates[0].found, left_out=left_out)


def _label(method):
    width = getattr(method, "sigma", None) or getattr(method, "size", None)
    return method.label if width is None else f"{method.label} ({width})"


def _learned(images, at, window, noise, one, key, hold_out, best, seconds, say):
    """(fitted, candidate) of the network stacked with the best filter, or why there is none."""
    learned, start = network(noise), time.monotonic()
    training = {"batch": _BATCH, "use": "latest", "log_every": 4, "augment": True, "validation": 0.0}
    rows = [row for row in fit(learned, images[:1], steps=12, checkpoint_every=12, **training).history if "seconds" in row]
    each, spent = (rows[-1]["seconds"] - rows[0]["seconds"]) / (rows[-1]["step"] - rows[0]["step"]), time.monotonic() - start
    steps = min(_MOST, int(0.85 * (seconds - 2 * spent) / each))              # it is compiled once more, and applied
    if steps < _FEWEST:
        return f"{max(steps, 0)} steps of {each:.2f} s are what the time allows, and {_FEWEST} are the fewest; give --minutes {(_FEWEST * each + 2 * spent) / 60:.0f}"
    say(f"learning: {learned.label}, {steps} steps of {each:.2f} s")
    method, fitted = Stacked(learned, best.method, 1.0), None

    def trained(shown):
        nonlocal fitted
        image = np.array(images[at], np.float32)
        image[window] = np.asarray(shown.y)
        fitted = fit(method, [*images[:at], image, *images[at + 1:]], steps=steps, checkpoint_every=steps, **training)
        return network_of(shown)

    network_of = lambda m: jnp.asarray(fitted.reconstruct([np.asarray(m.y)])[0])
    ours = hold_out(trained, 1)                                               # which trains it
    if noise.shared:
        theirs = hold_out(jax.jit(lambda m: best.method.answer(key, m.replace(noise=None))), 1)
        (a, y, of_a), (b, _, of_b) = ((risk.made, risk.data, np.zeros_like(risk.made)) for risk in (ours, theirs))
    else:
        J = np.broadcast_to(held_out_pixels(key, one.y.shape[:-1], 4)[..., None], one.y.shape)
        ours, theirs = stein_risk(key, network_of, one), best.found
        (a, y, of_a), (b, _, of_b) = (_seen(risk, np.asarray(one.y), J) for risk in (ours, theirs))
    weight = best_weight(a, b, y, of_a - of_b)
    gained = (weight * (a - b) + b - y) ** 2 - (b - y) ** 2 + 2 * weight * (of_a - of_b)
    value, error = best.risk + float(gained.mean()), float(gained.std() / gained.size**0.5)
    made = {name: weight * getattr(ours, name) + (1 - weight) * getattr(theirs, name) for name in ("made", "moved", "kept") if hasattr(ours, name)}
    label = f"{learned.label} x {weight:.2f} + {best.label} x {1 - weight:.2f}"
    candidate = Candidate(label, replace(method, weight=weight), value, error, time.monotonic() - start, replace(ours, value=value, **made))
    return fitted.with_method(candidate.method), candidate


def _seen(risk, y, J):
    """(h, y, v dh/dy) at the pixels J, by Stein's risk."""
    kept = (risk.squared_errors(y) - (risk.made - y) ** 2 + risk.variance) / 2
    return risk.made[J], y[J], kept[J]


def error_bars(choice: Choice, images: Iterable[np.ndarray], *, redraws: int = 8) -> Iterator[np.ndarray]:
    """The standard error [H, W, C] of the estimate of each image, by `trust.error_bars`, in the noise of the ranked window and scaled by its risk."""
    key = jax.random.key(1)
    estimate = lambda one: jnp.asarray(choice.fitted.reconstruct([np.asarray(one.y)])[0])
    scaled = trust.error_bars(key, estimate, choice.ranked, choice.risk, redraws=redraws)
    for image in images:
        yield trust.error_bars(key, estimate, choice.ranked.replace(y=jnp.asarray(image)), scaled, redraws=redraws).deviation


def denoise_files(
    source: str | Path, output: str | Path, *, minutes: float = 5.0, axes: str | None = None, explain: bool = False, redraws: int = 8,
) -> Choice:
    """Denoise a file, or each of a folder or of a pattern of names, by what suits the first images of them; into files like them.

    Beside each is NAME_error, the standard error of every pixel in float32, of `redraws` estimates in noise drawn anew; 0 leaves it out; and
    beside the first is NAME_report.html, how far its estimate can be trusted.
    Raises `InputError`, before anything is computed, on what cannot be read or written.
    """
    wanted = Wanted(axes=axes, explain=explain, redraws=redraws)
    if not minutes >= 0:
        raise InputError(f"--minutes {minutes:g}; it takes 0, for classical methods alone, or more")
    jobs = check_outputs(Camera(), source, output, redraws)
    line = ProgressLine("denoise", 0)
    choice = choose(_images([path for path, _ in jobs], axes), minutes=minutes, say=line.say)
    wanted.say(line, choice)
    reconstruct_files(choice.fitted.experiment, choice.fitted.folder, source, output, axes=axes, report=report_of(jobs[0][1]))
    for path, place in jobs if redraws else []:
        _write_bars(choice, files.open_image(path, axes), files.beside_in_float(place, "error"), redraws)
    return choice


def _write_bars(choice, picture, place, redraws):
    """NAME_error of a picture."""
    like, sources = replace(picture, array=jax.ShapeDtypeStruct(picture.array.shape, np.float32)), files.stored(picture, 2)
    line = ProgressLine("error bars", len(sources), unit="images")
    with files.writer(like, place) as written:
        targets = files.targets(written, like, 2)
        for k, deviation in enumerate(error_bars(choice, (np.asarray(image, np.float32) for image in sources), redraws=redraws)):
            targets[k][:, :] = deviation
            line.update(k + 1, None)
    line.close()
    line.say(f"wrote {place}: the standard error of each pixel")


def _images(paths, axes):
    """The first images [H, W, C] of the files, as many as are held in memory."""
    found, numbers = [], 0
    for path in paths:
        picture = files.open_image(path, axes)
        for image in files.stored(picture, 2):
            numbers += int(np.prod(image.shape))
            if found and (numbers > files.IN_MEMORY or len(found) == _IMAGES or image.shape[-1] != found[0].shape[-1]):
                return found
            found.append(np.asarray(image, np.float32))
    return found
