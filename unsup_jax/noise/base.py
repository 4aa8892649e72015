"""A noise model: how y departs from H(x), as a sampler and as a likelihood."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core.measurement import Scale
from unsup_jax.core.phasors import weighted
from unsup_jax.errors import InputError


class NoiseModel(struct.PyTreeNode):
    """p(y | clean), pixel by pixel, where `clean` is H(x)."""

    white: ClassVar[bool] = False
    """y = clean + w, w Gaussian, the same whatever the signal and independent between pixels."""

    def sample(self, key: Array, clean: Array) -> Array:
        """y ~ p(. | clean), with the shape and type of `clean`."""
        raise NotImplementedError

    def reparametrized(self, key: Array, clean: Array) -> Array:
        """`sample`, as y = clean + sqrt(Var[y | clean]) w with the w that was drawn: it has derivatives in `clean`, of counts too.

        Averaged over w they are those of E[y] and E[y^2].
        """
        variance, w = self.variance(clean), jax.lax.stop_gradient(self.sample(key, clean) - clean)
        deviation = jnp.sqrt(jnp.where(variance > 0, variance, 1))
        return clean + jnp.where(variance > 0, weighted(deviation / jax.lax.stop_gradient(deviation), w), w)

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """log p(noisy | clean) of each pixel."""
        raise NotImplementedError

    def variance(self, clean: Array) -> Array:
        """Var[y | clean] of each pixel."""
        raise NotImplementedError

    def normalize(self, scale: Scale) -> "NoiseModel":
        """The same noise in the units of grey of `scale`."""
        raise NotImplementedError

    def shifted(self, offset: float) -> "NoiseModel":
        """The same noise of grey levels from which `offset` was taken."""
        return self.normalize(Scale(jnp.float32(offset), jnp.float32(1))) if offset else self

    def estimated_variance(self, noisy: Array) -> Array:
        """An unbiased estimate of Var[y | x] of each pixel from y alone; `InputError` of a model that has none."""
        raise InputError(f"{type(self).__name__} noise has no variance that is known from y alone")

    def recorrupted(self, key: Array, noisy: Array, alpha: float) -> tuple[Array, Array]:
        """(y1, y2) made of y so that E[y2 | y1] = E[H x | y1]; `alpha` in (0, 1). `InputError` of a model that has none."""
        raise InputError(f"{type(self).__name__} noise cannot be made into two independent parts")

    def halves(self, key: Array, noisy: Array) -> tuple["NoiseModel", Array, Array]:
        """(their noise model, y1, y2): two measurements of E[y] in independent noise of twice the variance. `InputError` of a model that has none."""
        raise InputError(f"{type(self).__name__} noise cannot be parted into independent halves")

    def posterior_mean(self, noisy: Array, score: Array) -> Array:
        """E[x | y] from the score grad log p(y): Tweedie's formula. `InputError` of a model that has none."""
        raise InputError(f"{type(self).__name__} noise has no posterior mean that is known from the score of y")

    def signal(self, free: Array) -> Array:
        """The signal that any real number stands for: itself, unless some are no signals; smooth."""
        return free

    def camera(self) -> tuple[Array, Array, Array] | None:
        """(gain, sigma, offset) where Var[y | clean] = gain (clean - offset) + sigma^2; None of other noise."""
        return None


def normal_log_density(residual: Array, variance: Array) -> Array:
    """log N(residual; 0, variance)."""
    return -0.5 * (jnp.square(residual) / variance + jnp.log(2 * jnp.pi * variance))
