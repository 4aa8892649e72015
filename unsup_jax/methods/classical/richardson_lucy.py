r"""Richardson-Lucy deconvolution: maximum likelihood for Poisson noise, with or without total variation.

    x <- x / (H* 1) . H*(y / (H x + b)) / (1 - w div (grad x / |grad x|))

for a non-negative H and a background b. Every iterate is non-negative and, for w = 0, fits the total light. More iterations fit more of the
noise: with pixels held out of y, which no iterate has seen, the answer is the iterate that predicts those best.
References: Richardson 1972; Lucy 1974; Dey et al., Microsc. Res. Tech. 69, 260 (2006).
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import REAL_LINEAR, Measurement, Method, Takes
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError
from unsup_jax.priors.total_variation import differences, divergence


class Estimate(struct.PyTreeNode):
    """The state: the image, and H* 1."""

    x: Array
    sensitivity: Array
    mask: Array | None = None
    """Ones where pixels are not held out."""


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
    held_out: float = 0.0
    """Part of the pixels that are held out, such as 0.05, to stop by; 0 for as many iterations as `steps`."""

    def __post_init__(self):
        if not 0 <= self.held_out < 1:
            raise InputError(f"held_out is a part in [0, 1), not {self.held_out}")

    @property
    def independent_noise(self) -> bool:
        """Where it is stopped by pixels that it does not see, as their neighbours then tell their noise."""
        return self.held_out > 0

    def tiny(self) -> "RichardsonLucy":
        return replace(self, steps=2)

    def init(self, key: Array, example: Measurement) -> Estimate:
        self.require(example)
        H, y = example.operator, example.y
        mask = jax.random.bernoulli(key, 1 - self.held_out, y.shape).astype(y.dtype) if self.held_out else None
        seen = jnp.ones_like(y) if mask is None else mask
        sensitivity = jnp.maximum(H.adjoint(seen), 1e-6)
        mean = jnp.sum(seen * jnp.maximum(y - self.background, 0)) / jnp.sum(sensitivity)
        return Estimate(jnp.full_like(sensitivity, 1) * jnp.maximum(mean, 1e-12), sensitivity, mask)

    def update(self, key: Array, state: Estimate, batch: Measurement) -> tuple[Estimate, Metrics]:
        H, y, x = batch.operator, jnp.maximum(batch.y, 0), state.x
        expected = jnp.maximum(H(x) + self.background, 1e-6 * jnp.maximum(jnp.max(y), 1e-30))
        ratio = y / expected if state.mask is None else state.mask * y / expected
        factor = jnp.maximum(H.adjoint(ratio), 0) / state.sensitivity
        new = x * factor
        if self.weight:
            gradient = differences(x)
            length = jnp.sqrt(jnp.sum(jnp.square(gradient), 0, keepdims=True) + 1e-6 * jnp.square(jnp.maximum(jnp.max(x), 1e-12)))
            new = new / (1 + self.weight * divergence(gradient / length))
        deviance = lambda expected: expected - y + jnp.where(y > 0, y * jnp.log(jnp.where(y > 0, y, 1) / expected), 0)
        metrics = {"deviance": jnp.sum(deviance(expected))}
        if state.mask is not None:
            metrics["held_out"] = jnp.sum((1 - state.mask) * jnp.square(H(new) + self.background - batch.y)) / jnp.sum(1 - state.mask)
        return state.replace(x=new), metrics

    def reconstruct(self, key: Array, state: Estimate, measurement: Measurement) -> Array:
        return state.x
