r"""Noise parameters from one noisy image.

In a camera's image the variance is linear in the mean, Var[y | x] = gain (x - offset) + sigma^2 (Foi 2008). Both are averages
over small blocks, so that the line holds for a block whatever its pixels are: the mean of y, and the mean square of a second
difference along both axes, which is blind to planes and keeps the variance of white noise (Immerkaer, Comput. Vis. Image
Underst. 64, 300 (1996)). What could bend the line is kept from it:

    structure    shows more in the same difference of twice the spacing, by 4 for an edge and 256 for a smooth hill: of the blocks of
                 a grey level, those are kept in which that difference is small, and what it still exceeds noise by makes the level doubtful
    background   the levels are even steps of the square root of y, in which the noise of photons is even, and each is known to
                 some per cent however many blocks it has
    clipping     blocks with pixels at the greatest value are left out; where the part p of a level's pixels is at the least value b, its
                 mean m above b tells the level x and the deviation s that it would have had, with phi, Phi of the normal law,

                     t = -Phi^-1(p),   s = m / (phi(t) + t Phi(t)),   x = b + t s        (b half a step up, where values are rounded)

                 where the variance is the one that x and s have when clipped: there, one level is most of the pixels. Not if the values
                 are whole photons, of which none is a count as any other
    correlation  of neighbouring pixels' noise, as in a resampled image, leaves the differences a part of its variance that is measured
                 (`correlation.variance_seen`), a tenth in wide-field images of FMD; they are divided by it
"""

import numpy as np

from unsup_jax.lazy import Lazy
from unsup_jax.noise.correlation import variance_seen

stats = Lazy("scipy.stats")

_LEVELS = 24
_ENOUGH = 8            # blocks of a level
_MODEL_ERROR = 0.05    # to which the variance of a level is known at best


def estimate_poisson_gaussian(y: np.ndarray, block: int = 8) -> tuple[float, float, float]:
    """(gain, sigma, offset) of an image or volume [*S, C]; gain is 0 for noise that does not grow with the signal.

    Of the offset and sigma the line tells gain offset - sigma^2 alone. The offset is taken to be zero where that leaves a variance
    to sigma, as it does without an offset; otherwise it is the mean of the darkest blocks.
    """
    y = np.asarray(y, np.float64)
    planes = np.moveaxis(y, -1, 0).reshape(-1, *y.shape[-3:-1])
    blocks = np.concatenate([_blocks(plane, block, y) for plane in planes], 1)
    blocks[[_FINE, _COARSE]] /= np.array(variance_seen(y))[:, None]
    blocks = blocks[:, (blocks[_FINE] > 0) & (blocks[_HIGH] <= 0.02)] if (blocks[_FINE] > 0).any() else blocks
    if not (blocks[_FINE] > 0).any():
        return 0.0, 0.0, 0.0
    levels = _by_level(blocks)
    step = _step(y)
    gain, constant, errors = _line(*levels[:-1])
    if not (step and abs(gain / step - 1) < 0.25 and constant < step**2):       # values that are not whole photons
        levels = _unclipped(levels, y.min(), step)
        gain, constant, errors = _line(*levels)
    if gain < 2 * errors[0]:
        return 0.0, float(np.sqrt(np.average(levels[1], weights=levels[2]))), 0.0
    if constant > -2 * errors[1]:
        return float(gain), float(np.sqrt(max(constant, 0.0))), 0.0
    dark = max(float(np.quantile(blocks[_MEAN], 0.01)), -constant / gain)
    return float(gain), float(np.sqrt(gain * dark + constant)), dark


_MEAN, _FINE, _COARSE, _LOW, _HIGH = range(5)


