r"""A denoiser D(x, sigma) in place of a regulariser.

    plug-and-play   prox of step t:  z = D(x, sqrt(w t))                     (Venkatakrishnan 2013)
    RED             grad R(x) = w (x - D(x, sigma)),  R = w / 2 <x, x - D(x)>  (Romano, Elad and Milanfar 2017)

D is any function of an image and of a noise level in its units: a filter, the proximal map of another prior, a
trained network. It must be hashable: a function or a frozen dataclass. One that knows grey levels, as a trained run does
(`unsup_jax.trained.Run`), has an `in_units`. The value of R is that of RED where the denoiser is locally homogeneous with a symmetric
Jacobian, and otherwise means nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import jax.numpy as jnp
from jax import Array

from unsup_jax.core.linear import inner
from unsup_jax.priors.base import Prior
from unsup_jax.priors.installed import installed
from unsup_jax.priors.packaged import PackagedDenoiser
from unsup_jax.priors.total_variation import TotalVariation

Denoiser = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class TotalVariationDenoiser:
    """x, sigma -> prox of sigma * strength * TV."""

    strength: float = 1.0
    """Weight of the variation for noise of unit standard deviation."""
    iterations: int = 20
    """Dual iterations."""

    def __call__(self, x: Array, sigma: Array) -> Array:
        return TotalVariation(1.0, iterations=self.iterations).prox(x, self.strength * sigma)


def default_denoiser() -> Denoiser:
    """The general denoiser where one is installed, else that of total variation."""
    return TotalVariationDenoiser() if installed() is None else PackagedDenoiser()


@dataclass(frozen=True)
class DenoiserPrior(Prior):
    """A prior that is a denoiser."""

    denoiser: Denoiser = field(default_factory=default_denoiser)
    """D(x, sigma); by default the general denoiser where one is installed (`make weights`), else that of total variation."""

    @property
    def notes(self) -> tuple[str, ...]:
        return getattr(self.denoiser, "notes", ())

    def in_units(self, unit: Array) -> "DenoiserPrior":
        told = getattr(self.denoiser, "in_units", None)
        return self if told is None else replace(self, denoiser=told(unit))


@dataclass(frozen=True)
class PlugAndPlay(DenoiserPrior):
    """A denoiser as the proximal map of a prior that nobody has written down."""

    weight: float = 1e-3
    """w: the noise level handed to D is sqrt(w t) for a proximal step t."""

    def __call__(self, x: Array) -> Array:
        """Zero: the prior has no value."""
        return jnp.zeros((), x.real.dtype)

    def prox(self, x: Array, step: Array) -> Array:
        return self.denoiser(x, jnp.sqrt(jnp.asarray(self.weight * step, x.real.dtype)))


@dataclass(frozen=True)
class RED(DenoiserPrior):
    """Regularisation by denoising."""

    weight: float = 0.1
    """w."""
    sigma: float = 0.05
    """Noise level handed to D."""
    inner_iterations: int = 2
    """Fixed-point iterations of the proximal map."""

    def __call__(self, x: Array) -> Array:
        return self.weight / 2 * inner(x, x - self._denoise(x))

    def gradient(self, x: Array) -> Array:
        """w (x - D(x, sigma)): no derivative of D is taken."""
        return jnp.asarray(self.weight, x.dtype) * (x - self._denoise(x))

    def prox(self, x: Array, step: Array) -> Array:
        """Fixed point of z = (x + w t D(z)) / (1 + w t)."""
        t, z = jnp.asarray(self.weight * step, x.dtype), x
        for _ in range(self.inner_iterations):
            z = (x + t * self._denoise(z)) / (1 + t)
        return z

    def _denoise(self, x):
        return self.denoiser(x, jnp.asarray(self.sigma, x.real.dtype))
