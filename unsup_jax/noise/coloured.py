r"""Coloured noise, whose neighbouring pixels have something in common.

    y = H(x) + F^-1 (sqrt(S) F n),   n white, S the power spectrum
"""

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core.measurement import Scale
from unsup_jax.core.phasors import weighted
from unsup_jax.errors import InputError
from unsup_jax.noise.base import NoiseModel


class ColouredGaussian(NoiseModel):
    """Stationary Gaussian noise of power spectrum S, the variance of each frequency of an FFT, uncentred.

    White noise of deviation sigma has S = sigma^2 at all frequencies. The likelihood is that of the whole image,
    spread evenly over its pixels.
    """

    spectrum: Array
    """S [*S] of every channel, or [*S, C] of each."""

    def sample(self, key: Array, clean: Array) -> Array:
        axes, spectrum = self._of(clean)
        white = jnp.fft.fftn(jax.random.normal(key, clean.shape, clean.dtype), axes=axes)
        return clean + jnp.fft.ifftn(weighted(jnp.sqrt(spectrum), white), axes=axes).real

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """-1/2 (r C^-1 r + log 2 pi S averaged over the frequencies), which sums to the image's log-likelihood."""
        axes, spectrum = self._of(clean)
        residual = noisy - clean
        whitened = jnp.fft.ifftn(weighted(1 / spectrum, jnp.fft.fftn(residual, axes=axes)), axes=axes).real
        return -0.5 * (residual * whitened + jnp.mean(jnp.log(2 * jnp.pi * spectrum), axes, keepdims=True))

    def variance(self, clean: Array) -> Array:
        axes, spectrum = self._of(clean)
        return jnp.broadcast_to(jnp.mean(spectrum, axes, keepdims=True), clean.shape)

    def normalize(self, scale: Scale) -> "ColouredGaussian":
        unit = jnp.asarray(scale.unit)
        if unit.size == 1:
            return ColouredGaussian(self.spectrum / jnp.square(unit.reshape(())))
        spectrum = self.spectrum if self.spectrum.ndim == unit.ndim else self.spectrum[..., None]
        return ColouredGaussian(spectrum / jnp.square(unit))

    def _of(self, clean):
        """The axes of space, and S [*S, 1 or C]."""
        if self.spectrum.shape not in (clean.shape[:-1], clean.shape):
            raise InputError(f"ColouredGaussian of a spectrum {self.spectrum.shape} was given an image of shape {clean.shape}")
        spectrum = self.spectrum.reshape(*clean.shape[:-1], -1).astype(clean.dtype)
        return tuple(range(clean.ndim - 1)), spectrum
