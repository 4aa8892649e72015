r"""Probabilistic Noise2Void (Krull et al., Front. Comput. Sci. 2, 5 (2020)): a posterior for each pixel.

The network, blind to pixel i, draws K samples s_k of the prior of its signal given its surroundings; the noise model
p(y | s) of the camera says how well each explains the observation:

    loss            -log (1 / K) sum_k p(y_i | s_k)                 over the pixels of J
    estimate        sum_k s_k p(y_i | s_k) / sum_k p(y_i | s_k)     the posterior mean (MMSE)

Unlike Noise2Void, the estimate uses the pixel itself. The noise model is that of the measurement: known, measured
from calibration pairs, or bootstrapped from the noisy images and their Noise2Void estimates (`bootstrap`; Prakash et
al., ISBI 2020), which needs nothing but those images.
"""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import logsumexp

from unsup_jax.core import Learned, Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses import neighbour, stratified_pixels
from unsup_jax.networks import UNet
from unsup_jax.noise import GaussianMixture, Histogram, NoiseModel


@dataclass(frozen=True)
class PN2V(Learned):
    """Probabilistic Noise2Void for images of one channel and a known noise model.

    Raises `InputError` for a measurement without a noise model, or of several channels.
    """

    reference: ClassVar[str] = "Krull 2020; Prakash 2020"

    network: nn.Module = UNet()
    """Draws the samples; its output channels are set to `samples`."""
    samples: int = 64
    """K (800 in the paper; 64 lose little)."""
    fraction: float = 0.015
    """Part of the pixels in J."""
    radius: int = 5
    """Half width of the neighbourhood that replacements are drawn from, pixels."""

    def _network(self):
        return self.network.clone(channels=self.samples, residual=False)

    def init_params(self, key: Array, example: Measurement):
        if example.y.shape[-1] != 1:
            raise InputError(f"PN2V takes images of one channel, not {example.y.shape[-1]}")
        return self._network().init(key, example.y)

    def draw(self, params, y: Array) -> Array:
        """s_k [*S, K]: samples about the pixels' own grey values."""
        return self._network().apply(params, y)

    def loss(self, key: Array, params, one: Measurement):
        if one.noise is None:
            raise InputError("PN2V needs the noise model of the measurement; bootstrap one from Noise2Void's estimate")
        choose_J, choose_kappa = jax.random.split(key)
        y = one.y
        J = stratified_pixels(choose_J, y.shape[:-1], self.fraction)
        shown = y.at[J].set(neighbour(choose_kappa, y, J, self.radius))
        flat = (-1, *(1,) * (y.ndim - 2))                           # pixels of J as an image [m, 1, K]: noise models take images
        s, y_J = self.draw(params, shown)[J].reshape(*flat, self.samples), y[J].reshape(*flat, 1)
        log_p = one.noise.log_prob(jnp.broadcast_to(y_J, s.shape), s)
        return -jnp.mean(logsumexp(log_p, -1) - jnp.log(float(self.samples))), {}

    def estimate(self, key: Array, params, one: Measurement):
        s = self.draw(params, one.y)
        if one.noise is None:
            return s.mean(-1, keepdims=True)                        # the prior mean: all that is known without p(y | s)
        weight = jax.nn.softmax(one.noise.log_prob(jnp.broadcast_to(one.y, s.shape), s), -1)
        return jnp.sum(weight * s, -1, keepdims=True)


def bootstrap(key: Array, noisy: np.ndarray, denoised: np.ndarray, *, mixture: bool = True) -> NoiseModel:
    """The noise model of images from themselves and their denoised estimates, taken for signals."""
    fit = partial(GaussianMixture.fit, key) if mixture else Histogram.fit
    return fit(np.asarray(noisy), np.asarray(denoised))
