r"""Noise parameters from one noisy image.

In a camera's image the variance is linear in the mean, Var[y | x] = gain (x - offset) + sigma^2 (Foi 2008).
Both are measured in small blocks: the mean directly, the variance by a difference filter that is blind to
constants and gradients (Immerkaer, Comput. Vis. Image Underst. 64, 300 (1996)), and a line is fitted
robustly through the least structured blocks of each grey level.
"""

import numpy as np
from scipy import ndimage

_BLIND = np.outer([1, -2, 1], [1, -2, 1]) / 6.0  # unit energy: keeps the variance of white noise


def estimate_poisson_gaussian(y: np.ndarray, block: int = 8, levels: int = 24) -> tuple[float, float, float]:
    """(gain, sigma, offset) of an image or volume [*S, C], with the offset fixed at zero.

    Both are at least zero; gain is 0 for noise that does not grow with the signal. The blocks of a grey
    level are represented by the lower quartile of their variances, corrected for the spread that white
    noise alone gives it.
    """
    planes = np.moveaxis(y, -1, 0).reshape(-1, *y.shape[-3:-1]) if y.ndim > 3 else np.moveaxis(y, -1, 0)
    means, variances = [], []
    for plane in planes:
        residual = ndimage.convolve(plane.astype(np.float64), _BLIND) ** 2
        rows, columns = (n - n % block for n in plane.shape)
        blocks = lambda image: image[:rows, :columns].reshape(rows // block, block, columns // block, block).mean((1, 3))
        means.append(blocks(plane).ravel())
        variances.append(blocks(residual).ravel())
    means, variances = np.concatenate(means), np.concatenate(variances)
    order = np.argsort(means)
    noise = np.random.default_rng(0).normal(size=(block * 40, block * 40))
    white = ndimage.convolve(noise, _BLIND) ** 2
    quartile = np.quantile(white.reshape(40, block, 40, block).mean((1, 3)), 0.25)
    groups = [group for group in np.array_split(order, levels) if len(group)]
    level = np.array([means[group].mean() for group in groups])
    floor = np.array([np.quantile(variances[group], 0.25) / quartile for group in groups])
    weights = 1 / np.maximum(floor, 1e-12)  # a variance is known to a fraction of itself
    gain, constant = np.polyfit(level, floor, 1, w=weights) if np.ptp(level) > 0 else (0.0, floor.mean())
    if gain <= 0:
        return 0.0, float(np.sqrt(np.median(floor))), 0.0
    return float(gain), float(np.sqrt(max(constant, 0.0))), 0.0
