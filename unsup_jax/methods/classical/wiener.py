r"""Wiener filter: the linear estimate of least mean-square error for a stationary signal in white noise.

    x^(k) = conj(h(k)) S(k) / (|h(k)|^2 S(k) + sigma^2) y^(k)

over spatial frequencies k, for transfer function h (1 for denoising), signal power spectrum S and noise
variance sigma^2 per pixel. S is estimated from the measurement: the periodogram, averaged over shells
of equal |k|, less sigma^2, over |h|^2; a shell whose excess lies within two standard errors of noise has none. Reference: Wiener 1949; Gonzalez & Woods, ch. 5.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Direct, Measurement
from unsup_jax.errors import InputError
from unsup_jax.operators import Convolution, Identity


@dataclass(frozen=True)
class Wiener(Direct):
    """Wiener denoising (`Identity`) and deconvolution (circular `Convolution`), channel by channel.

    sigma^2 is the noise model's mean variance, else the power of the highest frequencies.
    Raises `InputError` for any other operator.
    """

    reference: ClassVar[str] = "Wiener 1949"

    shells: int = 64
    """Number of shells of |k| over which the periodogram is averaged."""

    def answer(self, key: Array, one: Measurement) -> Array:
        frame = one.y.shape[:-1]
        axes = tuple(range(len(frame)))
        if isinstance(one.operator, Identity):
            h = jnp.ones((1,) * one.y.ndim)
        elif isinstance(one.operator, Convolution) and one.operator.boundary == "circular":
            h = one.operator.transfer(frame)[..., None]
        else:
            raise InputError(f"Wiener takes Identity or a circular Convolution, not {type(one.operator).__name__}")
        mean = one.y.mean(axes, keepdims=True)
        y = jnp.fft.rfftn(one.y - mean, axes=axes)
        periodogram = jnp.square(jnp.abs(y)) / one.y[..., 0].size
        power, samples, highest = _radial(periodogram, frame, self.shells)
        sigma2 = highest if one.noise is None else one.noise.variance(jnp.maximum(one.y, 0)).mean(axes, keepdims=True)
        excess = power - sigma2
        signal = jnp.where(excess > 2 * sigma2 / jnp.sqrt(samples), excess, 0)     # |h|^2 S
        x = jnp.conj(h) * signal / jnp.maximum(jnp.square(jnp.abs(h)) * (signal + sigma2), 1e-12) * y
        dark = jnp.where(jnp.abs(h) > 1e-3, x, 0)                     # frequencies the optics do not pass
        return jnp.fft.irfftn(dark, frame, axes).astype(one.y.dtype) + mean / jnp.abs(h).ravel()[0]


def _radial(periodogram, frame, shells):
    """The periodogram with each frequency's value replaced by its shell's mean, its samples, and the last shell's mean."""
    frequencies = [jnp.fft.fftfreq(n) for n in frame[:-1]] + [jnp.fft.rfftfreq(frame[-1])]
    radius = jnp.sqrt(sum(f**2 for f in jnp.meshgrid(*frequencies, indexing="ij")))
    index = jnp.minimum((radius * 2 * shells).astype(int), shells - 1).ravel()
    values = periodogram.reshape(-1, periodogram.shape[-1])
    total = jnp.zeros((shells, values.shape[-1])).at[index].add(values)
    samples = jnp.maximum(jnp.zeros((shells, 1)).at[index].add(1.0), 1)
    mean = total / samples
    counts = samples[index].reshape(*periodogram.shape[:-1], 1)
    return mean[index].reshape(periodogram.shape), counts, mean[-1].reshape(*(1,) * len(frame), -1)
