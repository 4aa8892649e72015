r"""Is the noise of neighbouring pixels correlated? From one noisy image.

Methods that predict a pixel from its neighbours recover the signal only if the noise of one pixel tells nothing of the next one's.
For noise of variance v and correlation rho_s at a distance of s pixels, the second difference along an axis has the mean square

    E_s = <(y_{i-s} - 2 y_i + y_{i+s})^2> / 6 = v (6 - 8 rho_s + 2 rho_2s) / 6,

the same at all s where the noise is white, and rising to v within the reach of the correlation where it is not. A signal goes on
rising: where E_2 is not yet E_4 in the flattest blocks of an image, it is the signal that is seen, and nothing is said of the noise.
"""

import numpy as np

_REACH = 6               # largest distance, by which flat blocks are told
CORRELATED = 0.4         # white noise on a texture reaches 0.37, resampled images of a camera have 0.5 to 0.7


def neighbour_correlation(y: np.ndarray, *, block: int = 16, part: float = 0.1) -> np.ndarray:
    """rho_1 of the noise along the last two axes of space [2] of an image or volume [*S, C]; NaN where signal hides it.

    Taken over the `part` of the blocks, of `block` pixels each way, that are the flattest, 24 or more.
    """
    return _correlation(*_seen(y, block, part))


def variance_seen(y: np.ndarray) -> tuple[float, float]:
    """The parts of the noise's variance in the second difference along both axes, of spacing 1 and 2, of an image [*S, C].

    The product of E_s / v of both axes, as of a correlation rho_yx = rho_y rho_x; 1 along an axis whose `neighbour_correlation` does
    not exceed `CORRELATED`, and wherever signal hides it. Seen is what `correlation_warning` sees.
    """
    first, second = _seen(_middle_plane(y), 16, 0.1)
    found = _correlation(first, second)
    if np.isnan(found).any():
        return 1.0, 1.0
    return tuple(float(np.where(found > CORRELATED, np.clip(seen, 0.05, 1), 1).prod()) for seen in (first, second))


def correlation_warning(y: np.ndarray) -> str | None:
    """What to tell the user where `neighbour_correlation` of an image [*S, C] exceeds `CORRELATED`; None elsewhere.

    Seen is its middle plane, at most 1024 pixels wide. Where signal hides the noise along one axis, what is seen along the
    other may be signal too, and nothing is said.
    """
    found = neighbour_correlation(_middle_plane(y))
    if np.isnan(found).any() or not (found > CORRELATED).any():
        return None
    along = " and ".join(f"{rho:.2f} along {axis}" for axis, rho in zip("YX", found) if rho > CORRELATED)
    half = " ".join("2" if rho > CORRELATED else "0" for rho in found)
    return (f"the noise of neighbouring pixels is correlated ({along}): bin the pixels by 2 or more, or denoise by structN2V "
            f"(Noise2Void with --method.kappa uniform --method.structure {half})")


def middle(n: int, width: int) -> slice:
    """The `width` pixels in the middle of n, or all."""
    start = max(0, (n - width) // 2)
    return slice(start, start + min(n, width))


def _middle_plane(y):
    return y[tuple(middle(n, width) for n, width in zip(y.shape, (*(1,) * (y.ndim - 3), 1024, 1024)))]


def _seen(y, block, part):
    """E_1 / v and E_2 / v, each [2], along the last two axes of space; NaN where signal hides them."""
    y = np.asarray(y, np.float64)
    planes = np.moveaxis(y, -1, 0).reshape(-1, *y.shape[-3:-1])
    if min(planes.shape[1:]) < block + 2 * _REACH:
        return np.full((2, 2), np.nan)
    return np.array([_along(axis, planes, block, part) for axis in (1, 2)]).T


def _correlation(first, second):
    """rho_1 from E_1 / v and E_2 / v, rho_4 being zero."""
    rho_2 = 6 / 8 * (1 - second)
    return np.clip((6 + 2 * rho_2 - 6 * first) / 8, -1, 1)


def _along(axis, planes, block, part):
    squares = np.stack([_blocks(_difference(planes, s, axis) ** 2 / 6, block) for s in range(1, _REACH + 1)])
    squares = squares[:, squares[-1] > 0]
    if squares.shape[1] == 0:
        return np.nan, np.nan
    flattest = np.argsort(squares[-1])[: max(24, int(part * squares.shape[1]))]
    first, second, _, variance, _, _ = squares[:, flattest].mean(1)
    return (first / variance, second / variance) if second >= 0.75 * variance else (np.nan, np.nan)


def _difference(planes, s, axis):
    """The second difference of spacing s along an axis, at the places where that of the largest spacing exists."""
    n = planes.shape[axis]
    shifted = lambda by: np.take(planes, np.arange(_REACH + by, n - _REACH + by), axis)
    return shifted(-s) - 2 * shifted(0) + shifted(s)


def _blocks(image, block):
    """The mean of each block of planes [N, H, W], flat."""
    rows, columns = (n - n % block for n in image.shape[1:])
    return image[:, :rows, :columns].reshape(-1, rows // block, block, columns // block, block).mean((2, 4)).ravel()
