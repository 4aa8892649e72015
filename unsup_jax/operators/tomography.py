r"""Parallel-beam tomography: line integrals of a slice, or of each slice of a volume, at known angles.

    y(theta, t) = integral of x along the line  column cos(theta) - row sin(theta) = t

with row, column and t counted in pixels from the centre, index N // 2 (scikit-image's convention).

The image is the band-limited function through its pixels. A projection shears each row against the next:
for a = cos(theta), b = -sin(theta) (and with rows and columns exchanged where |b| > |a|),

    y(theta, t) = g(t / a) / |a|,      g(u) = sum_row x(row, u - row b / a),

so that with X(row, k) the transform along the columns, G(k) = sum_row X(row, k) exp(-2 pi i k row (b / a) / P) is a
one-dimensional sum of exponentials along the rows, and g(t / a) another along k. Both are computed as in
`unsup_jax.operators.gridding`: no image is rotated, and no interpolation is done in more than one dimension.
Frequencies above the detector's half cycle a pixel are not passed.

Reference: Kak and Slaney, Principles of Computerized Tomographic Imaging, ch. 3; linogram: Edholm and Herman,
IEEE Trans. Med. Imaging 6, 301 (1987).
"""

from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from unsup_jax.core.operator import LinearOperator, Slices
from unsup_jax.core.phasors import by_parts, cis, weighted
from unsup_jax.errors import InputError
from unsup_jax.operators.gridding import fine_spectrum, taps, window_transform


