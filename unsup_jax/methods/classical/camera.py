"""The noise of each channel of an image, as a camera's."""

import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.methods.classical.callback import numbers_on_host
from unsup_jax.noise import estimate_poisson_gaussian


def channel_cameras(one: Measurement) -> tuple[Array, Array, Array]:
    """(gain, sigma, offset), each [C], of the channels of y [*S, C]: means of a known camera's, else estimated from each channel alone.

    Of complex values, each [2 C]: of the real parts, then of the imaginary ones, which share a known variance evenly.
    """
    y, known = one.y, None if one.noise is None else one.noise.camera()
    parts = jnp.concatenate([y.real, y.imag], -1) if jnp.iscomplexobj(y) else y
    if known is None:
        estimates = lambda y: [estimate_poisson_gaussian(channel[..., None]) for channel in np.moveaxis(y, -1, 0)]
        return tuple(numbers_on_host(estimates, parts, 3 * parts.shape[-1]).reshape(-1, 3).T)
    share = parts.shape[-1] // y.shape[-1]
    mean = lambda v: jnp.broadcast_to(jnp.asarray(v, jnp.promote_types(parts.dtype, jnp.float32)), y.shape).mean(tuple(range(y.ndim - 1)))
    gain, sigma, offset = (jnp.tile(mean(v), share) for v in known)
    return gain, sigma / share**0.5, offset
