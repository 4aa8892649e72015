r"""EM diffusion: D learnt from measurements by drawing the images that they were of (Rozet et al., NeurIPS 2024).

    E    x_i ~ p(x | y_i) ~ p(y_i | x) p_theta(x)                                   of P measurements, by a sampler with D of the lap before
    M    theta <- argmin E w(sigma) ||D(x_i + sigma n; sigma) - x_i||^2             a score model of the draws

in turn, a lap each, for which the likelihood of all measurements rises. The network that has not been trained is 0, and D = c_skip x then the
denoiser of white Gaussian images of the mean and the deviation of x: from this p(x) the first lap draws.
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.core import Measurement, all_replicas, own_share, sample_keys
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError
from unsup_jax.methods.score.from_measurements import FromMeasurements
from unsup_jax.methods.score.mmps import MMPS
from unsup_jax.methods.score.sampler import Sampler
from unsup_jax.methods.score.score import Score, ScoreState


class EMState(ScoreState):
    """Also what a lap works with."""

    prior: Any
    """theta at the beginning of the lap, which draws."""
    drawn: Array
    """[P, *S, C]: x_i."""


@dataclass(frozen=True)
class EMDiffusion(FromMeasurements):
    """D from measurements of any operators that its sampler takes.

    Raises `InputError` on fewer than one draw or update, on a D that is not that of white images before its training, and, in training, on
    laps that are over before their draws are made, and on batches of more than those draws.
    """

    reference = "Rozet 2024"

    expectation: Sampler = MMPS(levels=16)
    """How x_i are drawn."""
    pool: int = 256
    """P: draws of a lap, each of a measurement."""
    lap: int = 100
    """Updates of theta from one E to the next; the first of them draw too, each of the measurements of its batch."""

    def __post_init__(self):
        super().__post_init__()
        if self.pool < 1 or self.lap < 1:
            raise InputError(f"EMDiffusion needs pool and lap of 1 or more, not {self.pool} and {self.lap}")
        if not self.parameterization.begins_white:
            raise InputError(f"EMDiffusion begins with D = c_skip x of white images, as EDM has it, not {type(self.parameterization).__name__}")

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        self.expectation.check(measurement)

    def tiny(self) -> "EMDiffusion":
        return replace(super().tiny(), expectation=replace(self.expectation, levels=3), pool=4, lap=2)

    def init(self, key: Array, example: Measurement) -> EMState:
        state = super().init(key, example)
        drawn = jnp.zeros((self.pool, *state.shape), jnp.complex64 if state.is_complex else jnp.float32)
        return EMState(state.trained, state.scale, state.shape, state.is_complex, state.params, drawn)

    def start_from(self, state: EMState, params: Any) -> EMState:
        return super().start_from(state, params).replace(prior=params)

    def update(self, key: Array, state: EMState, batch: Measurement) -> tuple[EMState, Metrics]:
        of_x, of_pick, of_theta = jax.random.split(key, 3)
        state = self.drawing(of_x, state, batch)
        return super().update(of_theta, state, self.picked(of_pick, state, batch))

    def validate(self, key: Array, state: EMState, batch: Measurement) -> Metrics:
        of_pick, of_theta = jax.random.split(key)
        return super().validate(of_theta, state, self.picked(of_pick, state, batch))

    def drawing(self, key: Array, state: EMState, batch: Measurement) -> EMState:
        """E: x_i of a batch, while the lap has not all of its draws."""
        count = self._batch(batch)
        if not count <= self.pool <= self.lap * count:
            raise InputError(f"EMDiffusion draws {self.pool} images in a lap of {self.lap} updates, {count} an update: too few or too many")
        turn = state.trained.steps % self.lap
        prior = jax.tree.map(lambda new, old: jnp.where(turn == 0, new, old), state.params, state.prior)
        D = self.denoiser(state.replace(trained=state.trained.replace(params=prior, average=None)))

        def draw(key, one):
            seen = self.expectation.observed(one)
            return seen.restored(self.expectation.draw(key, D, seen))

        places = (turn * count + jnp.arange(count)) % self.pool
        draws, own = turn * count < self.pool, state.drawn[own_share(places)]
        new = lax.cond(draws, lambda: jax.vmap(draw)(sample_keys(key, batch.y.shape[0]), batch).astype(own.dtype), lambda: own)
        return state.replace(prior=prior, drawn=state.drawn.at[places].set(all_replicas(new)))

    def picked(self, key: Array, state: EMState, batch: Measurement) -> Measurement:
        """The batch with draws in the place of clean images, of those that have been made."""
        made = jnp.clip(state.trained.steps * self._batch(batch) + self._batch(batch), 1, self.pool)
        pick = lambda key: jax.random.randint(key, (), 0, made)
        places = jax.vmap(pick)(sample_keys(key, batch.y.shape[0]))
        return batch.replace(unpaired=state.drawn[places])

    _in_units = Score._in_units

    def _batch(self, batch):
        """Measurements of an update, on all replicas."""
        return all_replicas(jnp.zeros(batch.y.shape[0])).shape[0]
