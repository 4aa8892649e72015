"""Scores and resolution against independent implementations; tiles against the whole image."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import normalized_root_mse, peak_signal_noise_ratio, structural_similarity

from unsup_jax import evaluate
from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.evaluate import Acquisitions, coverage, fourier_ring_correlation, nmse, psnr, psnr_affine, report, scores, ssim
from unsup_jax.evaluate.tiling import in_tiles, tiles
from unsup_jax.methods.dihedral import dihedral_mean
from unsup_jax.networks import DnCNN, UNet
from unsup_jax.operators import Identity

RNG = np.random.default_rng(0)


def test_scores_by_hand():
    truth = np.array([0.0, 1.0, 2.0, 4.0]).reshape(2, 2, 1)
    estimate = truth + np.array([1.0, -1.0, 1.0, -1.0]).reshape(2, 2, 1)
    assert abs(psnr(estimate, truth) - 10 * np.log10(16)) < 1e-9
    assert abs(psnr(estimate, truth, 255) - 10 * np.log10(255**2)) < 1e-9
    assert abs(nmse(estimate, truth) - 4 / 21) < 1e-9
    assert psnr(truth, truth) == float("inf")


def test_the_modulus_of_a_phase_object_has_the_range_of_a_constant():
    """Rounding, which spreads it by 1e-7, is none: an error of 0.01 is 40 dB."""
    truth = np.exp(1j * np.random.default_rng(0).normal(size=(12, 9, 1))).astype(np.complex64)
    assert psnr(1.01 * truth, truth) == pytest.approx(40, abs=1e-2)


def test_affine_psnr_ignores_scale_and_offset():
    truth = RNG.normal(size=(32, 32, 1))
    estimate = truth + 0.1 * RNG.normal(size=truth.shape)
    assert abs(psnr_affine(7 * estimate - 3, truth) - psnr_affine(estimate, truth)) < 1e-9
    assert psnr_affine(estimate, truth) >= psnr(estimate, truth)
    assert psnr_affine(np.ones_like(truth), truth) == pytest.approx(psnr(np.full_like(truth, truth.mean()), truth))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float16, np.float32])
def test_scores_do_not_depend_on_the_type(dtype):
    """Those of the same values in double precision, where a difference or a square of the type would wrap or overflow."""
    peak = min(60_000, np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 60_000
    truth = (RNG.random((21, 16, 2)) * peak).astype(dtype)
    estimate = np.clip(truth + RNG.normal(0, 0.05 * peak, truth.shape), 0, peak).astype(dtype)
    double = scores(estimate.astype(np.float64), truth.astype(np.float64))
    assert scores(estimate, truth) == pytest.approx(double, rel=1e-12)
    assert nmse(estimate, truth) == pytest.approx(((estimate.astype(float) - truth) ** 2).sum() / (truth.astype(float) ** 2).sum())
    signed = np.array([-128, 127], np.int8).reshape(1, 2, 1)
    assert psnr(signed[:, ::-1], signed, 255) == pytest.approx(0)


def test_scores_are_those_of_scikit_image():
    truth = RNG.random((32, 40, 3)) * 200
    estimate = truth + RNG.normal(0, 20, truth.shape)
    span = float(np.ptp(truth))
    assert psnr(estimate, truth) == pytest.approx(peak_signal_noise_ratio(truth, estimate, data_range=span))
    assert nmse(estimate, truth) == pytest.approx(normalized_root_mse(truth, estimate) ** 2)
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    assert ssim(estimate, truth) == pytest.approx(structural_similarity(truth, estimate, data_range=span, channel_axis=-1, **wang))


def test_complex_scores_are_of_moduli_and_nmse_of_values():
    truth = RNG.normal(size=(16, 16, 1)) + 1j * RNG.normal(size=(16, 16, 1))
    turned = truth * np.exp(0.3j)
    assert psnr(turned, truth) > 200 and ssim(turned, truth) == pytest.approx(1)
    assert nmse(turned.astype(np.complex64), truth) == pytest.approx(abs(np.exp(0.3j) - 1) ** 2, rel=1e-5)


@pytest.mark.parametrize("truth, estimate, error", [(0, 0, 0), (7, 7, 0), (0, 7, np.inf), (7, 0, 1)])
def test_scores_of_constants(truth, estimate, error):
    found = scores(np.full((16, 16, 1), estimate, np.uint8), np.full((16, 16, 1), truth, np.uint8))
    assert found["nmse"] == error and not any(np.isnan(value) for value in found.values())
    assert (found["psnr"] == np.inf) == (truth == estimate)


def test_ssim_bounds():
    truth = RNG.normal(size=(32, 32, 1))
    assert ssim(truth, truth) == pytest.approx(1) and abs(ssim(truth[::-1], truth)) < 0.2
    assert ssim(truth[:8, :8], truth[:8, :8]) == pytest.approx(1)


def rings_by_loop(a, b, side):
    """FRC ring by ring over every frequency, written from its definition."""
    A, B = np.fft.fftn(a - a.mean()), np.fft.fftn(b - b.mean())
    sums = {}
    for place in np.ndindex(a.shape):
        k = [p if p < (n + 1) // 2 else p - n for p, n in zip(place, a.shape)]
        r = round(np.sqrt(sum((f * side / n) ** 2 for f, n in zip(k, a.shape))))
        s = sums.setdefault(r, [0.0, 0.0, 0.0, 0])
        s[0] += (A[place] * np.conj(B[place])).real
        s[1] += abs(A[place]) ** 2
        s[2] += abs(B[place]) ** 2
        s[3] += 1
    rows = [sums[r] for r in range(side // 2 + 1)]
    return np.array([1.0] + [r[0] / np.sqrt(r[1] * r[2]) for r in rows[1:]]), np.array([r[3] for r in rows])


@pytest.mark.parametrize("shape", [(24, 24), (20, 25), (12, 12, 10)])
def test_correlation_against_its_definition(shape):
    a, b = RNG.normal(size=(2, *shape))
    b = b + a
    curve = fourier_ring_correlation(a[..., None], b[..., None], window=False)
    expected, samples = rings_by_loop(a, b, min(shape))
    np.testing.assert_allclose(curve.correlation, expected, atol=1e-10)
    np.testing.assert_array_equal(curve.samples, samples)


def test_thresholds():
    curve = fourier_ring_correlation(*RNG.normal(size=(2, 64, 64, 1)))
    assert curve.threshold("1/7")[3] == 1 / 7 and curve.threshold("0.143")[0] == 0.143 and curve.threshold("1/2")[0] == 0.5
    n = curve.samples[9]
    assert curve.threshold("half-bit")[9] == pytest.approx((0.2071 + 1.9102 / n**0.5) / (1.2071 + 0.9102 / n**0.5))
    with pytest.raises(InputError, match="accepted are"):
        curve.threshold("sigma")


@pytest.mark.parametrize("shape", [(96, 80, 1), (64, 64, 3), (28, 24, 26, 1)])
@pytest.mark.parametrize("window", [False, True])
def test_noise_correlates_by_one_over_the_root_of_its_samples(shape, window):
    """Of independent images, with the Hann window and without: so that a threshold means the same in both."""
    curves = [fourier_ring_correlation(*RNG.normal(size=(2, *shape)), window=window) for _ in range(40)]
    rings = slice(4, min(shape[:-1]) // 2)
    assert np.std([c.correlation[rings] * np.sqrt(c.samples[rings]) for c in curves]) == pytest.approx(1, abs=0.08)


def test_coverage_of_calibrated_draws_is_their_level():
    """Few draws know their deviation poorly: Student's quantiles, not the normal ones, hold the level."""
    truth = RNG.normal(size=(200, 200, 1))
    for count in (4, 32):
        draws = RNG.normal(size=(count, 200, 200, 1)).astype(np.float32)
        np.testing.assert_allclose(coverage(draws, truth, [0.5, 0.9]), [0.5, 0.9], atol=0.012)
    with pytest.raises(InputError, match="2 or more"):
        coverage(draws[:1], truth, [0.5])


