"""BM3D against a loop over its blocks, its closed forms, and its authors' package where that is installed."""

import sys
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import pywt
import skimage.data
from scipy.fft import dctn, idctn

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.methods import ADMM, BM3D, GaussianFilter, NonLocalMeans
from unsup_jax.noise import Gaussian, PoissonGaussian
from unsup_jax.operators import Convolution, Identity, gaussian_psf
from unsup_jax.priors import BM3DDenoiser, PlugAndPlay, TotalVariation
from unsup_jax.priors.bm3d import BIORTHOGONAL, COSINE, wavelet_matrix
from unsup_jax.train import solve

KEY = jax.random.key(0)
SMALL = BM3DDenoiser(search=8, matches=(4, 8))
FILTER = jax.jit(BM3DDenoiser())


def noisy(shape, sigma=20.0, seed=0):
    """A corner of the cameraman's coat and tripod, with noise."""
    clean = skimage.data.camera()[120 : 120 + shape[0], 200 : 200 + shape[1], None].astype(np.float32)
    return clean, clean + np.random.default_rng(seed).normal(0, sigma, clean.shape).astype(np.float32)


def wavelets(x):
    """The periodic biorthogonal transform 1.5 of the first axis by PyWavelets."""
    return np.concatenate(pywt.wavedec(x, "bior1.5", "periodization", level=3, axis=0))


def by_loops(y, sigma, search, matches, threshold=2.7, step=3, n=8):
    """The paper, block by block."""
    scale = np.linalg.norm(wavelets(np.eye(n)), axis=1)
    inverse = np.linalg.inv(wavelets(np.eye(n)) / scale[:, None])
    forward = [lambda b: wavelets(wavelets(b).T).T / np.outer(scale, scale), partial(dctn, norm="ortho")]
    backward = [lambda c: inverse @ c @ inverse.T, partial(idctn, norm="ortho")]
    kaiser = np.outer(np.kaiser(n, 2), np.kaiser(n, 2))
    places = [(i, j) for i in range(y.shape[0] - n + 1) for j in range(y.shape[1] - n + 1)]
    steps = [sorted({*range(0, size - n + 1, step), size - n}) for size in y.shape]
    pilot = y
    for stage, count in enumerate(matches):
        total, weights = np.zeros(y.shape), np.zeros(y.shape)
        cut = lambda image, place: image[place[0] : place[0] + n, place[1] : place[1] + n]
        along = np.array([np.concatenate(pywt.wavedec(e, "haar", "periodization")) for e in np.eye(count)]).T
        for reference in ((i, j) for i in steps[0] for j in steps[1]):
            near = [p for p in places if max(abs(p[0] - reference[0]), abs(p[1] - reference[1])) <= search]
            near = sorted(near, key=lambda p: np.sum((cut(pilot, p) - cut(pilot, reference)) ** 2))[:count]
            spectrum = lambda image: np.tensordot(along, [forward[stage](cut(image, p)) for p in near], 1)
            z, p = spectrum(y), spectrum(pilot)
            kept = (np.abs(z) > threshold * sigma).astype(float) if stage == 0 else p**2 / (p**2 + sigma**2)
            kept[0, 0, 0] = 1
            for place, c in zip(near, np.tensordot(along.T, kept * z, 1)):
                cut(total, place)[...] += kaiser * backward[stage](c) / np.sum(kept**2)
                cut(weights, place)[...] += kaiser / np.sum(kept**2)
        pilot = total / weights
    return pilot


@pytest.mark.parametrize("shape", [(21, 18), (8, 15)])
def test_it_is_the_papers_loop_over_blocks(shape):
    _, y = noisy(shape)
    everywhere = BM3DDenoiser(search=20, matches=(4, 8))
    expected = by_loops(y[..., 0].astype(float), 20.0, 20, (4, 8))
    np.testing.assert_allclose(everywhere(jnp.asarray(y), jnp.float32(20))[..., 0], expected, atol=2e-3)


def test_transforms():
    """Haar and the DCT are orthonormal; the biorthogonal wavelets are those of PyWavelets; row 0 alone sees a constant."""
    for matrix in (wavelet_matrix(np.ones(2), 16), COSINE):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(len(matrix)), atol=1e-12)
    known = wavelets(np.eye(8))
    cosines = BIORTHOGONAL @ (known / np.linalg.norm(known, axis=1, keepdims=True)).T
    np.testing.assert_allclose(np.abs(cosines).max(1), 1, atol=1e-9)
    assert sorted(np.abs(cosines).argmax(1)) == list(range(8))
    for matrix in (BIORTHOGONAL, COSINE, wavelet_matrix(np.ones(2), 32)):
        np.testing.assert_allclose(matrix.sum(1)[1:], 0, atol=1e-12)
        assert np.ptp(matrix[0]) < 1e-12


