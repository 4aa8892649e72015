"""Distances of laws against closed forms of Gaussians."""

import numpy as np
import pytest

from unsup_jax.errors import InputError
from unsup_jax.evaluate import Spectrum
from unsup_jax.evaluate import distributions as d


def normal(count, mean=0.0, deviation=1.0, shape=(4, 5, 1), seed=0):
    return (mean + deviation * np.random.default_rng(seed).normal(size=(count, *shape))).astype(np.float32)


def test_sliced_wasserstein_of_gaussians():
    """W_2 of N(m, s^2 I) and N(0, I) along theta: (m 1 theta)^2 + (s - 1)^2, whose mean over theta is m^2 + (s - 1)^2."""
    a, b = normal(4000, 0.5, 1.4), normal(3000, seed=1)
    assert abs(d.sliced_wasserstein(a, b) - np.hypot(0.5, 0.4)) < 0.05
    assert d.sliced_wasserstein(a, a[::-1]) == 0
    assert d.sliced_wasserstein(normal(4000), b) < 0.06             # the floor


def test_kernel_mmd():
    """0 of one law; of far laws that of two clouds."""
    assert d.kernel_mmd(normal(500), normal(500, seed=1)) < 0.05
    assert d.kernel_mmd(normal(500), normal(500, 0.3, seed=1)) > 0.1
    assert d.kernel_mmd(normal(50), normal(50, 100.0, seed=1)) > 1


def test_frechet_of_gaussian_features():
    features = lambda x: x.reshape(len(x), -1)
    a, b = normal(20_000, 0.5, 2.0, (3, 1, 1)), normal(20_000, 0.0, 1.0, (3, 1, 1), seed=1)
    assert abs(d.frechet(a, b, features) - 3 * (0.5**2 + 1)) < 0.1
    assert d.frechet(a, a, features) < 1e-9
    images = [normal(200, 50, 10, (12, 13, 1), seed) for seed in range(2)]
    assert d.frechet(*images) < 0.1 * d.frechet(images[0], 1.5 * images[1])
    with pytest.raises(InputError, match="two samples"):
        d.frechet(a[:1], b)


def test_power_spectrum_of_a_wave_and_of_noise():
    rows = np.arange(16)[:, None] * np.ones(16)
    wave = np.cos(2 * np.pi * 3 * rows / 16)[None, ..., None]
    assert d.power_spectrum(wave).argmax() == 2 and len(d.power_spectrum(wave)) == 8
    noise = normal(400, 0, 3.0, (16, 16, 1))
    np.testing.assert_allclose(d.power_spectrum(noise), 9, rtol=0.1)
    assert abs(d.spectrum_error(10 * noise, noise) - 20) < 1e-6


def test_spectrum_of_estimates_is_a_column():
    noise = list(normal(6, 0, 3.0, (16, 16, 1)))
    assert Spectrum().scores([10 * x for x in noise], [], noise) == {"power spectrum (dB)": pytest.approx(20)}
    assert Spectrum().scores([1j * x for x in noise], [], [abs(x) for x in noise]) == {"power spectrum (dB)": pytest.approx(0, abs=1e-6)}
    assert Spectrum().scores(noise, [], []) == {}
    with pytest.raises(InputError, match="one shape, not of"):
        Spectrum().check([(16, 16, 1), (8, 16, 1)])


def test_a_gaussian_like_the_images_has_their_moments():
    images = normal(300, 5, 2, (3, 3, 1)) ** 2
    drawn = d.gaussian_like(images, 20_000)
    flat, like = images.reshape(300, -1), drawn.reshape(20_000, -1)
    np.testing.assert_allclose(like.mean(0), flat.mean(0), rtol=0.03)
    np.testing.assert_allclose(np.cov(like.T), np.cov(flat.T), atol=0.05 * np.cov(flat.T).max())


def test_crops_lie_anywhere_in_larger_images():
    image = np.arange(30.0).reshape(5, 6, 1)
    found = d.crops([image, 100 + image], (5, 4, 1), 60)
    assert {int(part[0, 0, 0]) for part in found} == {0, 1, 2, 100, 101, 102}
    np.testing.assert_array_equal(found[0] - found[0][0, 0], image[:, :4] - image[0, 0])
    with pytest.raises(InputError, match="have no part"):
        d.crops([image], (6, 4, 1), 1)


def test_what_has_no_distance():
    with pytest.raises(InputError, match="they must agree"):
        d.sliced_wasserstein(normal(5), normal(5, shape=(4, 4, 1)))
    with pytest.raises(InputError, match="no file nowhere.pt"):
        d.inception("nowhere.pt")


def test_samples_are_scored_against_parts_of_the_reference(tmp_path):
    """The same law comes near, and one that is brighter does not; a network that cannot be read is refused before a training."""
    reference = [50 + 9 * image for image in normal(40, shape=(12, 13, 1))]
    near, far = (d.Distributions().sample_scores(mean + 9 * normal(60, shape=(8, 8, 1), seed=2), reference) for mean in (50, 55))
    assert near.keys() == far.keys() and all(near[name] < far[name] for name in near if "spectrum" not in name)
    with pytest.raises(InputError, match="inception-2015-12-05.pt"):
        d.Distributions(inception=str(tmp_path / "none.pt")).check([(8, 8, 1)])
