r"""How far the law of some images is from that of others, of samples [N, *S, C] of each.

    sliced Wasserstein   sqrt E_theta W_2(<theta, a>, <theta, b>)^2, theta uniform on the sphere      (Bonneel 2015), grey values
    kernel MMD           sqrt(E k(a, a') + E k(b, b') - 2 E k(a, b)), k Gaussian of the median distance (Gretton 2012), unbiased
    Frechet              |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^{1/2}) of features                (Heusel 2017)
    power spectrum       rms difference of the radial averages of |F x|^2, decibels

Samples of one law have a distance too: that of train against test is the floor beside which the others are read. The features
of `frechet` are those of a fixed random convolutional network, whose scale is its own: such values are compared with one another
alone. `inception` reads the network of the published FID from a file of yours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.evaluate.base import Analysis

Features = Callable[[np.ndarray], np.ndarray]
"""Images [N, H, W, C] to features [N, F]."""


@dataclass(frozen=True)
class Distributions(Analysis):
    """The distances of a method's samples from parts of the reference images of their size, as columns of the table.

    Raises `InputError`, before anything is trained, where the Inception network of FID is asked for and cannot be read.
    """

    draws: ClassVar[int] = 500

    inception: str | None = None
    """TorchScript file of the Inception network, for FID; None for fixed random features."""

    def check(self, shapes: list[tuple[int, ...]]) -> None:
        if self.inception is not None:
            inception(self.inception)

    def sample_scores(self, samples: np.ndarray, reference: Sequence[np.ndarray]) -> dict[str, float]:
        """All distances of samples [N, *S, C] from as many parts of the reference images."""
        held_out = crops(reference, samples.shape[1:], len(samples))
        return distances(samples, held_out, features=None if self.inception is None else inception(self.inception))


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, *, directions: int = 512, seed: int = 0) -> float:
    """SW_2 of samples [N, *S, C] and [M, *S, C]; quantiles of the fewer are compared. Raises `InputError` on other shapes."""
    a, b = _flat(a, b)
    theta = np.random.default_rng(seed).normal(size=(a.shape[1], directions)).astype(np.float32)
    theta /= np.linalg.norm(theta, axis=0)
    count = min(len(a), len(b))
    at = (np.arange(count) + 0.5) / count
    quantiles = lambda x: np.sort(x @ theta, 0)[(at * len(x)).astype(int)]
    return float(np.sqrt(np.mean(np.square(quantiles(a) - quantiles(b)))))


def kernel_mmd(a: np.ndarray, b: np.ndarray, *, most: int = 1000) -> float:
    """MMD of at most `most` samples of each, 0 where its unbiased square is negative. Raises `InputError` on other shapes."""
    a, b = _flat(a[:most], b[:most])
    squares = lambda x, y: np.maximum(np.square(x).sum(1)[:, None] + np.square(y).sum(1)[None] - 2 * x @ y.T, 0)
    of_a, of_b, of_both = squares(a, a), squares(b, b), squares(a, b)
    width = np.median(np.concatenate([of_a[np.triu_indices(len(a), 1)], of_b[np.triu_indices(len(b), 1)], of_both.ravel()]))
    k = lambda square: np.exp(-square / max(width, 1e-12))
    apart = lambda gram: (gram.sum() - np.trace(gram)) / (len(gram) * (len(gram) - 1))
    return float(np.sqrt(max(apart(k(of_a)) + apart(k(of_b)) - 2 * k(of_both).mean(), 0)))


def frechet(a: np.ndarray, b: np.ndarray, features: Features | None = None) -> float:
    """The Frechet distance of the Gaussians of features; of `random_features` by default. Raises `InputError` on fewer than two samples."""
    if min(len(a), len(b)) < 2:
        raise InputError(f"a Frechet distance is of two samples or more of each, not {len(a)} and {len(b)}")
    a, b = (np.asarray((features or random_features)(x), np.float64) for x in (a, b))
    C_a, C_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    # C_a C_b has the eigenvalues of the symmetric C_a^{1/2} C_b C_a^{1/2}
    values, vectors = np.linalg.eigh(C_a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ C_b @ root), 0)).sum()
    return float(np.square(a.mean(0) - b.mean(0)).sum() + np.trace(C_a) + np.trace(C_b) - 2 * cross)


def random_features(images: np.ndarray) -> np.ndarray:
    """Features [N, 64] of images [N, H, W, C]: means over the pixels of two layers of seeded random 3 x 3 filters.

    Grey values are in units of 64, a quarter of an 8-bit range.
    """
    return np.asarray(_random_features(jnp.asarray(images, jnp.float32) / 64))


@jax.jit
def _random_features(x):
    keys = jax.random.split(jax.random.key(0))
    convolved = partial(jax.lax.conv_general_dilated, padding="SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    first = jax.random.normal(keys[0], (3, 3, x.shape[-1], 32)) / (9 * x.shape[-1]) ** 0.5
    second = jax.random.normal(keys[1], (3, 3, 32, 32)) / (9 * 32) ** 0.5
    h = jax.nn.relu(convolved(x, first, (1, 1)))
    deep = jax.nn.relu(convolved(h, second, (2, 2)))
    return jnp.concatenate([h.mean((1, 2)), deep.mean((1, 2))], -1)


def inception(path: str) -> Features:
    """The features of the published FID, of a TorchScript file of the Inception network that takes images [N, 3, H, W] of 0 ... 255
    and `return_features`. Raises `InputError` where there is no such file, or no PyTorch to read it.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no file {path}; FID needs the TorchScript file of the Inception network (inception-2015-12-05.pt)")
    try:
        import torch
    except ImportError as error:
        raise InputError("FID by the Inception network needs PyTorch (the extra `peers`)") from error
    network = torch.jit.load(path).eval()

    def features(images):
        three = np.broadcast_to(images, (*images.shape[:-1], 3)) if images.shape[-1] == 1 else images[..., :3]
        pixels = torch.from_numpy(np.clip(three, 0, 255).astype(np.uint8).transpose(0, 3, 1, 2).copy())
        with torch.no_grad():
            return np.concatenate([network(part, return_features=True).numpy() for part in pixels.split(64)])

    return features


