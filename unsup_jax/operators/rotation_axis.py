r"""Where a detector sees the axis that a specimen turns about.

A point at (r, phi) is projected to t = c + r cos(theta - phi), so that opposite views mirror each other about c:

    y(theta + pi, c + t) = y(theta, c - t).

The lag of the greatest correlation between a view and its mirrored opposite gives c to half a pixel. About it the axis is where the
filtered back-projection f of all views has the least absolute sum,

    c = argmin sum_r |f_c(r)|,

for attenuation is nowhere negative and a wrong axis makes arcs of both signs about every edge. Where no views are opposite, as in a
limited range of angles, which leaves such arcs whatever the axis is, the views' centres of mass give it: that of a specimen that is
seen whole moves as m(theta) = c + a cos(theta) + b sin(theta).

Reference: Donath, Beckmann and Schreyer, J. Opt. Soc. Am. A 23, 1048 (2006).
"""

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.operators.tomography import Radon, filtered_back_projection

_WIDEST = 512
"""Pixels of the detector that the search looks at; of more, neighbours are averaged."""


def rotation_axis(sinogram: np.ndarray, angles: np.ndarray) -> float:
    """The place of the axis on the detector, pixels from its first one's centre, of line integrals [angle, detector].

    It is found to a tenth of a pixel or so, of at most 256 of the views and 512 binned pixels; less well where a limited range of angles
    sees a part of the specimen.
    """
    every = -(-len(angles) // 256)
    width = sinogram.shape[1]
    binned = -(-width // _WIDEST)
    kept = width // binned * binned
    y = np.asarray(sinogram[::every, :kept], np.float32).reshape(-1, kept // binned, binned).mean(-1)
    theta = np.asarray(angles[::every], np.float32)
    line = jnp.arange(y.shape[1], dtype=jnp.float32)

    @jax.jit
    def total(centre):
        H = Radon(jnp.asarray(theta), y.shape[1], width=3, detector=line - centre)
        return jnp.abs(filtered_back_projection(H, jnp.asarray(y)[..., None], window="hann")).sum()

    found, step = _opposite(y, theta), 1.0
    if found is None:
        found, step = _of_masses(y, theta), 0.0
    while step > 0.02:
        tried = found + step * np.arange(-3, 4)
        found, step = float(tried[int(np.argmin([float(total(np.float32(c))) for c in tried]))]), step / 3
    return found * binned + (binned - 1) / 2


def _opposite(y, angles):
    """c of the correlation of a view with its mirrored opposite; None where no two lie within two steps of half a turn."""
    order = np.sort(angles)
    gap = np.abs((angles[None] - angles[:, None]) - np.pi)
    one, other = np.unravel_index(int(gap.argmin()), gap.shape)
    if gap[one, other] > 2 * np.median(np.diff(order)) + 1e-3:
        return None
    first, last = y[one] - y[one].mean(), (y[other] - y[other].mean())[::-1]
    n = y.shape[1]
    correlation = np.fft.irfft(np.fft.rfft(first, 2 * n) * np.conj(np.fft.rfft(last, 2 * n)), 2 * n)
    lag = int(np.argmax(correlation))
    return (n - 1 + (lag - 2 * n if lag > n else lag)) / 2


def _of_masses(y, angles):
    """c of the least-squares fit of c + a cos(theta) + b sin(theta) to the views' centres of mass."""
    light = np.maximum(y, 0)
    mass = light @ np.arange(y.shape[1]) / np.maximum(light.sum(1), 1e-30)
    return float(np.linalg.lstsq(np.stack([np.ones_like(angles), np.cos(angles), np.sin(angles)], 1), mass, rcond=None)[0][0])
