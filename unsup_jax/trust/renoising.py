r"""What of an estimate the data do not support: measure it again, and see what changes.

    y' = H x^ + w',        x' = F(y')

with noise drawn anew. Structure that the data carry comes back in x'; what was made of noise comes out otherwise each time; what F
smooths away is gone from all of them. If x^ were the truth, x' - x^ would be the error of F: a parametric bootstrap (Efron and
Tibshirani, 1993). Locally, in Gaussian windows G of a few pixels and with the variance over the draws,

    unsupported = G Var[x'] / G |x^ - G x^|^2,        between 0 and 1

is the part of the structure that the noise made.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.evaluate.resolution import Correlation, fourier_ring_correlation
from unsup_jax.lazy import Lazy
from unsup_jax.losses.objective import Estimator
from unsup_jax.trust.residual import Residual, residual
from unsup_jax.trust.stein import predicted, wide

ndimage = Lazy("scipy.ndimage")


@dataclass(frozen=True)
class Renoised:
    """An estimate, measured again and estimated again a few times."""

    estimates: np.ndarray
    """x' of each draw, [B, *S, C]."""
    residuals: tuple[Residual, ...]
    """y' - H x' of each, in units of the noise: what is expected of the residual of y."""
    change: np.ndarray
    """The root mean square of x' - x^ over the draws [*S, C], grey values."""
    unsupported: np.ndarray
    """The part of the local structure that is spread [*S]."""
    part: float
    """The same over all of the estimate."""
    reproduced: Correlation
    """The correlation of x^ and x' in rings of spatial frequency, in the mean over the draws."""


def renoised(key: jax.Array, F: Estimator, one: Measurement, estimate: np.ndarray, *, draws: int = 2, window: float = 4.0) -> Renoised:
    """`draws` further measurements of `estimate`, by the operator and in the noise of `one`, and what F makes of them."""
    clean = predicted(one.operator, jnp.asarray(estimate))
    there = one.operator.measured(clean) > 0 if one.operator.linear else jnp.ones((1,) * clean.ndim, bool)
    estimates, residuals = [], []
    for k in jax.random.split(key, draws):
        y = jnp.where(there, one.noise.sample(k, clean), jnp.zeros_like(clean))
        again = np.asarray(F(one.replace(y=y)))
        estimates.append(again)
        residuals.append(residual(np.asarray(y), again, one.operator, one.noise))
    estimates, own = np.stack(estimates), wide(estimate)
    square, spread = np.mean(np.abs(wide(estimates) - own) ** 2, 0), wide(estimates).var(0, ddof=1)
    space = (window,) * (own.ndim - 1) + (0,)
    structure = np.abs(own - ndimage.gaussian_filter(own, space)) ** 2
    local = lambda image: ndimage.gaussian_filter(image.sum(-1), window)
    unsupported = np.clip(local(spread) / np.maximum(local(structure), 1e-300), 0, 1)
    curves = [fourier_ring_correlation(np.asarray(estimate), again) for again in estimates]
    reproduced = Correlation(curves[0].frequency, np.mean([c.correlation for c in curves], 0), curves[0].samples)
    part = float(min(spread.sum() / max(structure.sum(), 1e-300), 1.0))
    return Renoised(estimates, tuple(residuals), np.sqrt(square), unsupported, part, reproduced)
