"""Inference: how a method is applied to measurements, the same for runs, files and arrays.

A trained method reconstructs whole images, spread over the devices, and large ones in tiles where its reach allows that;
a method of measurement scope is solved for each of them, in pieces, so that it shows how far it is and can be gone on with. All devices
share a large measurement, a slab of its slices each, where the method and the operator allow that.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from unsup_jax.core import Measurement, Method
from unsup_jax.data.parts import in_memory
from unsup_jax.errors import InputError
from unsup_jax.evaluate.tiling import in_tiles
from unsup_jax.operators import Identity
from unsup_jax.train import Solver, iterate, parallel
from unsup_jax.train.answers import Answers

WHOLE_IMAGE_PIXELS = 1024**2  # a larger image is reconstructed in tiles where the method allows it
SPREAD_NUMBERS = 4 * 1024**2  # of a measurement; larger ones are reconstructed one after another, for their memory
LOSSES = {"loss": "loss", "held_out": "validation_loss"}  # of a solver's trace, by the names that a training's metrics have
_TOGETHER = 4  # draws that a device makes at a time
SAVED_EVERY = 30.0  # seconds between two saves of a solution on its way

Estimate = tuple[np.ndarray, float, dict[str, np.ndarray]]


def estimator(
    method: Method, state: Any, key, *, start_from: Any = None, answers: Answers | None = None,
    report: Callable[[int, dict[str, float]], None] | None = None, devices: int | None = None,
    say: Callable[[str], None] | None = None,
) -> Callable[..., Iterator[Estimate]]:
    """`reconstruct(measurements, count=None)`: of each measurement its estimate, the seconds that took, compilation apart,
    and the losses on the way.

    The measurements are a list, or an iterable of `count` of one shape; those on the disk are read in their turn. They are
    spread over the devices, one at a time on each; large images are reconstructed in tiles where the method allows it, and
    else one after another. A method of measurement scope begins with theta `start_from` where that is given; the losses are of
    its steps, `report(steps, metrics)` is told of them, and `answers` keeps what it has found, and goes on with what it holds. `devices`
    is as `shared` takes it; `say` is told who holds what.
    """
    apply = parallel.spread(lambda key, state, m: method.reconstruct(key, state, m))
    answered = lambda key, _, solved: method.reconstruct(key, *solved)
    answer = {None: parallel.spread(answered)}                      # by the slabs that it is of
    solver = Solver(method, key, start_from=start_from) if method.scope == "measurement" else None
    fill, found = None, 0                                           # found: measurements that were answered

    def reconstruct(measurements, count=None):
        nonlocal fill
        if count is None:
            for alike in (list(group) for _, group in itertools.groupby(measurements, _shape)):
                yield from reconstruct(alike, len(alike))
            return
        measurements = _checked(method, measurements)
        first = next(measurements)
        measurements = itertools.chain([first], measurements)
        frame = first.y.shape[:-1]
        most = None if np.size(first.y) <= SPREAD_NUMBERS else 1
        if solver is not None:
            slabs = shared(method, first, devices)
            if slabs is not None:
                most = 1
                answer.setdefault(slabs, slabs.spread(answered))
                if say is not None:
                    say(f"{method.label}: {slabs.describe()}")
            while turn := list(itertools.islice(measurements, parallel.local_device_count() if most is None else most)):
                yield from solved(turn, slabs)
        elif not method.tiles(first.operator) or np.prod(frame) <= WHOLE_IMAGE_PIXELS:
            yield from ((estimate, seconds, {}) for estimate, seconds in apply(key, state, measurements, count, most=most))
        else:
            fill = fill or tiled(method, state, key)
            for one in measurements:
                target = np.zeros(one.y.shape, np.float32)
                seconds = fill([one.y], [target], frame, noise=one.noise, pairs=None if one.pair is None else [one.pair])
                yield target, seconds, {}

    def solved(turn, slabs):
        """The answers of as many measurements as are solved side by side, or of one that devices share."""
        nonlocal found
        first, found, turn = found, found + len(turn), in_memory(turn)
        kept = [None if answers is None else answers.get(k) for k in range(first, found)]
        if all(one is not None for one in kept):
            yield from kept
            return
        saved_at = time.monotonic()

        def save(at):
            nonlocal saved_at
            if answers is not None and time.monotonic() - saved_at > SAVED_EVERY:
                answers.save(first, at)
                saved_at = time.monotonic()

        told = None if report is None else lambda steps, metrics: report(first * method.steps + steps * len(turn), metrics)
        turn = turn if slabs is None else [slabs.place(one) for one in turn]
        at, seconds = solver(
            turn, saved=None if answers is None else lambda like: answers.saved(first, like), report=told, save=save, slabs=slabs)
        shown = [(solving.answer, one) for (solving, _), one in zip(at, turn)]
        for k, (estimate, more) in enumerate(answer[slabs](key, None, shown, len(turn))):
            estimate = np.asarray(estimate)
            losses = {metric: np.asarray(at[k][1][name]) for name, metric in LOSSES.items() if name in at[k][1]}
            if answers is not None:
                answers.put(first + k, estimate, seconds + more, losses)
            yield estimate, seconds + more, losses

    return reconstruct


def shared(method: Method, measurement: Measurement, devices: int | None) -> parallel.Slabs | None:
    """How devices of this process share ONE measurement that a method of measurement scope is solved for; None: they do not.

    `devices` of them, or where it is None as many as share a large one evenly, if they can. Raises `InputError` where so many cannot.
    """
    large = np.size(measurement.y) > SPREAD_NUMBERS
    if method.scope != "measurement" or devices == 1 or devices is None and not large:
        return None
    try:
        if not method.slabwise:
            raise InputError(f"{method.label} cannot be shared by devices: it is no iteration of an operator and of a prior of neighbouring pixels")
        slabs = parallel.Slabs.of(measurement, devices)
    except InputError:
        if devices is not None:
            raise
        return None
    return slabs if len(slabs.devices) > 1 else None


def sampler(method: Method, state: Any, key, count: int) -> Callable[[Measurement], Iterator[np.ndarray]]:
    """`draws(measurement)`: `count` draws [*S, C] of x given ONE measurement by a method that draws, one after another, others of each measurement.

    A method of measurement scope, which has no `state` before, is solved for every few of them. A few are made at a time on every
    device; the first ones are the same whatever their count and that of the devices.
    """
    few = replace(method, draws=_TOGETHER)
    measured = itertools.count()

    def made(key, state, turn):
        key, one = jax.random.fold_in(key, turn[0]), turn[1]
        return few.posterior(key, iterate(few, key, one)[0] if few.scope == "measurement" else state, one)

    spread = parallel.spread(made)

    def draws(measurement):
        turns = -(-count // _TOGETHER)
        own = jax.random.fold_in(key, next(measured))
        if method.scope == "measurement":
            method.check(measurement)
        turned = spread(own, state, ((np.int32(turn), measurement) for turn in range(turns)), turns)
        return itertools.islice((draw for few, _ in turned for draw in few), count)

    return draws


def _checked(method, measurements):
    for measurement in measurements:
        method.check(measurement)
        yield measurement


def _shape(measurement):
    """What measurements that one compilation serves have in common."""
    return jax.tree.structure(measurement), [(np.shape(leaf), getattr(leaf, "dtype", type(leaf))) for leaf in jax.tree.leaves(measurement)]


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


class _Beside:
    """An image and its pair as the channels of one, read where it is sliced."""

    def __init__(self, y, pair):
        self._both = y, pair

    def __getitem__(self, window):
        return np.concatenate([np.asarray(image[window]) for image in self._both], -1)