def test_resolution_of_a_band_limited_signal():
    """A signal that stops at frequency f, in white noise, has resolution 1 / f."""
    n, cutoff = 256, 0.2
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(n), np.fft.fftfreq(n), indexing="ij"))
    signal = np.fft.ifft2(np.fft.fft2(RNG.normal(size=(n, n))) * (f < cutoff)).real * 50
    a, b = (signal + RNG.normal(size=(n, n)) for _ in range(2))
    curve = fourier_ring_correlation(a[..., None], b[..., None], pixel_size=0.1)
    for kind in ("1/7", "0.143", "1/2", "half-bit"):
        assert curve.resolution(kind) == pytest.approx(0.1 / cutoff, rel=0.04)
    same = fourier_ring_correlation(a[..., None], a[..., None], pixel_size=0.1)
    assert same.resolution() == 0.2  # two pixels: nothing falls below
    with pytest.raises(InputError, match="must agree"):
        fourier_ring_correlation(a[..., None], a[:5, :, None])


def test_two_acquisitions_correlate_as_far_as_the_specimen_reaches():
    """By 1/7 as far as its band; by nothing where nothing is, unless the method invents the same twice."""
    rng = np.random.default_rng(0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(64), np.fft.fftfreq(64)))[..., None]
    specimen = 3e3 * np.fft.ifft2(np.where(frequency < 0.25, np.fft.fft2(rng.normal(size=(64, 64, 1)), axes=(0, 1)), 0), axes=(0, 1)).real
    light = 1 - ndimage.gaussian_filter(np.pad(np.ones((32, 32)), ((0, 32), (32, 0))), 3, mode="wrap")[..., None]
    specimen = light * (1e4 + specimen)                              # nothing in a corner, by edges that are smooth
    test = [Measurement(specimen + noise, Identity(), pair=specimen - noise) for noise in rng.normal(size=(4, 64, 64, 1))]
    analysis = Acquisitions(empty=16)
    shown = analysis.measurements(test)
    assert len(shown) == 8 and shown[1].y is test[0].pair
    noise = rng.normal(size=(8, 64, 64, 1))
    estimates = [specimen + 3e3 * w for w in noise]
    resolution, nothing = analysis.scores(estimates, shown, []).values()
    assert resolution == pytest.approx(4, rel=0.12) and abs(nothing) < 0.1
    assert analysis.scores([x + 3e3 * noise[0] for x in estimates], shown, [])["correlation where nothing is"] > 0.3
    with pytest.raises(InputError, match="--data.pair"):
        analysis.measurements([test[0].replace(pair=None)])
    with pytest.raises(InputError, match="an empty part of 65 pixels"):
        Acquisitions(empty=65).measurements(test)


