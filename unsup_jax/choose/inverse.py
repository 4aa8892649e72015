r"""A method for a measurement y = H x + w of a linear operator, chosen from y alone: what deconvolution, MRI and tomography share.

    rank      by Stein's risk of the image, in so far as the data resolve it (`trust.stein_risk`, of="image"), all along the same direction:
              the difference of two risks, in which most chance falls out, with a tenth of the usual mu, so that finer detail counts; and
              the risk of the best, from which the others' are counted, with all of it

Where an isometry is sampled in part, as k-space is, what decides is what was not sampled, and the level of the noise is hardly known:
there, they are ranked at samples that are held out (`trust.held_out_risk`). So they are where pixels of an image share their noise with their
neighbours, of which Stein's risk takes part for signal, at pixels whose neighbourhood is hidden too; that says how well the data, not the
image, are predicted.

No network is among the candidates. An unrolled one that learnt by SSDU to predict hidden pixels of a blurred image within 3.3 grey levels, by that
estimate, was 60 off the truth, where total variation is 6: what a blur hides, held-out samples do not tell of.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.choose.candidates import Candidate, Choice
from unsup_jax.choose.look import REACH, Noise, noise_of_measurement
from unsup_jax.core import Measurement, Method
from unsup_jax.fitted import fit
from unsup_jax.train import parallel
from unsup_jax.train.solve import begin, step
from unsup_jax.trust import held_out_risk, stein_risk

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
    seed: int = 0, say: Callable[[str], None] = lambda text: None,
) -> Choice:
    """The method for measurements of one kind, chosen from them alone, and fitted. The first of the `families` is the plainest inverse.

    Raises `InputError` on data of which nothing can be said.
    """
    parallel.leave_room_for_callbacks()
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
    if risk.value < -5 * risk.error:
        say(f"the noise seems to be smaller than it is taken for: how far {best.label} is off the truth is told too small, the differences are not")
    found = [c._replace(risk=max(risk.value, risk.error) + unit_of_rank * (c.risk - least), error=unit_of_rank * c.error) for c in found]
    candidates = tuple(sorted(found, key=lambda c: c.risk))
    taken = candidates[0]
    fitted = fit(taken.method, [np.asarray(one.y)], operator=[one.operator], noise=noise.model, dimensions=_dimensions(one))
    return Choice(noise, candidates, found[0].label, fitted, how, one, taken.found, unit)


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
