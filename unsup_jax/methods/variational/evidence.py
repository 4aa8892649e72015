"""What methods have in common whose loss is the evidence lower bound, (20): its weight, its free bits, and draws of x given y."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Learned, LearnedState, Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses import free_bits


@dataclass(frozen=True)
class Variational(Learned):
    """A subclass writes `loss`, which it can make of `lower_bound`, and `draw`.

    Raises `InputError` on a negative beta or free_bits, or fewer than one draw.
    """

    beta: float = 1.0
    """Weight of the divergence after the warm-up."""
    warmup: int = 0
    """Steps in which beta rises from zero."""
    free_bits: float = 0.0
    """Nats of each latent that are not charged."""
    draws: int = 32
    """Draws of x given y that the report shows and takes its uncertainty from."""

    def __post_init__(self):
        super().__post_init__()
        if isinstance(self.beta, float | int) and self.beta < 0 or self.free_bits < 0 or self.draws < 1:
            raise InputError(f"{type(self).__name__} needs beta, free_bits >= 0 and draws >= 1, not {self.beta}, {self.free_bits}, {self.draws}")

    def tiny(self) -> "Variational":
        return replace(super().tiny(), draws=2)

    def at(self, step: Array) -> "Variational":
        """The method with the beta of a step."""
        if not self.warmup:
            return self
        return replace(self, beta=self.beta * jnp.minimum(step / self.warmup, 1.0), warmup=0)

    def lower_bound(self, evidence: Array, divergence: Array, pixels: int) -> tuple[Array, dict[str, Array]]:
        """The loss (20) a pixel of E log p(y|z) and the divergence of each latent, or level, in nats, and metrics."""
        charged = free_bits(divergence, self.free_bits) if self.free_bits else divergence
        return (self.beta * jnp.sum(charged) - evidence) / pixels, {
            "elbo": evidence - jnp.sum(divergence), "divergence": jnp.sum(divergence)}

    def draw(self, key: Array, params, one: Measurement) -> Array:
        """x of one z ~ q(z|y)."""
        raise NotImplementedError

    def mean(self, key: Array, params, one: Measurement, samples: int) -> Array:
        """The mean of draws of x."""
        add = lambda total, k: (total + self.draw(k, params, one), None)
        return jax.lax.scan(add, jnp.zeros_like(one.y), jax.random.split(key, samples))[0] / samples

    def posterior(self, key: Array, state: LearnedState, measurement: Measurement) -> Array:
        one = measurement.normalize(state.scale)
        draws = jax.lax.map(lambda k: self.draw(k, state.params, one), jax.random.split(key, self.draws))
        return jax.vmap(state.scale.restore)(draws)
