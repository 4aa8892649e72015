r"""Structural similarity as a loss (Wang, Simoncelli, Bovik 2003; Zhao et al., IEEE Trans. Comput. Imaging 3, 47 (2017)).

    MS-SSIM = l_M prod_{j = 1 ... M} cs_j^{w_j},     l = (2 m_a m_b + c_1) / (m_a^2 + m_b^2 + c_1),
                                                     cs = (2 s_ab + c_2) / (s_a^2 + s_b^2 + c_2)

m and s are moments under a Gaussian window of 11 pixels, sigma 1.5, means over the image; the images of scale j + 1 are those of
scale j, binned by two. M is 5, or as many scales as there are of 11 pixels, whose weights w then sum to one. Both images are in
units of the reference's range, from its least value on, so that the units of grey do not matter.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses.objective import Estimator, Objective
from unsup_jax.operators import Convolution, gaussian_psf

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _C1, _C2 = 11, 0.01**2, 0.03**2


@dataclass(frozen=True)
class StructuralError(Objective):
    """alpha (1 - MS-SSIM(F(y), x)) + (1 - alpha) (1/n) ||G (F(y) - x)||_1, G a Gaussian of 8 pixels, both in units of x's range.

    Raises `InputError` on an alpha outside [0, 1].
    """

    sees: ClassVar[frozenset[str]] = frozenset({"truth"})

    alpha: float = 0.84
    """Weight of the similarity against the absolute error's."""

    def __post_init__(self):
        if not 0 <= self.alpha <= 1:
            raise InputError(f"alpha is {self.alpha}; it lies between 0 and 1")

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        x = F(one)
        window = gaussian_psf(tuple(min(n, 33) for n in x.shape[:-1]), 8.0).astype(x.dtype)
        error = jnp.mean(Convolution(window, boundary="zero")(jnp.abs(x - one.truth))) / _units(one.truth)[1]
        return self.alpha * (1 - ms_ssim(x, one.truth)) + (1 - self.alpha) * error, {}


def ms_ssim(image: Array, reference: Array) -> Array:
    """MS-SSIM of two images [H, W, C] of one shape."""
    low, unit = _units(reference)
    a, b = ((x - low) / unit for x in (image, reference))
    scales = max(1, min(len(WEIGHTS), int(np.log2(max(min(a.shape[:2]) / _WINDOW, 1))) + 1))
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    total = 1.0
    for j, weight in enumerate(weights):
        luminance, contrast = _terms(a, b)
        of_scale = jnp.mean(contrast if j + 1 < scales else luminance * contrast)
        total = total * jnp.maximum(of_scale, 1e-4) ** weight.item()          # below zero there is no power of it
        a, b = (_halved(x) for x in (a, b))
    return total


def _units(reference):
    """(least value, range) of an image; a constant has range 1."""
    low, high = reference.min(), reference.max()
    return low, jnp.where(high > low, high - low, 1)


def _terms(a, b):
    """The maps of l and cs."""
    m_a, m_b, m_aa, m_bb, m_ab = jnp.split(_windowed(jnp.concatenate([a, b, a * a, b * b, a * b], -1)), 5, -1)
    s_a, s_b, s_ab = m_aa - m_a * m_a, m_bb - m_b * m_b, m_ab - m_a * m_b
    return (2 * m_a * m_b + _C1) / (m_a * m_a + m_b * m_b + _C1), (2 * s_ab + _C2) / (s_a + s_b + _C2)


def _windowed(x):
    """Means under the window, where it lies within the image; a smaller image has a smaller one."""
    rows, columns = (jnp.asarray(_band(n), x.dtype) for n in x.shape[:2])
    return jnp.einsum("ih,hwc,jw->ijc", rows, x, columns)


def _band(n):
    """The matrix [places of the window, n] of the means along an axis."""
    size = min(_WINDOW, n)
    taps = np.exp(-((np.arange(size) - (size - 1) / 2) ** 2) / (2 * 1.5**2))
    return np.stack([np.pad(taps / taps.sum(), (k, n - size - k)) for k in range(n - size + 1)])


def _halved(x):
    height, width = (n // 2 for n in x.shape[:2])
    return x[: 2 * height, : 2 * width].reshape(height, 2, width, 2, -1).mean((1, 3))
