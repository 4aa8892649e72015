"""Volumes of unknown pose: found again in noise, turned and mirrored; and half maps within a mask."""

import jax
import numpy as np
import pytest

from unsup_jax.errors import InputError
from unsup_jax.evaluate import (
    Alignment, Specimen, align, ball_correlation, ball_mask, fourier_shell_correlation, masked_shell_correlation, radial_average,
)
from unsup_jax.files import open_image
from unsup_jax.operators import random_rotations


def blobs(size, seed=0, width=2.0):
    """Nine Gaussian blobs of unequal height in a ball, [D, D, D, 1]."""
    rng, places = np.random.default_rng(seed), np.moveaxis(np.indices((size,) * 3), 0, -1) - size // 2
    centres = rng.normal(size=(9, 3))
    centres *= (rng.uniform(0.2, 0.65, 9) * size / 2 / np.linalg.norm(centres, axis=1))[:, None]
    parts = (h * np.exp(-np.square(places - c).sum(-1) / (2 * width**2)) for h, c in zip(rng.uniform(0.5, 1, 9), centres))
    return sum(parts)[..., None].astype(np.float32)


@pytest.mark.parametrize("size", [20, pytest.param(33, marks=pytest.mark.slow)])
@pytest.mark.parametrize("hand", [1, -1])
def test_a_turned_mirrored_noisy_volume_is_found_again(size, hand):
    truth, noise = blobs(size), np.random.default_rng(1).normal(size=(size, size, size, 1))
    Q = np.asarray(random_rotations(jax.random.key(3), 1)[0], np.float64) @ np.diag([1, hand, 1])
    shift = np.array([0.6, -0.8, 0.3])
    clean = Alignment(Q, shift, 1.0).apply(truth)
    found = align((clean + truth.std() * noise).astype(np.float32), truth)
    angle = np.arccos(np.clip((np.trace(found.orthogonal @ Q) - 1) / 2, -1, 1))       # Q^-1 brings it back: its inverse is found
    assert found.mirrored == (hand < 0) and np.rad2deg(angle) < 3
    np.testing.assert_allclose(found.shift, -Q.T @ shift, atol=0.25)
    assert ball_correlation(clean, truth) < 0.6 and ball_correlation(found.apply(clean), truth) > 0.97


def test_splines_turn_a_gaussian_as_the_formula_does():
    """x(Q p + t) of a lopsided Gaussian, whose centre and axes are known; and a turn by 90 degrees is exact."""
    size, rng = 21, np.random.default_rng(0)
    places = np.moveaxis(np.indices((size,) * 3), 0, -1) - size // 2
    A = np.diag([1 / 4, 1 / 3, 1 / 6])
    gaussian = lambda p: np.exp(-0.5 * np.einsum("...i,ij,...j", p, A, p))[..., None]
    Q, t = np.asarray(random_rotations(jax.random.key(0), 1)[0], np.float64), np.array([0.5, -1.0, 0.2])
    np.testing.assert_allclose(Alignment(Q, t, 1.0).apply(gaussian(places)), gaussian(places @ Q.T + t), atol=2e-3)
    x = rng.normal(size=(size, size, size, 1))
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    np.testing.assert_allclose(Alignment(turn, np.zeros(3), 1.0).apply(x), np.rot90(x, -1, (1, 2)), atol=1e-5)


def test_the_radial_average_is_of_the_radius_alone():
    x = blobs(16)
    mean = radial_average(x)
    assert 0.3 < ball_correlation(mean, x) < 0.9
    np.testing.assert_allclose(np.rot90(mean[1:, 1:, 1:]), mean[1:, 1:, 1:], rtol=1e-5)
    np.testing.assert_allclose(radial_average(mean), mean, atol=0.05 * mean.max())


def test_volumes_that_are_no_cubes_of_one_shape_are_refused():
    with pytest.raises(InputError, match="of one shape are aligned"):
        align(np.zeros((8, 8, 8, 1)), np.zeros((9, 9, 9, 1)))
    with pytest.raises(InputError, match="a mask of shape"):
        masked_shell_correlation(np.zeros((8, 8, 8, 1)), np.zeros((8, 8, 8, 1)), np.ones((8, 8, 8)))
    with pytest.raises(InputError, match="voxels and the mask's radius"):
        Specimen(pixel_size_angstrom=0)


def test_what_a_mask_correlates_is_taken_off():
    """Halves of one smooth map in noise of their own: a mask with detail of its own correlates them where there is no signal."""
    size, rng = 32, np.random.default_rng(2)
    spots = (rng.uniform(size=(size, size, size, 1)) < 0.3) * ball_mask(size, 10.0)
    halves = [5 * blobs(size, width=3.0) + rng.normal(size=spots.shape) for _ in range(2)]
    found, beyond = masked_shell_correlation(*halves, spots), slice(11, 16)
    np.testing.assert_allclose(found.unmasked.correlation, fourier_shell_correlation(*halves, window=False).correlation)
    assert abs(found.unmasked.correlation[beyond].mean()) < 0.05 and found.masked.correlation[beyond].mean() > 0.3
    assert abs(found.corrected.correlation[beyond].mean()) < 0.1
    common = rng.normal(size=spots.shape)
    detail = masked_shell_correlation(*(half + 2 * common for half in halves), ball_mask(size, 10.0))
    assert detail.corrected.correlation[beyond].mean() > 0.7                               # what is in both stays: 4 / 5


def test_the_report_of_a_specimen_compares_the_map_of_the_other_half(tmp_path):
    size, rng = 20, np.random.default_rng(0)
    truth = blobs(size)
    maps = [truth + 0.05 * rng.normal(size=truth.shape).astype(np.float32) for _ in range(2)]
    Specimen(pixel_size_angstrom=2.5).figures(tmp_path, {"cryoGAN": [maps[1]]})
    written = open_image(tmp_path / "map_cryogan.mrc")
    assert written.metadata.scales["Z"].step == pytest.approx(2.5)
    np.testing.assert_array_equal(written.array, maps[1][..., 0])
    other = Specimen(pixel_size_angstrom=2.5, half=str(tmp_path / "map_cryogan.mrc"))
    (tmp_path / "report").mkdir()
    made = other.figures(tmp_path / "report", {"cryoGAN": [maps[0]], "truth": [truth]})
    assert len(made) == 2 and all(path.stat().st_size > 1000 for path in made.values())
    with pytest.raises(InputError, match="the other half"):
        other.check([(16, 16, 1)])
