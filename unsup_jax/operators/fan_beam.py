r"""Fan-beam tomography: line integrals of a slice along rays that diverge from a source.

    y(beta, gamma) = P(beta + gamma, D sin(gamma))

with P(theta, t) the parallel-beam projection of `unsup_jax.operators.tomography`, gamma the angle of a ray to the one
through the axis of rotation, and D the distance of the source from that axis. At beta = 0 the source is D pixels above
the centre of the image; it turns counter-clockwise.

P of an image of N pixels has no more than pi N / sqrt(2) periods a turn (its corners' circle times the highest
frequency), so that P at the places t of the rays, at twice as many angles, holds all there is: y lies between those angles,
and is interpolated along theta alone, as in `unsup_jax.operators.gridding`. P(theta + pi, t) = P(theta, -t) gives
the second half of the turn.

Reference: Kak and Slaney, Principles of Computerized Tomographic Imaging, sec. 3.4.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from unsup_jax.core.operator import LinearOperator
from unsup_jax.core.phasors import by_parts, weighted
from unsup_jax.errors import InputError
from unsup_jax.operators.gridding import OVERSAMPLING, taps, window_transform
from unsup_jax.operators.tomography import Radon, parallel_angles


class FanBeam(LinearOperator):
    """Sinograms [view, detector, C] of a slice x [H, W, C] of `size` pixels; depth comes between, as for `Radon`.

    Raises `InputError` on views or fan angles that are not radians, on a source inside the circle around the
    image, and on an x that is not `size` wide.
    """

    projects: ClassVar[bool] = True

    angles: Array
    """beta of each view, radians, [view]."""
    fan: Array
    """gamma of each pixel of the detector, radians, increasing, [detector]; `flat_fan` and `arc_fan` give some."""
    distance: Array
    """D, pixels of x."""
    size: int = struct.field(pytree_node=False)
    """Pixels of the square slice."""
    width: int = struct.field(pytree_node=False, default=6)
    """Neighbours of each interpolation, as for `Radon`."""

    def __post_init__(self):
        given = [a for a in (self.angles, self.fan, self.distance) if isinstance(a, (float, int, np.ndarray, jax.Array))]
        if len(given) < 3 or any(isinstance(a, jax.core.Tracer) or np.ndim(a) > 1 for a in given):
            return
        if np.abs(self.angles).max(initial=0) > 2 * np.pi + 1e-3 or np.abs(self.fan).max(initial=0) >= np.pi / 2:
            raise InputError(
                f"FanBeam takes radians: views within 2 pi and fan angles within pi / 2; the largest given are "
                f"{np.abs(self.angles).max():.4g} and {np.abs(self.fan).max():.4g}")
        if not np.all(np.asarray(self.distance) > self.size / 2**0.5):
            raise InputError(f"FanBeam has its source {self.distance} pixels from the axis, inside the circle around {self.size} x {self.size} pixels")

    def __call__(self, x: Array) -> Array:
        t = self.distance * jnp.sin(self.fan)
        count = int(np.ceil(np.pi / 2**0.5 * self.size)) + 8
        half = Radon(parallel_angles(count), self.size, self.width, jnp.concatenate([t, -t]))(x)
        P = jnp.concatenate(jnp.split(half, 2, -2))                              # [theta, ..., t, C] over the whole turn
        theta = self.angles[:, None] + self.fan[None]
        return _between(P, theta * (count / np.pi), self.width)

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((*y.shape[1:-2], self.size, self.size, y.shape[-1]), y.dtype)

    def back_project(self, y: Array, *, window: str = "ram-lak") -> Array:
        """`filtered_back_projection` of the parallel rays."""
        H, y = self.parallel(y)
        return H.back_project(y, window=window)

    def check_views(self) -> None:
        """`InputError` on views that are not evenly over the whole turn."""
        even = self.angles[0] + 2 * np.pi / len(self.angles) * np.arange(len(self.angles))
        if np.abs(np.asarray(self.angles) - even).max() > 1e-3:
            raise InputError("filtered back-projection takes fan-beam views evenly over the whole turn; these are not")

    def parallel(self, y: Array) -> tuple[Radon, Array]:
        """(H, H x): the parallel-beam measurement that holds the same rays, for views that are evenly over the whole turn."""
        views = self.angles.shape[0]
        theta = self.angles[:, None] - self.fan[None] - self.angles[:1, None]    # the view beta = theta - gamma sees it
        P = _between(y, theta * (views / (2 * np.pi)), self.width)
        t = jnp.arange(self.size, dtype=y.real.dtype) - self.size // 2
        margin = [(0, 0)] * y.ndim
        margin[-2] = (self.width, self.width)                                    # what leaves the detector is dark
        place = jnp.interp(jnp.arcsin(t / self.distance), self.fan, jnp.arange(self.fan.shape[0], dtype=t.dtype)) + self.width
        across = jnp.swapaxes(jnp.pad(P, margin), 0, -2)
        inside = (jnp.abs(t) <= self.distance * jnp.sin(jnp.abs(self.fan).max())).astype(t.dtype)
        P = jnp.swapaxes(_between(across, place[:, None], self.width), 0, -2)
        return Radon(self.angles, self.size, self.width), weighted(inside.reshape((1,) * (y.ndim - 2) + (-1, 1)), P)


def flat_fan(count: int, *, pitch: float, distance: float) -> Array:
    """gamma of a flat detector of `count` pixels, `pitch` wide, at a `distance` from the source: the same unit for both."""
    return jnp.arctan((jnp.arange(count, dtype=jnp.float32) - (count - 1) / 2) * (pitch / distance))


def arc_fan(count: int, *, extent: float) -> Array:
    """gamma of `count` pixels evenly on an arc about the source, over an `extent` in radians."""
    return (jnp.arange(count, dtype=jnp.float32) - (count - 1) / 2) * (extent / count)


def _between(P, position, width):
    """P [n, ..., m, C], periodic along its first axis, between its entries: at `position` [k, m], or [k, 1] for all m."""
    if jnp.iscomplexobj(P):
        return by_parts(lambda P: _between(P, position, width), P)
    n, *others, m, channels = P.shape
    rows = jnp.moveaxis(P, (0, -2), (-1, -2)).reshape(-1, m, n)
    spread = jnp.asarray(1 / window_transform(np.arange(n // 2 + 1) / (OVERSAMPLING * n), width), P.dtype)
    fine = jnp.fft.irfft(weighted(spread[None, None], jnp.fft.rfft(rows)), OVERSAMPLING * n) * OVERSAMPLING
    index, weight = taps(OVERSAMPLING * position.astype(P.dtype), OVERSAMPLING * n, width)
    at = jnp.arange(m, dtype=jnp.int32)[None, :, None] * (OVERSAMPLING * n) + index
    flat = fine.reshape(len(rows), -1)
    y = sum(weight[None, ..., tap] * flat[:, at[..., tap]] for tap in range(width))
    return jnp.moveaxis(y.reshape(*others, channels, *y.shape[1:]), (-2, -1), (0, -2))
