r"""Self2Self with dropout (Quan et al., CVPR 2020): one noisy image, Bernoulli pairs of it, and an ensemble.

    b ~ Bernoulli(1 - p) at each pixel,      y_b = b y
    min_theta E_b || (1 - b) (F_theta(y_b) - y) ||^2 / ||1 - b||^2

In expectation over b this is the supervised loss plus the noise's variance, as eq. (14) is. F drops features too, in
training and after, and the estimate is the mean over draws of b and of the dropped features: what varies between
them, by and large the noise that was fitted, averages out.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Learned, Measurement
from unsup_jax.errors import InputError
from unsup_jax.networks import Network, PartialUNet


@dataclass(frozen=True)
class Self2Self(Learned):
    """Trained on patches of the one image, or of the few, that it is to denoise.

    Raises `InputError` on a p outside (0, 1) or fewer than one pass.
    """

    reference: ClassVar[str] = "Quan 2020"

    network: Network = PartialUNet()
    """F_theta, which takes the mask of what it is shown."""
    p: float = 0.3
    """Probability that a pixel is hidden."""
    passes: int = 50
    """Draws that the estimate averages."""

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.p < 1 or self.passes < 1:
            raise InputError(f"Self2Self needs 0 < p < 1 and passes >= 1, not {self.p} and {self.passes}")

    @property
    def independent_noise(self) -> bool:
        return True

    @property
    def tiling(self) -> None:
        """None: tiles would be averages of different draws."""
        return None

    def tiny(self) -> "Self2Self":
        return replace(super().tiny(), passes=2)

    def draw(self, key: Array, params, y: Array) -> tuple[Array, Array]:
        """(b [*S, 1], F_theta(b y)) for one draw of b and of the dropped features."""
        hide, drop = jax.random.split(key)
        b = jax.random.bernoulli(hide, 1 - self.p, (*y.shape[:-1], 1)).astype(y.dtype)
        return b, self.network.apply(params, b * y, b, rngs={"dropout": drop})

    def init_params(self, key: Array, example: Measurement):
        init, drop = jax.random.split(key)
        return self.network.init({"params": init, "dropout": drop}, example.y, jnp.ones_like(example.y[..., :1]))

    def loss(self, key: Array, params, one: Measurement):
        b, predicted = self.draw(key, params, one.y)
        error = (1 - b) * jnp.square(predicted - one.y)
        return jnp.sum(error) / (jnp.sum(1 - b) * one.y.shape[-1]), {}

    def estimate(self, key: Array, params, one: Measurement):
        def add(total, key):
            return total + self.draw(key, params, one.y)[1], None

        total, _ = jax.lax.scan(add, jnp.zeros_like(one.y), jax.random.split(key, self.passes))
        return total / self.passes
