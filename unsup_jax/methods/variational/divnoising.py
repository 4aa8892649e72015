r"""DivNoising (Prakash et al., ICLR 2021; article, figure 6(c)): many plausible clean images of one noisy image.

    p(x|y) ~ p_NM(y|x) p(x),      x(u) = G_theta(mu_phi(y) + sigma_phi(y) u)      (23)

is a VAE of the noisy images whose p(y|x) is the pixel-wise noise model, so that what the decoder draws is clean. The
noise model is known, measured from calibration pairs, bootstrapped from the images themselves, or predicted by the
decoder as a variance (`likelihood` "learned": fully unsupervised). Encoder and decoder are fully convolutional.

    MMSE      mean of x(u) over u
    MAP       mean shift among the draws (Comaniciu and Meer 2002), window by window, with a bandwidth h that shrinks:
              m <- sum_k w_k x_k / sum_k w_k,     w_k = exp(-|m - x_k|^2_window / (2 h^2))
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.methods.variational.vae import VAE
from unsup_jax.networks import Autoencoder, MapDecoder, MapEncoder, Network


@dataclass(frozen=True)
class DivNoising(VAE):
    """A VAE of noisy images with their noise model. Raises `InputError` on fewer than one sample, and what `VAE` does."""

    reference: ClassVar[str] = "Prakash 2021"

    network: Network = Autoencoder(MapEncoder(), MapDecoder())
    """F_phi and G_theta, fully convolutional."""
    likelihood: Literal["gaussian", "noise", "learned"] = "noise"
    """p(y|x): the measurement's noise model, or of a variance that the decoder predicts."""
    warmup: int = 200
    """Steps in which beta rises from zero: at once in full, it can leave the latents empty."""
    samples: int = 100
    """Draws of x that the estimate is made from."""
    point: Literal["mmse", "map"] = "mmse"
    """The mean of the draws, or their mode."""

    def __post_init__(self):
        super().__post_init__()
        if self.samples < 1:
            raise InputError(f"DivNoising has {self.samples} samples; it takes 1 or more")

    def tiny(self) -> "DivNoising":
        return replace(super().tiny(), samples=2)

    @property
    def independent_noise(self) -> bool:
        return True

    def estimate(self, key: Array, params, one: Measurement) -> Array:
        if self.point == "map":
            return mode(jax.lax.map(lambda k: self.draw(k, params, one), jax.random.split(key, self.samples)))
        return self.mean(key, params, one, self.samples)


def mode(draws: Array, *, window: int = 9, rounds: int = 15) -> Array:
    """The mode [*S, C] of draws [K, *S, C] by mean shift from their mean, distances taken over windows of pixels.

    The bandwidth is that of the draws' own spread in the window at first and shrinks to a tenth of it.
    """
    frame = tuple(range(draws.ndim - 2))

    def windowed(square):
        """Mean over the window and the channels of [*S, C], [*S, 1]."""
        square = jnp.mean(square, -1, keepdims=True)
        size, half = (*(window for _ in frame), 1), window // 2
        total = jax.lax.reduce_window(square, 0.0, jax.lax.add, size, (1,) * square.ndim, [*((half, window - 1 - half) for _ in frame), (0, 0)])
        return total / window ** len(frame)

    distance = jax.vmap(lambda m, x: windowed(jnp.square(m - x)), (None, 0))
    mean = jnp.mean(draws, 0)
    spread = jnp.maximum(jnp.mean(distance(mean, draws), 0), 1e-12)[None]

    def shift(m, shrink):
        weight = jax.nn.softmax(-distance(m, draws) / (2 * jnp.square(shrink) * spread), 0)
        return jnp.sum(weight * draws, 0), None

    return jax.lax.scan(shift, mean, jnp.linspace(1.0, 0.1, rounds).astype(draws.dtype))[0]
