r"""Wiener filter: the linear estimate of least mean-square error for a stationary signal in white noise.

    x^(k) = conj(h(k)) S(k) / (|h(k)|^2 S(k) + sigma^2) y^(k)

over spatial frequencies k, for transfer function h (1 for denoising), signal power spectrum S and noise
variance sigma^2 per pixel. S is estimated from the measurement: the periodogram, averaged over shells
of equal |k|, less sigma^2, over |h|^2; from the first shell on whose excess lies within three standard
errors of noise, S is zero. An oracle is told the S of the truth. Reference: Wiener 1949; Gonzalez & Woods, ch. 5.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Direct, Measurement, Takes
from unsup_jax.methods.classical.camera import channel_cameras


@dataclass(frozen=True)
class Wiener(Direct):
    """Wiener denoising (`Identity`) and deconvolution (any `circular` operator), channel by channel.

    sigma^2 is the noise model's mean variance, else the larger of the power of the highest frequencies and of the variance that
    the image's own noise is estimated to have.
    """

    takes: ClassVar[Takes] = Takes(
        "real images by a circular filter, such as Identity or a circular Convolution", lambda one: not jnp.iscomplexobj(one.y) and one.operator.circular)
    reference: ClassVar[str] = "Wiener 1949"

    shells: int = 64
    """Number of shells of |k| over which the periodogram is averaged."""
    oracle: bool = False
    """S is the truth's own, averaged over shells: what a Wiener filter could do at best."""
    nonnegative: bool = False
    """Set what comes out below zero to zero, of light."""

    @property
    def sees(self) -> frozenset[str]:
        """Nothing, unless it is an oracle."""
        return frozenset({"truth"} if self.oracle else ())

    @property
    def label(self) -> str:
        """The name with what it is told."""
        return "Wiener, true spectrum" if self.oracle else "Wiener"

    def answer(self, key: Array, one: Measurement) -> Array:
        frame = one.y.shape[:-1]
        axes = tuple(range(len(frame)))
        h = one.operator.transfer(frame)[..., : frame[-1] // 2 + 1, None]
        mean = one.y.mean(axes, keepdims=True)
        y = jnp.fft.rfftn(one.y - mean, axes=axes)
        shell, samples = _shells(frame, self.shells)

        def mean_of(values):
            """Over shells, [shells, C]."""
            values = values.reshape(-1, values.shape[-1])
            return jnp.zeros((self.shells, values.shape[-1])).at[shell].add(values) / jnp.maximum(samples, 1)

        def power_of(spectrum):
            return mean_of(jnp.square(jnp.abs(spectrum)) / one.y[..., 0].size)

        power = power_of(y)
        if one.noise is None:                                         # neighbours may share theirs, which the highest frequencies lack
            gain, sigma, offset = channel_cameras(one)
            sigma2 = jnp.maximum(power[-1], gain * jnp.maximum(mean.ravel() - offset, 0) + jnp.square(sigma))[None]
        else:
            sigma2 = one.noise.variance(jnp.maximum(one.y, 0)).mean(axes).reshape(1, -1)
        if self.oracle:
            truth = jnp.fft.rfftn(one.truth - one.truth.mean(axes, keepdims=True), axes=axes)
            S = power_of(truth)
        else:
            excess = power - sigma2
            seen = (excess > 3 * sigma2 / jnp.sqrt(jnp.maximum(samples, 1))) | (samples == 0)
            seen = seen.at[0].set(True)                               # the mean, which was subtracted
            S = jnp.where(jnp.cumprod(seen, 0) > 0, jnp.maximum(excess, 0), 0) / jnp.maximum(mean_of(jnp.square(jnp.abs(h))), 1e-12)
        S, sigma2 = S[shell].reshape(y.shape), sigma2.reshape(*(1,) * len(frame), -1)
        share = S / jnp.maximum(jnp.square(jnp.abs(h)) * S + sigma2, 1e-12)
        x = jnp.conj(h).astype(y.dtype) * share.astype(y.dtype) * y
        dark = jnp.where(jnp.abs(h) > 1e-3, x, 0)                     # frequencies the optics do not pass
        x = jnp.fft.irfftn(dark, frame, axes).astype(one.y.dtype) + mean / jnp.abs(h).ravel()[0]
        return jnp.maximum(x, 0) if self.nonnegative else x


def _shells(frame, count):
    """The shell of each frequency of a real FFT, flat, and the number of frequencies in each shell [count, 1]."""
    frequencies = [jnp.fft.fftfreq(n) for n in frame[:-1]] + [jnp.fft.rfftfreq(frame[-1])]
    radius = jnp.sqrt(sum(f**2 for f in jnp.meshgrid(*frequencies, indexing="ij")))
    shell = jnp.minimum((radius * 2 * count).astype(int), count - 1).ravel()
    return shell, jnp.zeros((count, 1)).at[shell].add(1.0)
