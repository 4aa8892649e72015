r"""Sparsity in an orthogonal wavelet basis.

    R(x) = w ||d(W x)||_1,     d the detail coefficients of all levels,     prox: W* shrink(W x, w t)

W is the periodic discrete wavelet transform with Daubechies' filters. With `cycle_spin` the map is averaged over
all shifts of one pixel along each axis, which removes the grid's blocks (Coifman and Donoho, 1995). An axis too
short or not divisible for another level keeps what it has. Reference: Mallat, A Wavelet Tour of Signal Processing.
"""

from dataclasses import dataclass
from itertools import product

import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.priors.base import Prior
from unsup_jax.priors.pointwise import shrink

FILTERS = {
    "haar": (0.7071067811865476, 0.7071067811865476),
    "db2": (0.48296291314469025, 0.836516303737469, 0.22414386804185735, -0.12940952255092145),
    "db4": (
        0.23037781330885523, 0.7148465705525415, 0.6308807679295904, -0.02798376941698385,
        -0.18703481171888114, 0.030841381835986965, 0.032883011666982945, -0.010597401784997278,
    ),
}


@dataclass(frozen=True)
class Wavelet(Prior):
    """R(x) of an image or volume [*S, C], channel by channel. Raises `InputError` on an unknown family."""

    weight: float = 1e-2
    """w."""
    family: str = "db4"
    """haar, db2 or db4."""
    levels: int = 4
    """Levels of the transform, at most."""
    cycle_spin: bool = False
    """Average the proximal map over shifts."""

    def __post_init__(self):
        if self.family not in FILTERS:
            raise InputError(f"Wavelet has no family {self.family!r}; there are {', '.join(FILTERS)}")

    def __call__(self, x: Array) -> Array:
        total = jnp.zeros((), x.real.dtype)
        for details in self.analyse(x)[1:]:
            total = total + sum(jnp.sum(jnp.abs(band)) for band in details)
        return self.weight * total

    def prox(self, x: Array, step: Array) -> Array:
        threshold = self.weight * step

        def denoise(x):
            low, *levels = self.analyse(x)
            return self.synthesise([low, *([shrink(band, threshold) for band in bands] for bands in levels)], x.shape)

        if not self.cycle_spin:
            return denoise(x)
        axes = tuple(range(x.ndim - 1))
        shifts = list(product((0, 1), repeat=len(axes)))
        spun = [jnp.roll(denoise(jnp.roll(x, s, axes)), [-n for n in s], axes) for s in shifts]
        return sum(spun) / len(shifts)

    def analyse(self, x: Array) -> list:
        """[low, details of the coarsest level, ..., of the finest]: the coefficients of W x."""
        levels = []
        for _ in range(self.levels):
            axes = self._axes(x.shape)
            if not axes:
                break
            bands = [x]
            for axis in axes:
                bands = [part for band in bands for part in _split(band, FILTERS[self.family], axis)]
            x, details = bands[0], bands[1:]
            levels.append(details)
        return [x, *levels[::-1]]

    def synthesise(self, coefficients: list, shape: tuple[int, ...]) -> Array:
        """W* of what `analyse` made of an image of `shape`."""
        x, *levels = coefficients
        shapes = [shape]
        for _ in levels[1:]:
            axes = self._axes(shapes[-1])
            shapes.append(tuple(n // 2 if axis in axes else n for axis, n in enumerate(shapes[-1])))
        for details, fine in zip(levels, shapes[::-1]):
            bands = [x, *details]
            for axis in self._axes(fine)[::-1]:
                bands = [_merge(a, b, FILTERS[self.family], axis) for a, b in zip(bands[::2], bands[1::2])]
            x = bands[0]
        return x

    def _axes(self, shape):
        shortest = len(FILTERS[self.family])
        return [axis for axis, n in enumerate(shape[:-1]) if n % 2 == 0 and n >= shortest]


def _split(x, taps, axis):
    """Low- and high-pass halves: sums over taps of contiguous slices of the periodically extended axis."""
    n, width = x.shape[axis], len(taps)
    index = [slice(None)] * x.ndim
    index[axis] = slice(0, width)
    extended = jnp.concatenate([x, x[tuple(index)]], axis)
    pairs = extended.reshape(*x.shape[:axis], (n + width) // 2, 2, *x.shape[axis + 1:])
    take = lambda k: pairs[(slice(None),) * axis + (slice(k // 2, k // 2 + n // 2), k % 2)]
    low = sum(h * take(k) for k, h in enumerate(taps))
    high = sum((-1) ** k * h * take(k) for k, h in enumerate(taps[::-1]))
    return low, high


def _merge(low, high, taps, axis):
    """The transpose of `_split`."""
    half, width = low.shape[axis], len(taps)
    reversed_taps = taps[::-1]
    phases = []
    for parity in (0, 1):
        total = 0
        for k in range(parity, width, 2):
            term = taps[k] * low + (-1) ** k * reversed_taps[k] * high
            total = total + jnp.roll(term, k // 2, axis)
        phases.append(total)
    return jnp.stack(phases, axis + 1).reshape(*low.shape[:axis], 2 * half, *low.shape[axis + 1:])

