r"""Compressed sensing by a generative model (Bora, Jalal, Price and Dimakis, ICML 2017): the generator of a trained GAN as a prior.

    z^ = argmin_z ||y - H(G(z))||^2 + lambda ||z||^2,        x^ = G(z^)

by Adam, from several z at once, of which the least is taken; any H that has a derivative. With lambda = sigma_y^2 it is the most probable z
given y, z ~ N(0, 1). x^ is always an image that G makes: what G has not learnt is not found, however much is measured.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import ANYTHING, Adam, Measurement, Method, Optimizer, Takes, Trained
from unsup_jax.core.method import Metrics
from unsup_jax.core.phasors import squared_modulus
from unsup_jax.errors import InputError


class Latents(struct.PyTreeNode):
    """The z of all starts on their way."""

    z: Trained
    """[restarts, L]."""
    objective: Array
    """Of each start, before its last step."""


@dataclass(frozen=True)
class CSGM(Method):
    """The image of a generator that fits ONE measurement.

    Raises `InputError` on fewer than one start or descent, a negative weight, none where the noise is not known to be white, and on
    images of another shape or type than the generator's.
    """

    scope: ClassVar[Literal["dataset", "measurement"]] = "measurement"
    takes: ClassVar[Takes] = ANYTHING
    reference: ClassVar[str] = "Bora 2017"
    asks_prior: ClassVar[str | None] = "generative"

    prior: Any
    """What has a `generative()`, such as the run of a GAN (`unsup_jax.trained.Run`): a `Generative`."""
    restarts: int = 8
    """Starts, each from a z of its own."""
    iterations: int = 500
    """Descents."""
    weight: float | None = None
    """lambda, squared grey levels; None: sigma_y^2, of white noise that is known."""
    optimizer: Optimizer = Adam(0.05)
    """Optimiser of z."""

    def __post_init__(self):
        if self.restarts < 1 or self.iterations < 1 or (self.weight is not None and self.weight < 0):
            raise InputError(f"CSGM needs restarts, iterations >= 1 and weight >= 0, not {self.restarts}, {self.iterations} and {self.weight}")

    @property
    def steps(self) -> int:
        """Its descents."""
        return self.iterations

    def with_prior(self, prior: Any) -> "CSGM":
        return replace(self, prior=prior)

    def tiny(self) -> "CSGM":
        return replace(self, restarts=2, iterations=2)

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        noise = measurement.noise
        if self.weight is None and (noise is None or not noise.white):
            known = "none is known" if noise is None else f"not {type(noise).__name__}"
            raise InputError(f"CSGM weighs z by the variance of white noise; {known}; give --method.weight")
        x, made = jax.eval_shape(lambda one: jnp.zeros(one.operator.domain(one.y).shape, one.operator.domain(one.y).dtype), measurement), self.prior.generative().shape
        if x.shape != tuple(made) or jnp.issubdtype(x.dtype, jnp.complexfloating):
            raise InputError(f"the generator of CSGM makes real images of shape {tuple(made)}; those of the measurement are {x.dtype} of shape {x.shape}")

    def init(self, key: Array, example: Measurement) -> Latents:
        self.require(example)
        z = jax.random.normal(key, (self.restarts, self.prior.generative().latents))
        return Latents(Trained.start(z, self.optimizer.over(self.iterations)), jnp.zeros(self.restarts))

    def update(self, key: Array, state: Latents, batch: Measurement) -> tuple[Latents, Metrics]:
        objective, pull = jax.vjp(lambda z: self.objectives(z, batch), state.z.params)
        (gradient,) = pull(jnp.ones_like(objective))
        z = state.z.descend(gradient, self.optimizer.over(self.iterations))
        return Latents(z, objective), {"objective": objective.min()}

    def objectives(self, z: Array, one: Measurement) -> Array:
        """||y - H(G(z))||^2 + lambda ||z||^2 of every start."""
        G, H = self.prior.generative(), one.operator
        measured = H.measured(one.y) if H.linear else jnp.ones(())
        weight = one.noise.variance(jnp.zeros((), one.y.dtype)).real if self.weight is None else self.weight

        def objective(z):
            misfit = squared_modulus(one.y - H(G.apply(z)))
            return jnp.sum(measured * misfit) + weight * jnp.sum(jnp.square(z))

        return jax.vmap(objective)(z)

    def reconstruct(self, key: Array, state: Latents, measurement: Measurement) -> Array:
        best = jnp.argmin(self.objectives(state.z.params, measurement))
        return self.prior.generative().apply(state.z.params[best])