def power_spectrum(images: np.ndarray) -> np.ndarray:
    """The radial average of |F x|^2 of images [N, *S, C], at whole cycles an image from 1 to half its shorter side."""
    images = np.asarray(images, np.float64)
    axes = tuple(range(1, images.ndim - 1))
    power = np.square(np.abs(np.fft.fftn(images, axes=axes))).mean((0, -1)) / np.prod(images.shape[1:-1])
    size = min(images.shape[1:-1])
    frequencies = np.meshgrid(*(np.fft.fftfreq(n) for n in images.shape[1:-1]), indexing="ij")
    ring = np.round(np.sqrt(sum(np.square(f) for f in frequencies)) * size).astype(int).ravel()
    total, count = np.bincount(ring, power.ravel()), np.bincount(ring)
    return (total / np.maximum(count, 1))[1 : size // 2 + 1]


def spectrum_error(a: np.ndarray, b: np.ndarray) -> float:
    """The root mean square over frequencies of the difference of two power spectra, decibels."""
    ratio = (power_spectrum(a) + 1e-12) / (power_spectrum(b) + 1e-12)
    return float(np.sqrt(np.mean(np.square(10 * np.log10(ratio)))))


def gaussian_like(images: np.ndarray, count: int, *, seed: int = 0) -> np.ndarray:
    """Samples [count, *S, C] of the Gaussian with the mean and the covariance of the images: what second moments alone make."""
    flat = np.asarray(images, np.float64).reshape(len(images), -1)
    centred = flat - flat.mean(0)
    mixing = np.random.default_rng(seed).normal(size=(count, len(flat))) / np.sqrt(max(len(flat) - 1, 1))
    return (flat.mean(0) + mixing @ centred).reshape(count, *images.shape[1:]).astype(np.float32)


def crops(images: Sequence[np.ndarray], shape: tuple[int, ...], count: int, *, seed: int = 0) -> np.ndarray:
    """`count` parts [*S, C] of that shape at seeded places of images that may be larger. Raises `InputError` where one is smaller."""
    rng, found = np.random.default_rng(seed), []
    for k in range(count):
        image = images[k % len(images)]
        room = [n - width for n, width in zip(image.shape, shape, strict=True)]
        if min(room) < 0 or room[-1]:
            raise InputError(f"images of {image.shape} have no part of the shape {shape} of the samples")
        corner = [int(rng.integers(n + 1)) for n in room]
        found.append(image[tuple(slice(c, c + width) for c, width in zip(corner, shape))])
    return np.stack(found)


def distances(samples: np.ndarray, held_out: np.ndarray, *, features: Features | None = None) -> dict[str, float]:
    """All four of samples and held-out images, by the names of the table."""
    return {
        "sliced Wasserstein": sliced_wasserstein(samples, held_out), "kernel MMD": kernel_mmd(samples, held_out),
        "FID" if features else "Frechet, random features": frechet(samples, held_out, features),
        "power spectrum (dB)": spectrum_error(samples, held_out),
    }


def _flat(a, b):
    if a.shape[1:] != b.shape[1:]:
        raise InputError(f"samples of shapes {a.shape[1:]} and {b.shape[1:]} have no distance; they must agree")
    return (np.asarray(x, np.float32).reshape(len(x), -1) for x in (a, b))
