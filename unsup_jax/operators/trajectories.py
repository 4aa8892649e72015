r"""Where k-space is sampled: Cartesian masks and non-Cartesian trajectories.

Masks are [H, W] or, for whole lines, [1, W], of ones and zeros, uncentred (zero frequency at index 0), with a
fully sampled centre of `centre` samples or lines. Trajectories are coordinates [samples, 2] in cycles per pixel.
`acceleration` R is samples of the grid over samples taken, the centre included.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core.sampling import inclusion
from unsup_jax.errors import InputError

GOLDEN_ANGLE = np.pi * (np.sqrt(5) - 1) / 2
"""111.25 degrees, in radians."""


def equispaced_lines(width: int, acceleration: int, *, centre: int = 24, offset: Array | int = 0) -> Array:
    """[1, width]: every `acceleration`-th line from `offset` on, and the `centre` lines about zero frequency on top."""
    _check(acceleration, centre, width)
    frequency = np.round(np.fft.fftfreq(width, 1 / width)).astype(int)
    return jnp.maximum(jnp.asarray(frequency % acceleration == offset, jnp.float32), _near_zero(width, centre))[None]


def random_lines(key: Array, width: int, acceleration: float, *, centre: int = 24) -> Array:
    """[1, width]: the centre and lines drawn uniformly, width / acceleration in all."""
    _check(acceleration, centre, width)
    score = jax.random.uniform(key, (width,)) + 2 * _near_zero(width, centre)
    return _largest(score, max(round(width / acceleration), centre))[None]


def random_lines_density(width: int, acceleration: float, *, centre: int = 24) -> Array:
    """[1, width]: the probability of each line to be among the `random_lines`."""
    middle = _near_zero(width, centre)
    others = max(round(width / acceleration), centre) - centre
    return jnp.where(middle > 0, 1, others / max(width - centre, 1)).astype(middle.dtype)[None]


def random_points(key: Array, shape: tuple[int, int], acceleration: float, *, centre: int = 4) -> Array:
    """[H, W]: the centre and points drawn uniformly."""
    _check(acceleration, centre, min(shape))
    score = jax.random.uniform(key, shape) + 2 * _centre_box(shape, centre)
    return _largest(score.ravel(), round(shape[0] * shape[1] / acceleration)).reshape(shape)


def gaussian_points(key: Array, shape: tuple[int, int], acceleration: float, *, centre: int = 4, sigma: float = 0.25) -> Array:
    """[H, W]: points drawn without replacement, with density exp(-|k|^2 / (2 (sigma N)^2)), and the centre."""
    _check(acceleration, centre, min(shape))
    score = _log_gaussian(shape, sigma) + jax.random.gumbel(key, shape)  # Gumbel top-k: sampling without replacement
    score = score + 1e6 * _centre_box(shape, centre)
    return _largest(score.ravel(), round(shape[0] * shape[1] / acceleration)).reshape(shape)


def gaussian_points_density(shape: tuple[int, int], acceleration: float, *, centre: int = 4, sigma: float = 0.25) -> Array:
    """[H, W]: the probability of each point to be among the `gaussian_points`."""
    middle = _centre_box(shape, centre)
    others = inclusion((1 - middle) * jnp.exp(_log_gaussian(shape, sigma)), round(shape[0] * shape[1] / acceleration) - centre**2)
    return jnp.maximum(middle, others)


def poisson_disc(seed: int, shape: tuple[int, int], acceleration: float, *, centre: int = 24, slope: float = 2.0) -> np.ndarray:
    """[H, W]: no two samples closer than r(k) = r0 (1 + slope |k| / k_max), with r0 set by the acceleration.

    Points are visited in random order and taken where their disc is empty; the rate is met within 1 %.
    """
    _check(acceleration, centre, min(shape))
    rng = np.random.default_rng(seed)
    places = [np.fft.fftshift(np.fft.fftfreq(n)) * 2 for n in shape]
    radius = 1 + slope * np.sqrt(places[0][:, None] ** 2 + places[1][None] ** 2) / np.sqrt(2)
    order = rng.permutation(shape[0] * shape[1])
    middle = np.zeros(shape, bool)
    middle[tuple(slice(n // 2 - centre // 2, n // 2 - centre // 2 + centre) for n in shape)] = True
    target = shape[0] * shape[1] / acceleration
    low, high = 0.3, 3.0 * np.sqrt(acceleration)
    for _ in range(24):
        scale = (low * high) ** 0.5
        taken = _throw(order, shape, scale * radius) | middle
        if abs(taken.sum() - target) < 0.01 * target:
            break
        low, high = (scale, high) if taken.sum() > target else (low, scale)
    return np.fft.ifftshift(taken).astype(np.float32)


def _throw(order, shape, radius):
    """Points in `order`, each taken where no taken point lies within its radius."""
    height, width = shape
    taken = np.zeros(shape, bool)
    free = np.ones(shape, bool)
    discs = {}
    for place in order:
        row, column = divmod(int(place), width)
        if not free[row, column]:
            continue
        taken[row, column] = True
        r = radius[row, column]
        reach = int(r)
        level = round(float(r), 1)
        if level not in discs:
            y, x = np.ogrid[-reach:reach + 1, -reach:reach + 1]
            discs[level] = (reach, y * y + x * x < level * level)
        reach, disc = discs[level]
        top, left = max(row - reach, 0), max(column - reach, 0)
        bottom, right = min(row + reach + 1, height), min(column + reach + 1, width)
        free[top:bottom, left:right] &= ~disc[top - row + reach:bottom - row + reach, left - column + reach:right - column + reach]
    return taken


def radial(spokes: int, samples: int, *, angle: float | None = None, start: Array | float = 0.0) -> Array:
    """[spokes * samples, 2]: lines through zero from the angle `start`, `angle` apart (default: pi / spokes; or `GOLDEN_ANGLE`)."""
    angles = start + jnp.arange(spokes, dtype=jnp.float32) * (jnp.pi / spokes if angle is None else float(angle))
    radius = jnp.arange(samples, dtype=jnp.float32) / samples - 0.5
    return (radius[None, :, None] * jnp.stack([jnp.sin(angles), jnp.cos(angles)], -1)[:, None]).reshape(-1, 2)


def spiral(interleaves: int, samples: int, *, turns: float = 8.0, power: float = 1.0) -> Array:
    """[interleaves * samples, 2]: Archimedean spirals from zero to 1/2, `turns` each; a power above 1 samples the centre more."""
    t = jnp.linspace(0, 1, samples)
    start = 2 * jnp.pi / interleaves * jnp.arange(interleaves, dtype=jnp.float32)
    phase = 2 * jnp.pi * turns * t[None] + start[:, None]
    return (0.4999 * (t**power)[None, :, None] * jnp.stack([jnp.sin(phase), jnp.cos(phase)], -1)).reshape(-1, 2)


def _log_gaussian(shape, sigma):
    rows, columns = (jnp.fft.fftfreq(n) for n in shape)
    return -(jnp.square(rows)[:, None] + jnp.square(columns)[None]) / (2 * sigma**2)


def _near_zero(n, centre):
    frequency = np.fft.fftfreq(n, 1 / n)
    return jnp.asarray((frequency >= -(centre // 2)) & (frequency < centre - centre // 2), jnp.float32)


def _centre_box(shape, centre):
    return _near_zero(shape[0], centre)[:, None] * _near_zero(shape[1], centre)[None]


def _largest(score, count):
    order = jnp.argsort(-score)
    return jnp.zeros(score.shape, jnp.float32).at[order[:count]].set(1.0)


def _check(acceleration, centre, width):
    if acceleration < 1:
        raise InputError(f"acceleration is {acceleration}; it is at least 1")
    if not 0 <= centre <= width:
        raise InputError(f"centre is {centre} samples of {width}")
