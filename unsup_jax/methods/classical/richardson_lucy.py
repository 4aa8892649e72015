r"""Richardson-Lucy deconvolution: maximum likelihood for Poisson noise, with or without total variation.

    x <- x / (H* 1) . H*(y / (H x + b)) / (1 - w div (grad x / |grad x|))

for a non-negative H and a background b. Every iterate is non-negative and, for w = 0, fits the total light.
References: Richardson 1972; Lucy 1974; Dey et al., Microsc. Res. Tech. 69, 260 (2006).
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import REAL_LINEAR, Measurement, Method, Takes
from unsup_jax.core.method import Metrics
from unsup_jax.priors.total_variation import differences, divergence


class Estimate(struct.PyTreeNode):
    """The state: the image, and H* 1."""

    x: Array
    sensitivity: Array


@dataclass(frozen=True)
class RichardsonLucy(Method):
    """Deconvolution, or any other non-negative linear H; negative values of y count as zero."""

    scope: ClassVar[Literal["dataset", "measurement"]] = "measurement"
    takes: ClassVar[Takes] = REAL_LINEAR
    reference: ClassVar[str] = "Richardson 1972; Lucy 1974; Dey 2006"

    steps: int = 50
    """Iterations: the more, the sharper and the noisier."""
    weight: float = 0.0
    """w of the total variation; 0.002 to 0.02 are usual."""
    background: float = 0.0
    """b, grey values."""

    def tiny(self) -> "RichardsonLucy":
        return replace(self, steps=2)

    def init(self, key: Array, example: Measurement) -> Estimate:
        self.require(example)
        H, y = example.operator, example.y
        sensitivity = jnp.maximum(H.adjoint(jnp.ones_like(y)), 1e-6)
        mean = jnp.sum(jnp.maximum(y - self.background, 0)) / jnp.sum(sensitivity)
        return Estimate(jnp.full_like(sensitivity, 1) * jnp.maximum(mean, 1e-12), sensitivity)

    def update(self, key: Array, state: Estimate, batch: Measurement) -> tuple[Estimate, Metrics]:
        H, y, x = batch.operator, jnp.maximum(batch.y, 0), state.x
        expected = jnp.maximum(H(x) + self.background, 1e-6 * jnp.maximum(jnp.max(y), 1e-30))
        factor = jnp.maximum(H.adjoint(y / expected), 0) / state.sensitivity
        new = x * factor
        if self.weight:
            gradient = differences(x)
            length = jnp.sqrt(jnp.sum(jnp.square(gradient), 0, keepdims=True) + 1e-6 * jnp.square(jnp.maximum(jnp.max(x), 1e-12)))
            new = new / (1 + self.weight * divergence(gradient / length))
        deviance = jnp.sum(expected - y + jnp.where(y > 0, y * jnp.log(jnp.where(y > 0, y, 1) / expected), 0))
        return state.replace(x=new), {"deviance": deviance}

    def reconstruct(self, key: Array, state: Estimate, measurement: Measurement) -> Array:
        return state.x