def test_scores_hold_every_column():
    assert set(scores(*RNG.normal(size=(2, 32, 32, 1)))) <= set(report.COLUMNS)


@pytest.mark.parametrize("shape", [pytest.param((130, 97), marks=pytest.mark.slow), (64, 200), (40, 30)])
@pytest.mark.parametrize("network", [UNet(depth=2, width=4), DnCNN(depth=5, width=4)], ids=["UNet", "DnCNN"])
def test_tiles_agree_with_the_whole(shape, network, quick_compilation):
    y = RNG.normal(size=(*shape, 1)).astype(np.float32)
    params, apply = jax.jit(network.init)(jax.random.key(0), y), jax.jit(network.apply)
    whole = apply(params, y)
    target = np.full_like(y, np.nan)
    in_tiles(lambda shown, count: map(partial(apply, params), shown), [y], [target], frame=shape, tile=2 * network.radius + 16,
             radius=network.radius, alignment=network.alignment)
    np.testing.assert_allclose(target, whole, atol=1e-5)


@pytest.mark.parametrize("shape", [(6, 6), (6, 4), (3, 4, 4)])
def test_mean_over_the_copies_of_an_image(shape):
    """By its definition, one copy after another, of an estimator that knows up from down and left from right."""
    y = RNG.normal(size=(*shape, 2)).astype(np.float32)
    estimate = lambda z: jnp.cumsum(z, -2) * jnp.cumsum(jnp.ones_like(z), -3)
    expected = 0
    for swap, *flips in itertools.product((False, True), repeat=1 + len(shape)):
        turn = lambda z: np.swapaxes(z, -3, -2) if swap else z
        axes = [axis for axis, flip in enumerate(flips) if flip]
        expected += np.flip(turn(np.asarray(estimate(turn(np.flip(y, axes))))), axes)
    np.testing.assert_allclose(dihedral_mean(estimate, jnp.asarray(y)), expected / 2 ** (1 + len(shape)), rtol=1e-5, atol=1e-5)


def test_tiles_agree_with_the_whole_under_augmentation(quick_compilation):
    network, y = UNet(depth=1, width=4), RNG.normal(size=(70, 53, 1)).astype(np.float32)
    params = jax.jit(network.init)(jax.random.key(0), y)
    estimate = jax.jit(lambda y: dihedral_mean(lambda z: network.apply(params, z), y, network.alignment))
    target = np.full_like(y, np.nan)
    in_tiles(lambda shown, count: map(estimate, shown), [y], [target], frame=(70, 53), tile=40, radius=network.radius, alignment=2)
    np.testing.assert_allclose(target, estimate(y), atol=1e-5)


def test_tiles_cover_every_pixel_once_with_one_shape():
    hits = np.zeros((301, 77), int)
    shapes = set()
    for read, keep, place in tiles((301, 77), 64, 12, 4):
        hits[place] += 1
        shapes.add(tuple(w.stop - w.start for w in read))
        assert all(w.start % 4 == 0 for w in read)
        assert [k.stop - k.start for k in keep] == [p.stop - p.start for p in place]
    assert hits.min() == 1 and len(shapes) == 1
    with pytest.raises(InputError, match="leave nothing"):
        list(tiles((301, 77), 16, 12, 4))


def test_public_names():
    assert all(hasattr(evaluate, name) for name in evaluate.__all__)
