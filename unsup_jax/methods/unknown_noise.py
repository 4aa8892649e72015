r"""Noise that nobody knows, for what a training simulates: estimated from the first of its own measurements.

    real y        a camera's, of each channel (`noise.estimate_poisson_gaussian`)
    k-space y     white:  sigma^2 = median |y|^2 / ln 2  over the tenth of the samples that are of the highest frequencies,

for |y|^2 of noise alone is exponential. What the specimen has there counts as noise too, so that sigma is rather too large. Of complex
images, sigma^2 is that of their real and their imaginary parts together.
"""

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.core.phasors import squared_modulus
from unsup_jax.methods.classical.camera import channel_cameras
from unsup_jax.noise import Gaussian, NoiseModel, PoissonGaussian


def estimated_noise(example: Measurement) -> NoiseModel:
    """The mean over the first measurements of a batch, and their channels; zero where the noise is known."""
    spectrum = jnp.iscomplexobj(example.y)
    if example.noise is not None:
        return Gaussian(jnp.float32(0)) if spectrum else PoissonGaussian(*jnp.zeros(3))
    few = jax.tree.map(lambda leaf: leaf[:8], example.only(()))
    if spectrum:
        return Gaussian(jnp.sqrt(jax.vmap(_complex_variance)(few).mean()))
    return PoissonGaussian(*jax.vmap(lambda one: jnp.stack([part.mean() for part in channel_cameras(one)]))(few).mean(0))


def in_noise(batch: Measurement, noise: NoiseModel | None) -> Measurement:
    """The batch in that noise, where it is not told its own."""
    if noise is None or batch.noise is not None:
        return batch
    return batch.replace(noise=jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, batch.y.shape[:1]), noise))


def _complex_variance(one: Measurement) -> Array:
    """E|w|^2 of ONE complex measurement."""
    k = one.operator.frequencies(one.y)
    if k is None:
        return 2 * jnp.mean(jnp.square(channel_cameras(one)[1]))
    power = squared_modulus(one.y)
    measured = (one.operator.measured(one.y) > 0) & (power > 0)                 # coils that see nothing may fill a batch up
    squared = jnp.where(measured, sum(jnp.square(axis) for axis in k), -1.0)
    few = jnp.maximum(measured.sum() // 10, 1)
    highest = measured & (squared >= jnp.sort(squared.ravel())[-few])
    powers = jnp.sort(jnp.where(highest, power, jnp.inf).ravel())
    return powers[highest.sum() // 2] / jnp.log(2.0)
