r"""GSURE diffusion: D learnt from noisy images alone (Kawar, Elkabetz and Elad, Trans. Mach. Learn. Res. 2024), of every pixel.

    y = x_0 + w,    w ~ N(0, sigma_y^2),        x = y + sqrt(sigma^2 - sigma_y^2) n,        sigma >= sigma_y
    E ||D(x; sigma) - x_0||^2 = E [ ||D(x; sigma) - y||^2 + 2 sigma_y^2 div D(x; sigma) ] - N sigma_y^2

for images of N numbers, as w is a part of the noise of x, and n none of that of y (Stein, 1981). The divergence is seen along one random
direction. D of lower levels than sigma_y cannot be had of y, and is that of sigma_y: what is drawn keeps no more than that leaves.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import IMAGES, Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses.risk import weighted_divergence
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.from_measurements import FromMeasurements
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.score import ScoreState


class GSUREState(ScoreState):
    """Also the lowest level that was learnt."""

    least: Array
    """The root mean of sigma_y^2, grey levels."""


@dataclass(frozen=True)
class GSURE(FromMeasurements):
    """D of levels from sigma_y upwards, from images in white noise of known deviation.

    Raises `InputError` on a step that is not positive, and on other measurements for the training.
    """

    reference = "Kawar 2024"

    tau: float = 0.01
    """Step of the divergence's difference, in twice the deviation of the images."""

    def __post_init__(self):
        super().__post_init__()
        if not self.tau > 0:
            raise InputError(f"GSURE needs tau > 0, not {self.tau}")

    def init(self, key: Array, example: Measurement) -> GSUREState:
        state = super().init(key, example)
        known = example.noise is not None and example.noise.white                                # if not, no training begins
        variance = jax.vmap(lambda one: Observed.of(one).variance)(example).mean() if known else jnp.float32(0)
        return GSUREState(state.trained, state.scale, state.shape, state.is_complex, jnp.sqrt(variance))

    def loss(self, key: Array, params: Any, one: Measurement):
        if not IMAGES.fits(one) or one.noise is None or not one.noise.white:
            raise InputError(f"{self.label} learns from {IMAGES.words}, in white noise of known deviation")
        level, noise, direction = jax.random.split(key, 3)
        seen = Observed.of(one)
        y, v = seen.y, seen.variance
        sigma = jnp.maximum(self.parameterization.draw(level), jnp.sqrt(v))
        x = y + jnp.sqrt(jnp.maximum(jnp.square(sigma) - v, 0)) * jax.random.normal(noise, y.shape, y.dtype)
        D = lambda x: self.D(params, x, sigma)
        at_x = D(x)
        risk = jnp.mean(jnp.square(at_x - y)) - v + 2 * weighted_divergence(direction, D, x, at_x, v, self.tau)
        return self.parameterization.weight(sigma) * risk, {}

    def denoiser(self, state: GSUREState) -> Denoiser:
        D = super().denoiser(state)
        return Denoiser(lambda x, sigma: D(x, jnp.maximum(sigma, state.least)), D.mean, D.deviation)
