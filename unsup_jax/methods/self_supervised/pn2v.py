r"""Probabilistic Noise2Void (Krull et al., Front. Comput. Sci. 2, 5 (2020)): a posterior for each pixel.

The network, blind to pixel i, draws K samples s_k of the prior of its signal given its surroundings; the noise model
p(y | s) of the camera says how well each explains the observation:

    loss            -log (1 / K) sum_k p(y_i | s_k)                 over the pixels of J
    estimate        sum_k s_k p(y_i | s_k) / sum_k p(y_i | s_k)     the posterior mean (MMSE)

Unlike Noise2Void, the estimate uses the pixel itself. In the paper the network is shown it too, so that it counts twice;
with `average` each pixel is hidden from the samples that it weighs, in passes over the grids of Noise2Self.

The noise model is that of the measurement: known, measured from calibration pairs, or bootstrapped from the noisy images
and their Noise2Void estimates (`unsup_jax.noise.bootstrap`; Prakash et al., ISBI 2020), which needs nothing but those images.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import logsumexp

from unsup_jax.core import Learned, Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses import Kappa, j_invariant, replacement, stratified_pixels
from unsup_jax.methods.self_supervised.noise2self import tiles_of_grids
from unsup_jax.networks import Network, UNet

GRID = 4  # distance of the pixels that one pass of `average` hides


@dataclass(frozen=True)
class PN2V(Learned):
    """Probabilistic Noise2Void for a known noise model; the channels of an image are sampled apart.

    Raises `InputError` for a measurement without a noise model.
    """

    reference: ClassVar[str] = "Krull 2020; Prakash 2020"

    network: Network = UNet()
    """Draws the samples; its output channels are set to `samples` for each channel."""
    samples: int = 64
    """K (800 in the paper; 64 lose little)."""
    fraction: float = 0.015
    """Part of the pixels in J."""
    kappa: Kappa = "uniform"
    """Replacement of the held-out pixels: a random neighbour, or the mean or median of the neighbours."""
    radius: int = 5
    """Half width of the neighbourhood, pixels."""
    average: bool = False
    """Draw the samples of a pixel with a mean of its neighbours in its place, whatever `kappa` is, in 4^d passes of the network."""

    @property
    def independent_noise(self) -> bool:
        return True

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        if measurement.noise is None:
            raise InputError("PN2V needs a noise model: for your own images give --data.calibration, or --data.signal (Noise2Void's result)")

    def _network(self, y):
        return self.network.clone(channels=self.samples * y.shape[-1], residual=False)

    def tiny(self) -> "PN2V":
        return replace(super().tiny(), samples=2)

    def init_params(self, key: Array, example: Measurement):
        return self._network(example.y).init(key, example.y)

    def draw(self, params, y: Array) -> Array:
        """s_k [*S, K, C]."""
        return self._network(y).apply(params, y).reshape(*y.shape[:-1], self.samples, y.shape[-1])

    def log_likelihood(self, one: Measurement, y: Array, s: Array) -> Array:
        """log p(y | s_k) of pixels y [..., C] of a measurement and their samples [..., K, C]."""
        as_image = (*(1,) * (one.y.ndim - 2), -1, y.shape[-1])      # noise models take images
        y = jnp.broadcast_to(y[..., None, :], s.shape)
        return one.noise.log_prob(y.reshape(as_image), s.reshape(as_image)).reshape(s.shape)

    def loss(self, key: Array, params, one: Measurement):
        choose_J, choose_kappa = jax.random.split(key)
        y = one.y
        J = stratified_pixels(choose_J, y.shape[:-1], self.fraction)
        shown = y.at[J].set(replacement(choose_kappa, y, J, self.kappa, self.radius))
        log_p = self.log_likelihood(one, y[J], self.draw(params, shown)[J])
        return -jnp.mean(logsumexp(log_p, -2) - jnp.log(float(self.samples))), {}

    def estimate(self, key: Array, params, one: Measurement):
        def posterior_mean(shown):
            s = self.draw(params, shown)
            weight = jax.nn.softmax(self.log_likelihood(one, one.y, s), -2)
            return jnp.sum(weight * s, -2)

        return j_invariant(posterior_mean, one.y, width=GRID) if self.average else posterior_mean(one.y)

    @property
    def tiling(self) -> tuple[int, int] | None:
        return tiles_of_grids(super().tiling, GRID) if self.average else super().tiling
