r"""Denoising diffusion restoration (Kawar, Elad, Ermon and Song, NeurIPS 2022), number by number in the singular vectors of H.

In coordinates in which y_k = g_k x_k + w_k, with sigma_k = sigma_y / |g_k|, x^ = D(x; sigma) and r_k = (y_k - g_k x^_k) / g_k:

    x_k at s  ~  N(x^_k + sqrt(1 - eta^2) s (x_k - x^_k) / sigma, eta^2 s^2)                      g_k = 0
                 N(x^_k + sqrt(1 - eta^2) s r_k / sigma_k,        eta^2 s^2)                      s < sigma_k
                 N(x^_k + eta_b r_k,                              s^2 - eta_b^2 sigma_k^2)        else

for operators whose singular value decomposition is known: masks, circular blurs, Fourier samples, k-space of one coil.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement, Takes
from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.sampler import Sampler

DIAGONAL = Takes(
    "data of an operator whose singular value decomposition is known: a mask, a circular blur, Fourier samples, one coil",
    lambda one: one.operator.linear and one.operator.diagonal(one.y) is not None)


@dataclass(frozen=True)
class DDRM(Sampler):
    """Denoising diffusion restoration. Raises `InputError` on an eta outside [0, 1]."""

    takes: ClassVar[Takes] = DIAGONAL

    levels: int = 20
    """N: noise levels, a call of D each."""
    eta: float = 0.85
    """Part of the noise that is drawn anew where y tells little."""
    eta_b: float = 1.0
    """Weight of y where it tells more than x."""

    def __post_init__(self):
        super().__post_init__()
        if not (0 <= self.eta <= 1 and 0 <= self.eta_b <= 1):
            raise InputError(f"DDRM needs eta and eta_b in [0, 1], not {self.eta} and {self.eta_b}")

    def check(self, one: Measurement) -> None:
        """Also raise `InputError` on a coil that does not see every pixel alike, whose coordinates are not orthonormal."""
        super().check(one)
        seen = self.observed(jax.tree.map(jnp.asarray, one))
        x = jax.random.normal(jax.random.key(0), seen.H.domain(seen.y).shape, seen.y.dtype)
        basis = seen.coordinates
        if not jnp.allclose(basis.to_x(basis.of_x(x)), x, atol=1e-3):
            raise InputError(f"DDRM takes a coil whose map has the modulus 1 everywhere; that of this {type(one.operator).__name__} has not")

    def start(self, key: Array, D: Denoiser, seen: Observed, sigma: Array) -> Array:
        x = super().start(key, D, seen, sigma)
        basis, (size, phase, of_level) = seen.coordinates, self._levels(D, seen)
        n = (basis.of_x(x) - basis.of_x(jnp.broadcast_to(D.mean, x.shape))) / sigma
        y = jnp.conj(phase) * basis.of_y(seen.y) / jnp.where(size > 0, size, 1)
        noisy = y + jnp.sqrt(jnp.maximum(sigma**2 - of_level**2, 0)) * n
        return basis.to_x(jnp.where((size > 0) & (sigma >= of_level), noisy, basis.of_x(x)))

    def step(self, key: Array, D: Denoiser, seen: Observed, x: Array, sigma: Array, s: Array) -> Array:
        basis, (size, phase, of_level) = seen.coordinates, self._levels(D, seen)
        x_hat = D(x, sigma)
        X, X_hat, n = basis.of_x(x), basis.of_x(x_hat), basis.of_x(jax.random.normal(key, x.shape, x.dtype))
        misfit = jnp.conj(phase) * (basis.of_y(seen.y) - basis.gain * X_hat)                     # |g| r
        kept = jnp.sqrt(1 - self.eta**2) * s
        unseen = X_hat + kept * (X - X_hat) / sigma + self.eta * s * n
        below = X_hat + kept * misfit / self._deviation(D, seen) + self.eta * s * n
        spread = jnp.sqrt(jnp.maximum(s**2 - (self.eta_b * of_level) ** 2, 0))
        above = X_hat + self.eta_b * misfit / jnp.where(size > 0, size, 1) + spread * n
        return basis.to_x(jnp.where(size > 0, jnp.where(s < of_level, below, above), unseen))

    def _levels(self, D, seen):
        """|g|, its phase, and sigma_k, of every coordinate."""
        gain = seen.coordinates.gain
        size = jnp.abs(gain)
        size = jnp.where(size > 1e-5 * size.max(), size, 0)                                      # what is left of zero by rounding
        seen_size = jnp.where(size > 0, size, 1)
        return size, jnp.where(size > 0, gain / seen_size, 1), self._deviation(D, seen) / seen_size

    def _deviation(self, D, seen):
        return jnp.sqrt(jnp.maximum(seen.variance, (1e-6 * D.deviation) ** 2))
