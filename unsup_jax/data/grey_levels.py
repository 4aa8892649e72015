r"""Grey levels of unpaired images that another instrument took.

    x <- m_y + (s_y / s_x) (x - m_x),     m_x, s_x the mean and the deviation of H x, m_y, s_y those of y without its noise

A line through the grey levels, after which H x has the mean and the deviation of y: where H leaves a constant as it is, as a PSF of unit sum does.
It takes the fields of both to hold about as much.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.data.parts import in_memory, middle_part
from unsup_jax.errors import InputError
from unsup_jax.files import Image, Rescaled
from unsup_jax.noise.estimate import estimate_poisson_gaussian

_FEW, _LARGE = 8, 2**20  # images, and numbers of the middle of each, that the levels are taken from
FAR = 1.5
"""Ratio of deviations from which on a user is told that grey levels differ."""


def line(unpaired: Sequence[Image], measurements: Sequence[Measurement]) -> tuple[float, float]:
    """(s_y / s_x, m_y - m_x s_y / s_x). Raises `InputError` where H makes another constant of a constant, and of complex or constant images."""
    first = measurements[0]
    shape = first.operator.domain(in_memory(first.y)).shape
    if np.iscomplexobj(first.y) or not first.operator.linear or not _keeps_constants(first.operator, shape):
        raise InputError("grey levels of unpaired images are matched by an operator that leaves a constant image as it is, such as a blur of unit "
                         f"sum, not by {type(first.operator).__name__}; leave --data.unpaired-levels out")
    m_x, variance_x = _levels([np.asarray(first.operator(jnp.asarray(_of_shape(x, shape)))) for x in _some(unpaired)])
    ys = [np.asarray(one.y[middle_part(one.y.shape, _LARGE)]) for one in _some(measurements)]
    m_y, variance_y = _levels(ys)
    variance_y -= min(np.mean([_noise(one, y, m_y) for one, y in zip(_some(measurements), ys)]), 0.9 * variance_y)
    if not (variance_x > 0 and variance_y > 0):
        raise InputError("grey levels of constant images cannot be matched")
    gain = float(np.sqrt(variance_y / variance_x))
    return gain, float(m_y - gain * m_x)


def rescaled(image: Image, gain: float, offset: float) -> Image:
    """gain x + offset; of an image on the disk where it is read."""
    return np.float32(gain) * image + np.float32(offset) if isinstance(image, np.ndarray) else Rescaled(image, gain, offset)


def _some(items):
    return items[:: -(-len(items) // _FEW)]


def _of_shape(x, shape):
    """The middle of x, or x repeated, as wide as an image of H."""
    for axis, n in enumerate(shape[:-1]):
        start = max(0, x.shape[axis] - n) // 2
        x = x[(*(slice(None),) * axis, slice(start, start + n))] if x.shape[axis] > n else x
    x = np.asarray(x, np.float32)
    return np.pad(x, [*((0, n - m) for n, m in zip(shape, x.shape[:-1])), (0, 0)], mode="wrap")


def _levels(images):
    values = np.concatenate([image.ravel() for image in images]).astype(np.float64)
    return values.mean(), values.var()


def _noise(one, y, mean):
    """The variance of the noise of y at its mean."""
    if one.noise is not None:
        return float(np.mean(one.noise.variance(jnp.maximum(jnp.asarray(y), 0))))
    gain, sigma, offset = estimate_poisson_gaussian(y)
    return gain * max(mean - offset, 0) + sigma**2


def _keeps_constants(H, shape):
    made = np.asarray(H(jnp.ones(shape, jnp.float32)))
    return not np.iscomplexobj(made) and abs(np.median(made) - 1) < 0.02
