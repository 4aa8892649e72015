r"""Is the residual white? Its autocorrelation, and a p-value.

    rho_s = sum r_i r_{i+s} / sum |r_i|^2,         s up to `reach` along each of two axes

Of white noise rho_s is normal with the deviation 1 / n^(1/2), n the pairs that s apart were both measured, independently for each s of
half a plane. An estimate has eaten some of the noise: its residual (1 - J) w is blue, with neighbours that anticorrelate, which says
nothing against it. Two ways around:

    with simulated residuals of the same estimator     sum (rho_s - rho'_s)^2 / Var is chi^2 of as many degrees of freedom as there are s,
                                                       where Var = (1 + 1/B) sum_s rho'_s^2 / n of B simulations (Bartlett, 1946)
    from the residual alone                            positive rho_s alone speak of structure: sum max(rho_s, 0)^2 n, which is chi^2 with j
                                                       degrees of freedom where j of K are positive, j as heads of K coins fall
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unsup_jax.lazy import Lazy
from unsup_jax.trust.residual import Residual

stats = Lazy("scipy.stats")


@dataclass(frozen=True)
class Whiteness:
    """What neighbours of the residual have in common."""

    autocorrelation: np.ndarray
    """rho_s of every s [2 reach + 1, 2 reach + 1], 1 in the middle."""
    excess: np.ndarray
    """What of it is not expected: rho_s less rho'_s, or its positive part."""
    p: float
    """How often chance alone exceeds that."""

    @property
    def largest(self) -> float:
        """The largest excess of a single s."""
        return float(self.excess.max())


def autocorrelation(of: Residual, reach: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """(rho_s, pairs) of shifts along the last two axes of neighbours [2 reach + 1, 2 reach + 1]; NaN of shifts that the frame lacks."""
    axes = of.axes[-2:] if len(of.axes) > 1 else (of.axes[0],)
    frame = [of.r.shape[axis] for axis in axes]
    wider = [n + reach for n in frame]
    others = tuple(axis for axis in range(of.r.ndim) if axis not in axes)

    def products(values):
        power = np.sum(np.abs(np.fft.fftn(values, wider, axes)) ** 2, others)
        return np.fft.ifftn(power).real

    near = np.ix_(*(np.arange(-reach, reach + 1) for _ in axes))
    total, pairs = products(of.r)[near], np.rint(products(of.measured.astype(np.float64))[near])
    spread = np.sum(np.abs(of.r) ** 2) / max(of.measured.sum(), 1)
    rho = np.where(pairs > 0, total / np.maximum(pairs, 1) / max(spread, 1e-300), np.nan)
    return (rho, pairs) if len(axes) == 2 else (rho[None], pairs[None])


def whiteness(of: Residual, simulated: Sequence[Residual] = (), *, reach: int = 3) -> Whiteness:
    """The test of a residual, against those of the same estimator of `simulated` measurements where there are some."""
    rho, pairs = autocorrelation(of, reach)
    pairs = pairs * (2 if np.iscomplexobj(of.r) else 1)
    half = np.arange(rho.size) > rho.size // 2
    used = half & (pairs.ravel() > 0)
    if simulated:
        expected = np.mean([autocorrelation(other, reach)[0] for other in simulated], 0)
        variance = (1 + 1 / len(simulated)) * max(np.nansum(expected**2), 1.0) / np.maximum(pairs, 1)    # 1 of no residual at all
        excess = np.nan_to_num(rho - expected)
        q = np.sum((excess**2 / variance).ravel()[used])
        p = stats.chi2.sf(q, used.sum())
    else:
        excess = np.nan_to_num(np.maximum(rho, 0))
        excess[tuple(n // 2 for n in rho.shape)] = 0
        q = np.sum((excess**2 * pairs).ravel()[used])
        degrees = np.arange(1, used.sum() + 1)
        p = np.sum(stats.binom.pmf(degrees, used.sum(), 0.5) * stats.chi2.sf(q, degrees)) if q > 0 else 1.0
    return Whiteness(np.nan_to_num(rho), excess, float(p))
