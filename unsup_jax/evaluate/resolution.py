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

from dataclasses import dataclass, replace
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


def fourier_ring_correlation(
    a: np.ndarray, b: np.ndarray, *, pixel_size: float = 1.0, window: bool = True, weight: np.ndarray | None = None,
) -> Correlation:
    """FRC of two images [H, W, C] (FSC of two volumes [D, H, W, C]), channels pooled.

    `window` multiplies both by a Hann window after subtracting their means, since the edges of a frame are
    the same in both and would correlate at all frequencies. A `weight` [*S] of each coefficient, uncentred, such as zeros for
    those that do not count, stands in all sums. Raises `InputError` on different shapes.
    """
    if a.shape != b.shape:
        raise InputError(f"images of shapes {a.shape} and {b.shape} cannot be correlated; they must agree")
    frame = a.shape[:-1]
    weight = np.ones(frame) if weight is None else weight
    if weight.shape != frame:
        raise InputError(f"weights of shape {weight.shape} for the coefficients of images of shape {frame}; they must agree")
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
        return np.bincount(ring[inside], (weight * values.sum(-1)).ravel()[inside], side // 2 + 1)

    A, B = spectra
    cross, power = total((A * B.conj()).real), total(np.abs(A) ** 2) * total(np.abs(B) ** 2)
    correlation = np.where(power > 0, cross / np.sqrt(np.where(power > 0, power, 1)), 0.0)
    correlation[0] = 1.0  # the mean was subtracted
    independent = [np.mean(w**2) ** 2 / np.mean(w**4) for w in windows]
    counted = np.bincount(ring[inside], weight.ravel()[inside] > 0, side // 2 + 1)
    samples = counted * a.shape[-1] * np.prod(independent) ** (1 - 1 / len(frame))
    return Correlation(np.arange(side // 2 + 1) / side, correlation, samples, pixel_size)


fourier_shell_correlation = fourier_ring_correlation


@dataclass(frozen=True)
class MaskedCorrelation:
    """The FSC of two halves, and what of it is the specimen's and not the mask's."""

    unmasked: Correlation
    masked: Correlation
    corrected: Correlation
    """(FSC_masked - FSC_random) / (1 - FSC_random) beyond the shells whose phases were kept, FSC_masked below."""


def masked_shell_correlation(
    a: np.ndarray, b: np.ndarray, mask: np.ndarray, *, pixel_size: float = 1.0, kept: float = 0.8, seed: int = 0,
) -> MaskedCorrelation:
    """FSC of two half maps [D, D, D, C] within a mask [D, D, D, 1] of values 0 to 1, corrected for what the mask itself correlates.

    A mask removes noise around the specimen, and makes neighbouring frequencies dependent. How much of the correlation comes of that
    is seen where there is no signal: the phases of both halves are drawn anew beyond the shell where the unmasked FSC falls below
    `kept`, and both are masked again (Chen et al., Ultramicroscopy 135, 24 (2013)). Two shells more are left uncorrected,
    where the mask mixes kept and drawn phases. Raises `InputError` on different shapes.
    """
    if mask.shape != (*a.shape[:-1], 1):
        raise InputError(f"a mask of shape {mask.shape} for volumes of shape {a.shape}; it is {(*a.shape[:-1], 1)}")
    correlate = lambda a, b: fourier_ring_correlation(a, b, pixel_size=pixel_size, window=False)
    unmasked, masked = correlate(a, b), correlate(a * mask, b * mask)
    below = np.flatnonzero(unmasked.correlation < kept)
    first = max(1, int(below[0])) if len(below) else len(unmasked.correlation)
    rng = np.random.default_rng(seed)
    random = correlate(*(_with_random_phases(half, first, rng) * mask for half in (a, b))).correlation
    corrects = np.arange(len(random)) >= first + 2
    corrected = np.where(corrects, (masked.correlation - random) / np.maximum(1 - random, 1e-6), masked.correlation)
    return MaskedCorrelation(unmasked, masked, replace(masked, correlation=corrected))


def ball_mask(size: int, radius: float, edge: float = 3.0) -> np.ndarray:
    """1 within `radius` voxels of the centre, 0 beyond `edge` more, half a cosine between them, [D, D, D, 1]."""
    distance = np.linalg.norm(np.moveaxis(np.indices((size,) * 3), 0, -1) - size // 2, axis=-1)
    return (0.5 + 0.5 * np.cos(np.pi * np.clip((distance - radius) / edge, 0, 1)))[..., None].astype(np.float32)


def _with_random_phases(x, first, rng):
    """x with the phases of white noise from the shell `first` on, mean and moduli as they are."""
    axes = tuple(range(x.ndim - 1))
    radius = np.sqrt(sum(f**2 for f in np.meshgrid(*(np.fft.fftfreq(n) * min(x.shape[:-1]) for n in x.shape[:-1]), indexing="ij")))
    spectrum, noise = np.fft.fftn(x, axes=axes), np.fft.fftn(rng.normal(size=x.shape), axes=axes)
    drawn = np.abs(spectrum) * noise / np.maximum(np.abs(noise), 1e-12)
    return np.fft.ifftn(np.where((np.rint(radius) >= first)[..., None], drawn, spectrum), axes=axes).real
