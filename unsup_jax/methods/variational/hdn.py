r"""Hierarchical DivNoising, HDN (Prakash, Delbracio, Milanfar and Jug, ICLR 2022): DivNoising by a ladder of latents z_1 ... z_n.

    p(z) = p(z_n) prod_{i<n} p(z_i | z_{>i})                             the prior, learned but for its top
    q(z|y) = q(z_n | y) prod_{i<n} q(z_i | z_{>i}, y)                    drawn from the top down
    loss = -E_q log p_NM(y | G_theta(z)) + beta sum_i max(KL_i, lambda)    (20), a pixel
    KL_i = D_KL(q(z_i | z_{>i}, y) || p(z_i | z_{>i}))                   of normals, in closed form

Coarse levels hold what is large and fine ones the details, which one level of latents cannot tell from noise; lambda nats of
a level (`free_bits`) are not charged, so that none falls empty. Draws, MMSE and MAP are those of DivNoising, and so are
the likelihoods.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import LearnedState, Measurement
from unsup_jax.losses import importance_bound, normal_divergence
from unsup_jax.methods.variational.divnoising import DivNoising
from unsup_jax.networks import Ladder, Level, Network
from unsup_jax.noise import normal_log_density


@dataclass(frozen=True)
class HDN(DivNoising):
    """DivNoising of several levels of latents. Raises what `DivNoising` does."""

    reference: ClassVar[str] = "Prakash 2022"

    network: Network = Ladder()
    """q(z|y), p(z) and G_theta, fully convolutional; its channels are set."""
    free_bits: float = 1.0
    """lambda, nats of each level that are not charged."""

    def init_params(self, key: Array, example: Measurement):
        return self._network(example.y).init(key, key, example.y)

    def levels(self, key: Array, params, one: Measurement) -> tuple[tuple[Array, Array | None], tuple[Level, ...]]:
        """x(z) of one z ~ q(z|y), with log v where that is learned, and its levels, the finest first."""
        out, levels = self._network(one.y).apply(params, key, one.y)
        return self.signal(out, one), levels

    def infer(self, key: Array, params, one: Measurement) -> tuple[tuple[Array, Array | None], Array]:
        """x(z) of one z ~ q(z|y), and KL_i of each level [n]."""
        x, levels = self.levels(key, params, one)
        return x, jnp.stack([jnp.sum(level_divergence(level)) for level in levels])

    def bound(self, key: Array, params, one: Measurement, draws: int) -> Array:
        def terms(key):
            x, levels = self.levels(key, params, one)
            log_prior, log_posterior = level_log_densities(levels)
            return jnp.sum(self.log_likelihood(one, *x)) + log_prior, log_posterior

        return importance_bound(*jax.lax.map(terms, jax.random.split(key, draws)))

    def images(self, state: LearnedState, measurement: Measurement) -> dict[str, Array]:
        return {}

    def _network(self, y):
        return self.network.clone(channels=y.shape[-1] * (2 if self.likelihood == "learned" else 1))


def level_divergence(level: Level) -> Array:
    """D_KL(q || p) of each latent of a level, nats."""
    return normal_divergence(
        level.mean, level.log_variance, prior_mean=level.prior_mean, prior_deviation=jnp.exp(0.5 * level.prior_log_variance))


def level_log_densities(levels: tuple[Level, ...]) -> tuple[Array, Array]:
    """log p(z) and log q(z|y) of a draw of all levels, nats."""
    log_prior = sum(jnp.sum(normal_log_density(z.z - z.prior_mean, jnp.exp(z.prior_log_variance))) for z in levels)
    return log_prior, sum(jnp.sum(normal_log_density(z.z - z.mean, jnp.exp(z.log_variance))) for z in levels)
