r"""A method for a measurement y = H x + w of a linear operator, chosen from y alone: what deconvolution, MRI and tomography share.

    rank      by Stein's risk of the image, in so far as the data resolve it (`trust.stein_risk`, of="image"), all along the same direction:
              the difference of two risks, in which most chance falls out, with a tenth of the usual mu, so that finer detail counts; and
              the risk of the best, from which the others' are counted, with all of it
    learn     an unrolled network by SSDU, the samples Gamma hidden from its training; its risk is that of the best classical candidate b,

                  risk_b (e_theta - v) / (e_b - v),       e = mean over Gamma of |H F(y without Gamma) - y|^2

Where an isometry is sampled in part, as k-space is, what decides is what was not sampled, and the level of the noise is hardly known:
there, they are ranked at samples that are held out (`trust.held_out_risk`). So they are where pixels of an image share their noise with their
neighbours, of which Stein's risk takes part for signal, at pixels whose neighbourhood is hidden too; that says how well the data, not the
image, are predicted.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.choose.candidates import Candidate, Choice
from unsup_jax.choose.look import Noise, noise_of_measurement
from unsup_jax.core import Adam, Measurement, Method
from unsup_jax.fitted import fit
from unsup_jax.losses import Split, restricted
from unsup_jax.methods import SSDU
from unsup_jax.networks import ResNet, Unrolled
from unsup_jax.train import parallel
from unsup_jax.train.solve import begin, step
from unsup_jax.trust import held_out_risk, stein_risk

REACH = 3                    # pixels, of noise that neighbours share
_FEWEST, _MOST = 100, 2000   # steps of a training that is worth its time
_HIDDEN = 0.1                # of the samples, from the training
_REGULARISED = 0.1           # mu of the risk, in units of noise over signal


@dataclass(frozen=True)
class Family:
    """A method at several values of one of its numbers, which are compiled together."""

    label: str
    """With {} in the place of the number."""
    of: Callable[[Any], Method]
    """The method of a value."""
    values: tuple[Any, ...] = (None,)

    def answering(self, key: jax.Array) -> Callable[[Any, Measurement], jax.Array]:
        """answer(value, one): the estimate of x from one measurement."""
        @jax.jit
        def answer(value, one):
            method = self.of(value)
            at = jax.lax.fori_loop(0, method.steps, lambda _, at: step(method, key, one, at)[0], begin(method, key, one))
            return method.reconstruct(key, at.answer, one)

        return answer


def choose(
    measurements: Sequence[Measurement], families: Callable[[Measurement, Noise], Sequence[Family]], *, unit: str = "grey levels",
    minutes: float = 5.0, seed: int = 0, say: Callable[[str], None] = lambda text: None,
) -> Choice:
    """The method for measurements of one kind, chosen from them alone, and fitted. The first of the `families` is the plainest inverse.

    `minutes` are those of the learned candidate, compilation and ranking in them; 0 for none. Raises `InputError` on data of which
    nothing can be said.
    """
    parallel.leave_room_for_callbacks()
    began = time.monotonic()
    one, key = measurements[len(measurements) // 2], jax.random.key(seed)
    noise = noise_of_measurement(one)
    say(f"noise: {noise.words}")
    one = jax.tree.map(jnp.asarray, one.only(()).replace(noise=noise.model))
    how, rank, unit_of_rank, anchor = _ranking(key, one, noise)
    found, answers = [], {}
    for family in families(one, noise):
        answer = family.answering(key)
        for value in family.values:
            start, label = time.monotonic(), family.label.format(value)
            answers[label] = lambda m, answer=answer, value=value: answer(value, m)
            risk = rank(answers[label])
            found.append(Candidate(label, family.of(value), risk.value, risk.error, time.monotonic() - start, risk))
        best = min(found, key=lambda c: c.risk)
        say(f"tried {family.label.partition(',')[0]}: the best so far is {best.label}")
    risk, least = anchor(answers[best.label]), best.risk
    found = [c._replace(risk=max(risk.value, risk.error) + unit_of_rank * (c.risk - least), error=unit_of_rank * c.error) for c in found]
    best, fitted, left_out = min(found, key=lambda c: c.risk), None, ""
    if minutes:
        learned = _learned(key, measurements, one, best, answers[best.label], minutes * 60 - (time.monotonic() - began), say)
        if isinstance(learned, str):
            left_out = learned
        else:
            fitted, candidate = learned
            found.append(candidate)
    candidates = tuple(sorted(found, key=lambda c: c.risk))
    taken = candidates[0]
    if fitted is None or taken.method != fitted.method:
        fitted = fit(taken.method, [np.asarray(one.y)], operator=[one.operator], noise=noise.model, dimensions=_dimensions(one))
    return Choice(noise, candidates, found[0].label, fitted, how, left_out, one, taken.found, unit)


def _ranking(key, one, noise):
    """(in words, the risk of an estimator up to a factor and a constant, that factor, the risk)."""
    H, image = one.operator, lambda F: stein_risk(key, F, one, of="image")
    if noise.shared:
        dimensions = one.y.ndim - 1
        extent, width = (*(0,) * (dimensions - 2), REACH, REACH), 16 if dimensions == 2 else 8
        hidden = lambda F: held_out_risk(key, F, one, folds=4, width=width, extent=extent)
        return "at held-out pixels, as neighbours share noise", hidden, 1.0, hidden
    if H.isometric:
        numbers = one.y.size / np.prod(H.domain(one.y).shape)
        return "at held-out samples", lambda F: held_out_risk(key, F, one, folds=3), numbers, image
    return "by Stein's risk of the image, from the data alone", lambda F: stein_risk(key, F, one, of="image", regularised=_REGULARISED), 1.0, image


def _dimensions(one):
    """The axes of x that are space."""
    return len(one.operator.domain(one.y).shape) - 1


def network() -> SSDU:
    """The learned candidate."""
    return SSDU(
        network=Unrolled(regularizer=ResNet(depth=3, width=24)), split=Split(fraction=0.3, selection="uniform"), masks=0,
        optimizer=Adam(learning_rate=1e-3, average=0.99))


def _learned(key, measurements, one, best, answer, seconds, say):
    """(fitted, candidate) of the network, or why there is none."""
    method, start, Gamma = network(), time.monotonic(), Split(_HIDDEN, "uniform")
    hide = lambda k, m: Gamma.draw(jax.random.fold_in(key, k), m.operator, jnp.asarray(m.y))
    alike = [m for m in measurements if np.shape(m.y) == np.shape(one.y)]
    parts = [restricted(m, hide(k, m)[0]) for k, m in enumerate([one, *(m for m in alike if m is not measurements[len(measurements) // 2])])]
    arrays, operators = [np.asarray(m.y) for m in parts], [m.operator for m in parts]
    training = {"batch": min(4, len(parts)), "use": "latest", "log_every": 2, "validation": 0.0, "dimensions": _dimensions(one)}
    train = lambda steps: fit(method, arrays, operator=operators, steps=steps, checkpoint_every=steps, **training)
    rows = [row for row in train(6).history if "seconds" in row]
    each, spent = (rows[-1]["seconds"] - rows[0]["seconds"]) / (rows[-1]["step"] - rows[0]["step"]), time.monotonic() - start
    steps = min(_MOST, int(0.85 * (seconds - 2 * spent) / each))              # it is compiled once more, and applied
    if steps < _FEWEST:
        return f"{max(steps, 0)} steps of {each:.2f} s are what the time allows, and {_FEWEST} are the fewest; give --minutes {(_FEWEST * each / 0.85 + 2 * spent) / 60 + 1:.0f}"
    say(f"learning: {method.label}, {steps} steps of {each:.2f} s")
    fitted = train(steps)
    F = lambda m: jnp.asarray(fitted.reconstruct([np.asarray(m.y)], operator=[m.operator])[0])
    shown, held = restricted(one, hide(0, one)[0]), np.broadcast_to(np.asarray(hide(0, one)[1]) > 0, one.y.shape)
    y, v = np.asarray(one.y)[held], np.asarray(one.noise.variance(one.y))[held].mean()
    off = lambda F: np.abs(np.asarray(one.operator(F(shown)))[held] - y) ** 2 - v
    ours, theirs = off(F), off(answer)
    scale = best.risk / max(theirs.mean(), theirs.std() / theirs.size**0.5)
    value, error = best.risk + scale * float((ours - theirs).mean()), scale * float((ours - theirs).std() / ours.size**0.5)
    return fitted, Candidate(method.label, fitted.method, value, error, time.monotonic() - start, best.found)