class Radon(LinearOperator):
    """Sinograms [angle, detector, C] of a slice x [H, W, C]; [angle, depth, detector, C] of a volume [depth, H, W, C].

    The image is `size` pixels wide. The error of the line integrals of the band-limited image is about
    10^(1 - width). Raises `InputError` on angles beyond 2 pi (degrees given for radians), and on an x that is not
    `size` wide.
    """

    projects: ClassVar[bool] = True

    angles: Array
    """Radians, [angle]."""
    size: int = struct.field(pytree_node=False)
    """Pixels of the square slice."""
    width: int = struct.field(pytree_node=False, default=6)
    """Neighbours of each of the two interpolations: 3 is fast, 6 is exact to 1e-5."""
    detector: Array | None = None
    """t of the detector's pixels, pixels of x from the axis of rotation; None: `size` of them, t = n - N // 2."""

    def __post_init__(self):
        if isinstance(self.angles, (np.ndarray, jax.Array)) and not isinstance(self.angles, jax.core.Tracer):
            if self.angles.ndim == 1 and self.angles.size and not float(np.abs(self.angles).max()) <= 2 * np.pi + 1e-3:
                raise InputError(f"Radon takes angles in radians, within 2 pi; the largest given is {np.abs(self.angles).max():.4g}")

    def __call__(self, x: Array) -> Array:
        if x.ndim not in (3, 4) or x.shape[-3:-1] != (self.size, self.size):
            raise InputError(f"Radon of size {self.size} was given an image of shape {x.shape}")
        if jnp.iscomplexobj(x):
            return by_parts(self, x)
        slices = jnp.moveaxis(x.reshape(-1, *x.shape[-3:]), -1, 1)               # [depth, C, H, W]
        y = self._project(slices)                                                # [depth, C, angle, detector]
        y = jnp.moveaxis(y, (2, 3, 1), (0, 2, 3))                                # [angle, depth, detector, C]
        return y[:, 0] if x.ndim == 3 else y

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((*y.shape[1:-2], self.size, self.size, y.shape[-1]), y.dtype)

    def back_project(self, y: Array, *, window: str = "ram-lak") -> Array:
        """`filtered_back_projection`."""
        return filtered_back_projection(self, y, window=window)

    def slices(self, y: Array) -> Slices | None:
        """Those of a volume, which the views [angle, depth, detector, C] show row by row."""
        return Slices(self, lambda y: y, 0, 1, {}) if len(y.shape) == 4 else None

    def check_views(self) -> None:
        """`InputError` on a detector whose pixels are not as far apart as those of the image."""
        if self.detector is not None and np.abs(np.diff(self.detector) - 1).max(initial=0) > 1e-3:
            raise InputError("filtered back-projection takes detectors with a pixel of the image between their pixels; this one has others")

    def _project(self, x):
        period, real = 2 * self.size, x.dtype
        cosine, sine = jnp.cos(self.angles).astype(real), -jnp.sin(self.angles).astype(real)
        # not at 45 degrees, where views lie: a compiler that decides twice, with other roundings, decides alike
        steep = jnp.abs(sine) > 1.0003 * jnp.abs(cosine)
        a, b = jnp.where(steep, sine, cosine), jnp.where(steep, cosine, sine)

        def spectrum(x):
            """X(k_row, k) with row centred on zero and ready to be interpolated along k_row: [..., 2N, N + 1]."""
            return fine_spectrum(jnp.fft.rfft(x, period, -1), (-2,), self.width)

        both = jnp.stack([spectrum(x), spectrum(jnp.swapaxes(x, -1, -2))], -3)   # [depth, C, 2, 2N, N + 1]
        k = jnp.arange(self.size + 1).astype(real)
        index, weight = taps(k[None] * (b / a)[:, None], period, self.width)     # [angle, k, width]
        row = steep.astype(jnp.int32)[:, None, None] * period + index
        at = row * (self.size + 1) + jnp.arange(self.size + 1, dtype=jnp.int32)[None, :, None]
        flat = both.reshape(*x.shape[:2], -1)
        G = sum(weighted(weight[None, None, ..., tap], flat[..., at[..., tap]]) for tap in range(self.width))

        # g(t / a) = (1 / P) sum_k G(k) exp(2 pi i k u / P), u counted from the centre column, on a fine grid of u
        passed = (k[None] <= jnp.abs(a)[:, None] * self.size).astype(real)
        ramp = cis(2 * jnp.pi / period * ((jnp.arange(self.size + 1) * (self.size // 2)) % period).astype(real))
        fine = 2 * period
        spread = jnp.asarray(_fine_deapodization(period, self.width), real)
        factor = weighted(passed * spread[None], ramp[None])
        g = jnp.fft.irfft(G * factor[None, None], fine, -1) * 2
        t = jnp.arange(self.size, dtype=real) - self.size // 2 if self.detector is None else self.detector.astype(real)
        index, weight = taps(2 * t[None] / a[:, None], fine, self.width)         # [angle, detector, width]
        inside = jnp.abs(t)[None] <= self.size * jnp.abs(a)[:, None]             # g repeats beyond; the image ends before
        weight = jnp.where(inside[..., None], weight, 0)
        at = jnp.arange(self.angles.shape[0], dtype=jnp.int32)[:, None, None] * fine + index
        flat = g.reshape(*x.shape[:2], -1)
        y = sum(weight[None, None, ..., tap] * flat[..., at[..., tap]] for tap in range(self.width))
        return y / jnp.abs(a)[None, None, :, None]


def _fine_deapodization(period, width):
    """1 / transform of the window at the frequencies k = 0 ... P / 2 of a grid of step 1 / 2."""
    return 1 / window_transform(np.arange(period // 2 + 1) / (2 * period), width)


def parallel_angles(count: int, *, start: float = 0.0, extent: float = np.pi) -> Array:
    """`count` angles, radians, from `start`, evenly over `extent` and without its end.

    An extent below pi is a limited angle; `missing_wedge` gives a tilt series.
    """
    return start + jnp.arange(count, dtype=jnp.float32) * (extent / count)


def missing_wedge(largest: float, step: float) -> Array:
    """Tilt angles -largest, ..., largest, `step` apart, in radians; a wedge of pi - 2 largest is missing."""
    count = int(np.floor(2 * largest / step + 1e-6)) + 1
    return -largest + step * jnp.arange(count, dtype=jnp.float32)


RAMPS = ("ram-lak", "shepp-logan", "hann")


@partial(jax.jit, static_argnames="window")
def ramp_filter(sinogram: Array, *, window: str = "ram-lak") -> Array:
    """A sinogram [angle, ..., detector, C] filtered by |k|, times the `window` of one of `RAMPS`.

    The ramp is the transform of its band-limited kernel (1/4 at zero, -1 / (pi n)^2 at odd n), so that the mean is
    right (Kak and Slaney, eq. 3.61). Raises `InputError` on another window.
    """
    if window not in RAMPS:
        raise InputError(f"ramp_filter has no window {window!r}; there are {', '.join(RAMPS)}")
    detectors = sinogram.shape[-2]
    length = 2 ** int(np.ceil(np.log2(2 * detectors)))
    frequency = np.fft.rfftfreq(length)
    shape = {
        "ram-lak": np.ones_like(frequency), "shepp-logan": np.sinc(frequency), "hann": 0.5 + 0.5 * np.cos(2 * np.pi * frequency),
    }[window]
    ramp = jnp.asarray(band_limited_ramp(length)[: length // 2 + 1] * shape, sinogram.dtype)
    ramp = ramp.reshape((1,) * (sinogram.ndim - 2) + (-1, 1))
    return jnp.fft.irfft(weighted(ramp, jnp.fft.rfft(sinogram, length, -2)), length, -2)[..., :detectors, :]


def filtered_back_projection(H: Radon, y: Array, *, window: str = "ram-lak") -> Array:
    """H*(w |k| y) for views [angle, ..., detector, C] at any angles, w the `angular_weights` of each, in radians.

    The values are absolute: those of x where all directions were measured, and of a limited extent those of x without
    the frequencies in its wedge. Pixels of the detector are as far apart as those of the image. Raises `InputError` where
    H is no `Radon` (`FanBeam.parallel` gives one).
    """
    if not isinstance(H, Radon):
        raise InputError(f"filtered_back_projection takes the parallel views of Radon, not those of {type(H).__name__}")
    weights = angular_weights(H.angles).reshape((-1,) + (1,) * (y.ndim - 1))
    return H.adjoint(weighted(weights, ramp_filter(y, window=window)))


def angular_weights(angles: Array) -> Array:
    """The part of an integral over directions that each of the views [angle] stands for, radians, [angle].

    It is half of the angle between its two neighbours, theta and theta + pi being one direction: pi / A for A views evenly
    over pi or over 2 pi. A gap that is more than twice as wide as any other was left out, as the wedge of a tilt series is:
    the views beside it stand for as much of it as for the widest of the others.
    """
    direction = jnp.mod(angles, jnp.pi)
    order = jnp.argsort(direction)
    ascending = direction[order]
    gap = jnp.diff(ascending, append=ascending[:1] + jnp.pi)                    # from each view to the next
    other = jnp.sort(jnp.append(gap, jnp.zeros(1, gap.dtype)))[-2]
    gap = jnp.where((gap > 2 * other) & (other > 1e-3), other, gap)
    return jnp.zeros_like(gap).at[order].set((gap + jnp.roll(gap, 1)) / 2)


def band_limited_ramp(length: int) -> np.ndarray:
    """|k| in cycles per pixel at the frequencies of an FFT, as the transform of its sampled kernel."""
    n = np.minimum(np.arange(length), length - np.arange(length))
    kernel = np.where(n == 0, 0.25, np.where(n % 2 == 1, -1 / (np.pi * np.maximum(n, 1)) ** 2, 0))
    return np.fft.fft(kernel).real
