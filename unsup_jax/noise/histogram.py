"""Noise learned as a table: p(y | s) over bins of the signal s = H(x) and of y.

It is fitted to pairs of noisy observations and signals: calibration images, or the images themselves and their denoised
estimates.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core.measurement import Scale
from unsup_jax.core.neighbours import linear_weights, neighbours
from unsup_jax.errors import InputError
from unsup_jax.noise.base import NoiseModel


class Histogram(NoiseModel):
    """p(y | s) constant in each cell of a table over signals and observations between `low` and `high`.

    Values beyond the range count as at its border.
    """

    log_mass: Array
    """log of the probability of [signal bin, observation bin]; each row sums to one."""
    low: Array | float
    """Grey value at the lower border of the first bin."""
    high: Array | float
    """Grey value at the upper border of the last bin."""

    @classmethod
    def fit(cls, noisy: np.ndarray, clean: np.ndarray, *, bins: int = 256, range: tuple[float, float] | None = None) -> "Histogram":
        """The table of pairs of an observation and its signal, arrays of one shape; empty cells hold a 1e-10 part.

        Raises `InputError` where the shapes differ.
        """
        if np.shape(noisy) != np.shape(clean):
            raise InputError(f"Histogram.fit: observations {np.shape(noisy)} and signals {np.shape(clean)} differ in shape")
        low, high = range or (float(min(np.min(noisy), np.min(clean))), float(max(np.max(noisy), np.max(clean))))
        counts, _, _ = np.histogram2d(np.ravel(clean), np.ravel(noisy), bins=bins, range=[(low, high)] * 2)
        counts = counts + 1e-10
        filled = counts.sum(1) > 1e-6
        nearest = np.abs(np.arange(bins)[:, None] - np.flatnonzero(filled)[None]).argmin(1) if filled.any() else np.arange(bins)
        rows = counts[np.flatnonzero(filled)[nearest]] if filled.any() else counts  # a signal never seen: as its neighbour
        mass = rows / rows.sum(1, keepdims=True)
        return cls(jnp.asarray(np.log(mass), jnp.float32), jnp.float32(low), jnp.float32(high))

    def sample(self, key: Array, clean: Array) -> Array:
        choose, place = jax.random.split(key)
        bin = jax.random.categorical(choose, self.log_mass[self._bin(clean)])
        within = jax.random.uniform(place, clean.shape, clean.dtype)
        return (self.low + (bin.astype(clean.dtype) + within) * self._width()).astype(clean.dtype)

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """The logarithm of the cell's density, interpolated linearly along the signal so that it has a gradient."""
        bins = self.log_mass.shape[0]
        place = jnp.clip((clean - self.low) / self._width() - 0.5, 0, bins - 1)
        near = neighbours(place, 2)
        cells = self.log_mass[jnp.clip(near, 0, bins - 1), self._bin(noisy)[..., None]]
        return jnp.sum(linear_weights(place, near) * cells, -1) - jnp.log(self._width())

    def variance(self, clean: Array) -> Array:
        mass, bins = jnp.exp(self.log_mass), jnp.arange(self.log_mass.shape[1]).astype(jnp.float32)
        spread = mass @ jnp.square(bins) - jnp.square(mass @ bins)
        return spread[self._bin(clean)] * jnp.square(self._width())

    def normalize(self, scale: Scale) -> "Histogram":
        return Histogram(self.log_mass, scale.normalize(self.low), scale.normalize(self.high))

    def _width(self):
        return (self.high - self.low) / self.log_mass.shape[0]

    def _bin(self, value):
        return jnp.clip(jnp.floor((value - self.low) / self._width()), 0, self.log_mass.shape[0] - 1).astype(jnp.int32)
