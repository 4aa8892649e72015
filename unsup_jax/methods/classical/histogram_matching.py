r"""Histogram matching: the optimal transport of grey levels alone, pixel by pixel.

    x^ = F_x^{-1}(F_y(y))

for the distribution functions F of the grey levels of measurements and of unpaired images, channel by channel, from their quantiles: the one
monotone map that gives y the histogram of x. What a method that learns images is to be better than.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import REAL_IMAGES, Measurement, Method, Takes, all_replicas
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError


class Quantiles(struct.PyTreeNode):
    """Means over the batches that were seen, [quantiles, C]."""

    batches: Array
    y: Array
    x: Array


@dataclass(frozen=True)
class HistogramMatching(Method):
    """The monotone map of y's grey levels to those of unpaired images. Raises `InputError` on fewer than two quantiles."""

    sees: ClassVar[frozenset[str]] = frozenset({"unpaired"})
    takes: ClassVar[Takes] = REAL_IMAGES
    reference: ClassVar[str] = "Gonzalez & Woods, ch. 3"

    quantiles: int = 256
    """Points of the map, from the least grey level to the largest."""

    def __post_init__(self):
        if self.quantiles < 2:
            raise InputError(f"HistogramMatching takes two quantiles or more, not {self.quantiles}")

    def init(self, key: Array, example: Measurement) -> Quantiles:
        self.require(jax.tree.map(lambda leaf: leaf[0], example))
        none = jnp.zeros((self.quantiles, example.y.shape[-1]))
        return Quantiles(jnp.zeros(()), none, none)

    def update(self, key: Array, state: Quantiles, batch: Measurement) -> tuple[Quantiles, Metrics]:
        at = jnp.linspace(0, 1, self.quantiles)
        seen = (jnp.quantile(images.reshape(-1, images.shape[-1]), at, axis=0) for images in all_replicas((batch.y, batch.unpaired)))
        batches = state.batches + 1
        y, x = (mean + (new - mean) / batches for mean, new in zip((state.y, state.x), seen))
        return Quantiles(batches, y, x), {}

    def reconstruct(self, key: Array, state: Quantiles, measurement: Measurement) -> Array:
        matched = jax.vmap(jnp.interp, (-1, -1, -1), -1)(measurement.y, state.y, state.x)
        return matched.astype(measurement.y.dtype)
