r"""Is the spread of the draws from p(x|y) the error that they make?

    calibration   rms(mean - truth) of the pixels whose predicted deviation sigma lies in a bin, against their rms sigma
    coverage      part of the pixels whose truth lies within mean +- z_p sigma, against the p that a normal has there

sigma is the deviation of the draws about their mean; that of the error of their mean is sqrt(1 + 1/N) as much.
Reference: Levi et al., Sensors 22, 5540 (2022).
"""

import numpy as np
from scipy.stats import norm


def calibration(draws: np.ndarray, truth: np.ndarray, *, bins: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """(predicted, found) deviations [bins] of pixels sorted by the predicted one, of draws [N, *S, C] and a truth [*S, C]."""
    sigma, error = _spread(draws, truth)
    order = np.array_split(np.argsort(sigma), bins)
    rms = lambda values: float(np.sqrt(np.mean(np.square(values))))
    return np.array([rms(sigma[i]) for i in order]), np.array([rms(error[i]) for i in order])


def coverage(draws: np.ndarray, truth: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The part of the pixels whose truth lies in the central normal interval of each level in (0, 1)."""
    sigma, error = _spread(draws, truth)
    return np.array([np.mean(np.abs(error) <= norm.ppf((1 + level) / 2) * sigma) for level in levels])


def _spread(draws, truth):
    sigma = draws.std(0, ddof=1) * np.sqrt(1 + 1 / len(draws))
    return sigma.ravel().astype(float), (draws.mean(0) - truth).ravel().astype(float)