def test_closed_forms():
    """A constant stays, nothing is done where there is no noise, and grey levels may be scaled and shifted.

    A shift rounds them, which may turn which blocks match and what is above the threshold: of few pixels, by little.
    """
    _, y = noisy((33, 30))
    run = jax.jit(SMALL)
    np.testing.assert_array_equal(run(jnp.zeros((33, 30, 1)), 0.0), 0)
    np.testing.assert_array_equal(run(jnp.zeros((33, 30, 1)), 1.0), 0)
    np.testing.assert_allclose(run(jnp.full((33, 30, 1), 7.0), 1.0), 7, rtol=1e-6)
    np.testing.assert_allclose(run(jnp.asarray(y), 0.0), y, atol=2e-3)
    filtered = run(jnp.asarray(y), 20.0)
    np.testing.assert_allclose(run(jnp.asarray(y / 1024), 20 / 1024), filtered / 1024, rtol=1e-5)
    error = np.abs(run(jnp.asarray(1e-3 * y + 5), 20e-3) - (1e-3 * filtered + 5))
    assert np.quantile(error, 0.8) < 2e-5 and error.max() < 0.05 * 20e-3


@pytest.mark.parametrize("shape", [(1, 1), (3, 9), (8, 8), (41, 9)])
def test_images_of_any_size(shape):
    clean, y = noisy(shape)
    found = BM3DDenoiser()(jnp.asarray(y), jnp.float32(20))
    assert found.shape == y.shape and np.isfinite(found).all() and np.abs(found - clean).mean() < np.abs(y - clean).mean() + 3


def test_vmap_channels_and_complex_values():
    images = jnp.stack([noisy((20, 17), seed=seed)[1] for seed in range(3)])
    sigmas = jnp.asarray([10.0, 20.0, 30.0])
    each = [SMALL(image, sigma) for image, sigma in zip(images, sigmas)]
    np.testing.assert_allclose(jax.vmap(SMALL)(images, sigmas), jnp.stack(each), atol=1e-3)
    channels = jnp.moveaxis(images[..., 0], 0, -1)
    np.testing.assert_allclose(SMALL(channels, sigmas), jnp.concatenate(each, -1), atol=1e-3)
    together = solve(BM3D(denoiser=SMALL), KEY, Measurement(jax.lax.complex(images[0], images[1]), Identity(), Gaussian(20 * 2**0.5)))[0]
    np.testing.assert_allclose(together.real, SMALL(images[0], 20.0), atol=1e-3)
    np.testing.assert_allclose(together.imag, each[1], atol=1e-3)


def test_it_denoises():
    """Far better than a Gaussian filter, and than non-local means, which match blocks but shrink no spectrum of them."""
    clean, y = noisy((96, 96))
    m = Measurement(jnp.asarray(y), Identity(), Gaussian(20.0))
    score = lambda method: psnr(np.asarray(solve(method, KEY, m)[0]), clean)
    ours = score(BM3D())
    assert ours > score(GaussianFilter()) + 2 and ours > score(NonLocalMeans()) + 0.7
    assert abs(score(BM3D()) - psnr(np.asarray(solve(BM3D(), KEY, m.replace(noise=None))[0]), clean)) < 0.5


def test_it_is_as_good_as_the_package():
    pytest.importorskip("bm3d", reason="the package is closed, and an extra")
    for sigma in (15.0, 50.0):
        clean, y = noisy((96, 96), sigma)
        m = Measurement(jnp.asarray(y), Identity(), Gaussian(sigma))
        ours, theirs = (psnr(np.asarray(solve(BM3D(package=p), KEY, m)[0]), clean) for p in (False, True))
        assert ours > theirs - 0.25


def test_without_the_package(monkeypatch):
    """Images need none; a volume is refused in one line that says the licence, as is the package where it is not installed."""
    monkeypatch.setitem(sys.modules, "bm3d", None)
    monkeypatch.setitem(sys.modules, "bm4d", None)
    volume = Measurement(jnp.zeros((8, 8, 8, 1)), Identity())
    with pytest.raises(InputError, match="non-commercial use alone.*pip install"):
        solve(BM3D(), KEY, volume)
    for m in (volume, Measurement(jnp.zeros((8, 8, 1)), Identity())):
        with pytest.raises(InputError, match="non-commercial use alone, is not installed: pip install 'unsup_jax.bm3d.'"):
            solve(BM3D(package=True), KEY, m)


def test_what_it_cannot_take():
    with pytest.raises(InputError, match="a step of 1 to 8 pixels"):
        replace(SMALL, step=9)
    with pytest.raises(InputError, match="groups of 1, 2, 4, 8"):
        replace(SMALL, matches=(16, 24))
    with pytest.raises(InputError, match="complex values do not have"):
        solve(BM3D(stabilize=True), KEY, Measurement(jnp.ones((8, 8, 1), jnp.complex64), Identity(), PoissonGaussian(1.0, 1.0)))


def test_it_plugs_in():
    """As the denoiser of plug-and-play ADMM it deblurs better than total variation."""
    clean, _ = noisy((48, 48))
    clean = jnp.asarray(clean) / 255
    H = Convolution(gaussian_psf((7, 7), 1.2))
    m = Measurement(H(clean) + 0.01 * jax.random.normal(KEY, clean.shape), H)
    plugged = ADMM(prior=PlugAndPlay(BM3DDenoiser(search=10, matches=(16, 16)), weight=1e-4), rho=0.1, relative=False, steps=15)
    score = lambda method: psnr(np.asarray(solve(method, KEY, m)[0].x), np.asarray(clean))
    best = max(score(ADMM(prior=TotalVariation(w, iterations=10), rho=0.1, relative=False, steps=30)) for w in (3e-4, 1e-3, 3e-3))
    assert score(plugged) > best