def _blocks(plane, block, y):
    """[5, blocks]: the mean, the mean squares of the two differences, and the parts at the least and the greatest value of y."""
    inside = plane[2:-2, 2:-2]
    block = max(1, min(block, *inside.shape))
    rows, columns = (n - n % block for n in inside.shape)
    mean = lambda image: image[:rows, :columns].reshape(rows // block, block, columns // block, block).mean((1, 3)).ravel()
    difference = lambda step: _second_difference(_second_difference(plane, step, 0), step, 1) / 6     # unit energy
    return np.stack([mean(image) for image in (inside, difference(1)[1:-1, 1:-1] ** 2, difference(2) ** 2, inside == y.min(), inside == y.max())])


def _second_difference(image, step, axis):
    image = np.moveaxis(image, axis, 0)
    return np.moveaxis(image[: -2 * step] - 2 * image[step:-step] + image[2 * step:], 0, axis)


def _by_level(blocks):
    """(mean, variance, number of blocks, mean square of the coarse difference, part at the least value) of each grey level."""
    root = np.sqrt(blocks[_MEAN] - blocks[_MEAN].min())
    level = np.minimum((root / max(root.max(), 1e-300) * _LEVELS).astype(int), _LEVELS - 1)
    groups, waiting = [], np.zeros(0, int)
    for i in range(_LEVELS):                                          # a level of few blocks joins the next
        waiting = np.concatenate([waiting, np.flatnonzero(level == i)])
        if len(waiting) >= _ENOUGH:
            groups.append(waiting)
            waiting = np.zeros(0, int)
    if len(waiting):
        groups.append(np.concatenate([groups.pop(), waiting]) if groups else waiting)
    groups = [blocks[:, g[blocks[_COARSE, g] <= 2 * np.quantile(blocks[_COARSE, g], 0.25) + 1e-300]] for g in groups]
    return tuple(np.array(of) for of in zip(*((g[_MEAN].mean(), g[_FINE].mean(), g.shape[1], g[_COARSE].mean(), g[_LOW].mean()) for g in groups)))


def _unclipped(levels, least, step):
    """(mean, variance, number of blocks, coarse difference) that the levels would have without clipping at the least value."""
    mean, variance, count, coarse, part = levels
    edge, t = least + step / 2, -stats.norm.ppf(np.clip(part, 0.02, 0.9))   # x = edge + t s
    above = stats.norm.pdf(t) + t * stats.norm.cdf(t)                             # mean, in units of s, and variance of a clipped normal variable
    left = (1 + t**2) * stats.norm.cdf(t) + t * stats.norm.pdf(t) - above**2
    deviation = np.maximum(mean - least - step / 2 * (1 - part), 0) / above
    clipped = (part > 0.02) & (part < 0.9) & (variance > 0.6 * left * deviation**2) & (variance < 1.6 * left * deviation**2)
    mean, variance = np.where(clipped, edge + t * deviation, mean), np.where(clipped, deviation**2, variance)
    seen = part < 0.9
    return tuple(of[seen] if seen.any() else of for of in (mean, variance, count, coarse))


def _line(level, variance, count, coarse):
    """(gain, constant, their standard errors) of the line through the levels, those off it counting little."""
    if len(level) < 2:
        return 0.0, float(variance.mean()), (0.0, 0.0)
    design, relative, structure = np.column_stack([level, np.ones(len(level))]), _MODEL_ERROR**2 + 0.06 / count, np.maximum(coarse - variance, 0) / 3
    predicted, doubt = variance, np.ones(len(level))
    for _ in range(20):
        error = np.sqrt(predicted**2 * relative + structure**2)
        root = (np.sqrt(doubt) / error)[:, None]
        line = np.linalg.lstsq(design * root, variance * root[:, 0], rcond=None)[0]
        surprise = np.abs(variance - design @ line) / error
        doubt = 1.5 / np.maximum(surprise, 1.5)
        predicted = np.maximum(design @ line, 0.1 * variance)
    errors = np.sqrt(np.diag(np.linalg.pinv((design * root).T @ (design * root))))
    return float(line[0]), float(line[1]), errors


def _step(y):
    """The spacing of the values of an image, zero where they are a continuum."""
    values = np.unique(y)
    return float(np.diff(values).min()) if 1 < len(values) <= min(65536, y.size // 4) else 0.0
