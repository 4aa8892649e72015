r"""The Gaussian of the samples' mean and covariance: what second moments alone make, and a generator must be better than.

    m = E x,   C = E x x^T - m m^T,        sample m + C^{1/2} u,   u ~ N(0, I)
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import ANYTHING, Measurement, Method, Takes, mean_over_replicas
from unsup_jax.core.method import Metrics


class Moments(struct.PyTreeNode):
    """Means over the samples that were seen."""

    batches: Array
    first: Array
    """[*S, C]."""
    second: Array
    """Of the products of pixels, [*S C, *S C]."""


@dataclass(frozen=True)
class GaussianLaw(Method):
    """N(m, C) of the unpaired samples; C has the square of the pixels as entries, so images are small."""

    sees: ClassVar[frozenset[str]] = frozenset({"unpaired"})
    takes: ClassVar[Takes] = ANYTHING
    reference: ClassVar[str] = "second moments"

    def init(self, key: Array, example: Measurement) -> Moments:
        x = example.unpaired[0]
        return Moments(jnp.zeros((), jnp.int32), jnp.zeros_like(x), jnp.zeros((x.size, x.size), x.dtype))

    def update(self, key: Array, state: Moments, batch: Measurement) -> tuple[Moments, Metrics]:
        x = batch.unpaired.reshape(batch.unpaired.shape[0], -1)
        first, second = mean_over_replicas((batch.unpaired.mean(0), x.T @ x / x.shape[0]))
        part = 1 / (state.batches + 1).astype(x.dtype)
        return Moments(state.batches + 1, state.first + part * (first - state.first), state.second + part * (second - state.second)), {}

    def sample(self, key: Array, state: Moments, count: int) -> Array:
        """m + C^{1/2} u."""
        mean = state.first.ravel()
        values, vectors = jnp.linalg.eigh(state.second - mean[:, None] * mean[None])
        u = jax.random.normal(key, (count, mean.size)) * jnp.sqrt(jnp.maximum(values, 0))[None]
        return (mean[None] + u @ vectors.T).reshape(count, *state.first.shape)
