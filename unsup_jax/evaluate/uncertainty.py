r"""Is the spread of the draws from p(x|y) the error that they make?

    calibration   rms(mean - truth) of the pixels whose predicted deviation sigma lies in a bin, against their rms sigma
    coverage      part of the pixels whose truth lies within mean +- t_p sigma, against p
    correlation   of sigma and |mean - truth| over the pixels

sigma is the deviation of the N draws about their mean, times sqrt(1 + 1/N) for the error of their mean. It is itself
estimated from N draws, so that a truth which is one more normal draw lies (truth - mean) / sigma away by Student's t of
N - 1 degrees of freedom, whose quantiles t_p are. A complex pixel counts as its two parts. Reference: Levi et al., Sensors 22, 5540 (2022).
"""

from collections.abc import Iterable

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy

stats = Lazy("scipy.stats")


def calibration(draws: np.ndarray, truth: np.ndarray, *, bins: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """(predicted, found) deviations [bins] of pixels sorted by the predicted one, of draws [N, *S, C] and a truth [*S, C].

    Raises `InputError` on fewer than two draws.
    """
    sigma, error = _spread(draws, truth)
    order = np.array_split(np.argsort(sigma), bins)
    rms = lambda values: float(np.sqrt(np.mean(np.square(values))))
    return np.array([rms(sigma[i]) for i in order]), np.array([rms(error[i]) for i in order])


def coverage(draws: np.ndarray, truth: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The part of the pixels whose truth lies in the central interval of each level in (0, 1).

    Raises `InputError` on fewer than two draws.
    """
    sigma, error = _spread(draws, truth)
    return np.array([np.mean(np.abs(error) <= stats.t(len(draws) - 1).ppf((1 + level) / 2) * sigma) for level in levels])


def correlation(draws: np.ndarray, truth: np.ndarray) -> float:
    """Pearson's, of the predicted deviation and the modulus of the error; NaN where one of them is the same everywhere.

    Raises `InputError` on fewer than two draws.
    """
    sigma, error = _spread(draws, truth)
    error = np.abs(error)
    deviations = sigma.std() * error.std()
    return float(np.mean((sigma - sigma.mean()) * (error - error.mean())) / deviations) if deviations > 0 else float("nan")


def deviation(draws: Iterable[np.ndarray]) -> np.ndarray:
    """The standard deviation [*S, C] of draws that come one after another, about their mean (Welford, Technometrics 4, 419 (1962)).

    Raises `InputError` on fewer than two.
    """
    count, mean, squares = 0, 0.0, 0.0
    for count, draw in enumerate(draws, 1):
        draw = np.asarray(draw, np.result_type(draw.dtype, np.float64))
        away = draw - mean
        mean = mean + away / count
        squares = squares + (away * np.conj(draw - mean)).real
    if count < 2:
        raise InputError(f"{count} draw has no deviation; it takes 2 or more")
    return np.sqrt(squares / (count - 1))


def _spread(draws, truth):
    if len(draws) < 2:
        raise InputError(f"{len(draws)} draw has no spread; calibration and coverage take 2 or more")
    draws, truth = _parts(draws), _parts(truth)
    sigma = draws.std(0, ddof=1) * np.sqrt(1 + 1 / len(draws))
    return sigma.ravel(), (draws.mean(0) - truth).ravel()


def _parts(x):
    """In double precision; real and imaginary part of complex numbers as numbers of their own."""
    x = np.asarray(x)
    return np.concatenate([x.real, x.imag], -1).astype(np.float64) if np.iscomplexobj(x) else x.astype(np.float64)
