r"""Fourier ring and shell correlation (FRC, FSC), and the resolution they give.

    FSC(r) = Re sum_{|k| in r} A(k) B(k)^* / sqrt(sum |A(k)|^2 sum |B(k)|^2)

over rings (2-D) or shells (3-D) r one frequency sample wide. Resolution is the inverse of the first spatial
frequency at which the curve falls below a threshold:

    1/7, 0.143   two independent noisy halves (Rosenthal & Henderson 2003)
    1/2          an estimate against a noise-free reference
    half-bit     (0.2071 + 1.9102 / sqrt n) / (1.2071 + 0.9102 / sqrt n) with n independent samples in the ring
                 (van Heel & Schatz, J. Struct. Biol. 151, 250 (2005))

n counts the two halves of a spectrum and every channel, so that two images of noise correlate by 0 +- 1 / sqrt n.
A window w makes neighbouring samples dependent: of white noise, the spectrum at k and k + m correlates as the
transform of w^2 at m, and along each of the d - 1 directions in which a ring or shell extends the independent samples are

    (mean w^2)^2 / mean w^4      of the samples there are, 18/35 for the Hann window.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from unsup_jax.errors import InputError

Threshold = Literal["1/7", "0.143", "1/2", "half-bit"]


@dataclass(frozen=True)
class Correlation:
    """A correlation curve: frequency in cycles per pixel, correlation, and independent samples in each ring."""

    frequency: np.ndarray
    correlation: np.ndarray
    samples: np.ndarray
    pixel_size: float = 1.0
    """Size of a pixel, in the unit that resolutions are wanted in."""

    def threshold(self, kind: Threshold) -> np.ndarray:
        """The threshold at each ring."""
        if kind == "half-bit":
            root = np.sqrt(np.maximum(self.samples, 1))
            return (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)
        if kind not in ("1/7", "0.143", "1/2"):
            raise InputError(f"threshold {kind!r}; accepted are 1/7, 0.143, 1/2 and half-bit")
        return np.full(self.correlation.shape, {"1/7": 1 / 7, "0.143": 0.143, "1/2": 0.5}[kind])

    def resolution(self, kind: Threshold = "1/7") -> float:
        """Resolution, in the unit of `pixel_size`: two pixels where the curve never falls below the threshold."""
        margin = self.correlation - self.threshold(kind)
        below = np.flatnonzero(margin[1:] < 0) + 1
        if len(below) == 0:
            return 2 * self.pixel_size
        i = below[0]
        if i == 1 and margin[0] < 0:
            return float("inf")
        weight = margin[i - 1] / (margin[i - 1] - margin[i])
        frequency = self.frequency[i - 1] + weight * (self.frequency[i] - self.frequency[i - 1])
        return float(self.pixel_size / frequency) if frequency > 0 else float("inf")


def fourier_ring_correlation(a: np.ndarray, b: np.ndarray, *, pixel_size: float = 1.0, window: bool = True) -> Correlation:
    """FRC of two images [H, W, C] (FSC of two volumes [D, H, W, C]), channels pooled.

    `window` multiplies both by a Hann window after subtracting their means, since the edges of a frame are
    the same in both and would correlate at all frequencies. Raises `InputError` on different shapes.
    """
    if a.shape != b.shape:
        raise InputError(f"images of shapes {a.shape} and {b.shape} cannot be correlated; they must agree")
    frame = a.shape[:-1]
    axes = tuple(range(len(frame)))
    windows = [np.hanning(n + 2)[1:-1] if window else np.ones(n) for n in frame]
    spectra = []
    for image in (a, b):
        image = np.asarray(np.abs(image) if np.iscomplexobj(image) else image, np.float64)
        image = image - image.mean(axes)
        for axis, w in enumerate(windows):
            image = image * w.reshape([-1 if i == axis else 1 for i in range(image.ndim)])
        spectra.append(np.fft.fftn(image, axes=axes))
    side = min(frame)
    radius = np.sqrt(sum(f**2 for f in np.meshgrid(*(np.fft.fftfreq(n) * side for n in frame), indexing="ij")))
    ring = np.rint(radius).astype(int).ravel()
    inside = ring <= side // 2

    def total(values):
        return np.bincount(ring[inside], values.sum(-1).ravel()[inside], side // 2 + 1)

    A, B = spectra
    cross, power = total((A * B.conj()).real), total(np.abs(A) ** 2) * total(np.abs(B) ** 2)
    correlation = np.where(power > 0, cross / np.sqrt(np.where(power > 0, power, 1)), 0.0)
    correlation[0] = 1.0  # the mean was subtracted
    independent = [np.mean(w**2) ** 2 / np.mean(w**4) for w in windows]
    samples = np.bincount(ring[inside], minlength=side // 2 + 1) * a.shape[-1] * np.prod(independent) ** (1 - 1 / len(frame))
    return Correlation(np.arange(side // 2 + 1) / side, correlation, samples, pixel_size)


fourier_shell_correlation = fourier_ring_correlation
