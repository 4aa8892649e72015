"""Blind risks: their means are those of the loss, their standard errors those of what they miss it by."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.noise import Gaussian, Poisson, PoissonGaussian
from unsup_jax.operators import Convolution, Fourier, Identity
from unsup_jax.trust import held_out_risk, risk_difference, stein_risk
from unsup_jax.trust.stein import _inverse

KEY = jax.random.key(0)
X = 20 + 10 * ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(17, 20)), 2)[..., None].astype(np.float32) * 5
NOISES = {"gaussian": Gaussian(3.0), "photons": Poisson(2.0, 1.0), "camera": PoissonGaussian(1.0, 2.0, 1.0)}


def smooth(width):
    return lambda one: ndimage.gaussian_filter(np.asarray(one.y), (width, width, 0), mode="wrap")


def shrunk(one):
    """Soft thresholds of the deviation from the mean, which is not linear."""
    y = np.asarray(one.y)
    away = y - y.mean()
    return (y.mean() + np.sign(away) * np.maximum(np.abs(away) - 3, 0)).astype(np.float32)


def found(noise, F, G, draws=150, x=X, H=Identity(), **options):
    """Risk less loss of F, its standard errors, and both of the difference between F and G, over draws of the noise."""
    z = np.asarray(H(jnp.asarray(x)))
    noise = jax.tree.map(jnp.float32, noise)
    sample = jax.jit(noise.sample)
    away, errors, apart, paired = [], [], [], []
    for i in range(draws):
        key = jax.random.fold_in(KEY, i)
        one = Measurement(sample(key, jnp.asarray(z)), H, noise)
        first, second = (stein_risk(jax.random.fold_in(key, 1), f, one, **options) for f in (F, G))
        there = np.broadcast_to(np.asarray(H.measured(one.y)) > 0, z.shape)
        a, b = (np.mean(np.abs(risk.made - z)[there] ** 2) for risk in (first, second))
        difference = risk_difference(first, second)
        away.append(first.value - a), errors.append(first.error)
        apart.append(difference.value - (a - b)), paired.append(difference.error)
    return map(np.asarray, (away, errors, apart, paired))


@pytest.mark.parametrize("noise", NOISES)
def test_risk_is_the_loss_but_for_its_standard_error(noise):
    away, errors, apart, paired = found(NOISES[noise], smooth(0.8), smooth(1.0))
    for missed, error in ((away, errors), (apart, paired)):
        assert abs(missed.mean()) < 4 * missed.std() / np.sqrt(len(missed))
        assert 0.75 < missed.std() / error.mean() < 1.2
    assert paired.mean() < 0.5 * errors.mean()                    # what both share falls out


def test_a_method_that_is_not_linear():
    away, errors, apart, paired = found(Gaussian(3.0), shrunk, smooth(1.0), directions=2)
    for missed, error in ((away, errors), (apart, paired)):
        assert abs(missed.mean()) < 4 * missed.std() / np.sqrt(len(missed))
        assert 0.75 < missed.std() / error.mean() < 1.25


def test_complex_samples_that_were_measured():
    mask = (np.random.default_rng(1).random((17, 20)) < 0.5).astype(np.float32)
    H = Fourier(jnp.asarray(mask))
    x = X.astype(np.complex64)
    adjoint = jax.jit(H.adjoint)
    less = lambda factor: lambda one: np.asarray(adjoint(one.y)) * np.complex64(factor)
    away, errors, apart, paired = found(Gaussian(5.0), less(0.7), less(0.4), x=x, H=H, draws=60)
    for missed, error in ((away, errors), (apart, paired)):
        assert abs(missed.mean()) < 4 * missed.std() / np.sqrt(len(missed))
        assert 0.8 < missed.std() / error.mean() < 1.2


def test_the_risk_of_an_image_behind_a_blur():
    """Of Tikhonov's estimate, which is linear, in closed form: its mean is that of |A (h - z)|^2, and its error what it misses that by."""
    axis = np.exp(-np.arange(-4, 5) ** 2 / 2 / 1.2**2)
    psf = np.outer(axis, axis)
    H, noise = Convolution(jnp.asarray(psf / psf.sum(), jnp.float32)), jax.tree.map(jnp.float32, Gaussian(3.0))
    z, sample = H(jnp.asarray(X)), jax.jit(noise.sample)
    solve = jax.jit(lambda y, mu: H.inverse(H.adjoint(y), mu))
    F = lambda mu: lambda one: solve(one.y, jnp.float32(mu))
    away, errors, apart, paired = [], [], [], []
    for i in range(30):
        key = jax.random.fold_in(KEY, i)
        one = Measurement(sample(key, z), H, noise)
        good, poor = (stein_risk(key, F(mu), one, of="image") for mu in (0.05, 0.005))
        A = _inverse(H, one.y, 9.0)[0]
        a, b = (np.mean(A(risk.made - np.asarray(z)) ** 2) for risk in (good, poor))
        away.append(good.value - a), errors.append(good.error)
        apart.append(risk_difference(good, poor).value - (a - b)), paired.append(risk_difference(good, poor).error)
    for missed, error in ((away, errors), (apart, paired)):
        assert abs(np.mean(missed)) < 4 * np.std(missed) / np.sqrt(len(missed))
        assert 0.5 < np.std(missed) / np.mean(error) < 1.3
    losses = [np.mean((np.asarray(F(mu)(one)) - X) ** 2) for mu in (0.3, 0.05, 0.005)]
    risks = [stein_risk(KEY, F(mu), one, of="image", directions=2).value for mu in (0.3, 0.05, 0.005)]
    assert np.argmin(risks) == np.argmin(losses) == 1


def test_held_out_pixels_have_the_error_of_the_hidden_estimate_and_the_noise():
    noise, F = jax.tree.map(jnp.float32, Gaussian(3.0)), smooth(1.0)
    values, errors, differences, paired = [], [], [], []
    for i in range(16):
        key = jax.random.fold_in(KEY, i)
        one = Measurement(noise.sample(key, jnp.asarray(X)), Identity(), noise)
        risk, other = (held_out_risk(key, f, one, folds=16) for f in (F, smooth(2.0)))
        assert risk.estimations == 16 and len(risk.made) == X.size and risk.noise == pytest.approx(9)
        against = held_out_risk(key, F, one.replace(y=jnp.asarray(X), noise=None), folds=16)
        z = against.data
        loss, less = (np.mean((r.made - z) ** 2) for r in (risk, other))
        values.append(risk.value - loss), errors.append(risk.error)
        differences.append(risk_difference(risk, other).value - (loss - less)), paired.append(risk_difference(risk, other).error)
    for missed, error in ((values, errors), (differences, paired)):
        assert abs(np.mean(missed)) < 4 * np.std(missed) / np.sqrt(len(missed))
        assert 0.5 < np.std(missed) / np.mean(error) < 1.6


def test_held_out_ranks_widths_as_the_truth_does_whether_the_noise_is_known_or_not():
    noise = jax.tree.map(jnp.float32, Gaussian(6.0))
    one = Measurement(noise.sample(KEY, jnp.asarray(X)), Identity(), noise)
    widths = (0.3, 0.8, 1.5, 4.0)
    losses = [np.mean((smooth(w)(one) - X) ** 2) for w in widths]
    for given in (one, one.replace(noise=None)):
        risks = [held_out_risk(KEY, smooth(w), given) for w in widths]
        assert np.array_equal(np.argsort([r.value for r in risks]), np.argsort(losses))
    assert risks[0].noise is None and risks[0].value > 30


def test_correlated_noise_is_hidden_with_its_neighbours():
    """Pixels that share noise with the hidden one tell of it, and flatter the estimator that copies them."""
    rng = np.random.default_rng(2)
    noisy = (X + ndimage.uniform_filter1d(rng.normal(size=X.shape), 3, axis=1, mode="wrap") * 20).astype(np.float32)
    one = Measurement(jnp.asarray(noisy), Identity())
    along, wide = (lambda one: ndimage.gaussian_filter1d(np.asarray(one.y), 0.8, axis=1)), smooth(1.2)
    assert np.mean((wide(one) - X) ** 2) < np.mean((along(one) - X) ** 2)
    told = lambda **hidden: risk_difference(*(held_out_risk(KEY, f, one, width=6, folds=12, **hidden) for f in (wide, along))).value
    assert told() > 0 > told(extent=(0, 2))


def test_samples_of_other_measurements_are_held_out_of_the_operator():
    mask = (np.random.default_rng(1).random((17, 20)) < 0.7).astype(np.float32)
    H, noise = Fourier(jnp.asarray(mask)), jax.tree.map(jnp.float32, Gaussian(2.0))
    one = Measurement(noise.sample(KEY, H(jnp.asarray(X.astype(np.complex64)))) * mask[..., None].astype(np.complex64), H, noise)
    seen = []

    def zero_filled(one):
        seen.append(np.asarray(one.operator.measured(one.y)).sum())
        return one.operator.adjoint(one.y)

    risk = held_out_risk(KEY, zero_filled, one, folds=2)
    assert all(0.85 < s / mask.sum() < 0.95 for s in seen)
    assert np.abs(risk.made).max() < 1e-3 * np.abs(risk.data).max()                         # nothing is known of what was not shown
    assert set(np.abs(risk.data)) <= set(np.abs(np.asarray(one.y, np.complex128)[mask > 0]).ravel())


def test_what_is_asked_is_checked():
    one = Measurement(jnp.asarray(X), Identity(), jax.tree.map(jnp.float32, Gaussian(3.0)))
    with pytest.raises(InputError, match="noise model"):
        stein_risk(KEY, shrunk, one.replace(noise=None))
    with pytest.raises(InputError, match="width\\^d"):
        held_out_risk(KEY, shrunk, one, folds=17)
    with pytest.raises(InputError, match="extent"):
        held_out_risk(KEY, shrunk, one, extent=(0, 2))
    with pytest.raises(InputError, match="same key"):
        risk_difference(stein_risk(KEY, shrunk, one), stein_risk(jax.random.key(1), shrunk, one))
    with pytest.raises(InputError, match="one kind"):
        risk_difference(stein_risk(KEY, shrunk, one), held_out_risk(KEY, shrunk, one))


def test_an_estimate_that_is_given_is_not_made_again():
    made = []
    F = lambda one: made.append(1) or smooth(1.0)(one)
    one = Measurement(jnp.asarray(X), Identity(), jax.tree.map(jnp.float32, Gaussian(3.0)))
    given = stein_risk(KEY, F, one, estimate=smooth(1.0)(one))
    assert len(made) == 1 and given.value == stein_risk(KEY, F, one).value


def test_blurred_images_are_held_out_by_pixels():
    psf = np.zeros((5, 5), np.float32)
    psf[1:4, 1:4] = 1 / 9
    H = Convolution(jnp.asarray(psf))
    one = Measurement(H(jnp.asarray(X)), H)
    assert held_out_risk(KEY, lambda one: X, one).value == pytest.approx(0, abs=1e-6)       # the truth explains what was hidden


@pytest.mark.slow
def test_blind_risks_rank_methods_as_the_truth_does(standard_promotion):
    """Eight classical methods on a measurement of each of four kinds."""
    from benchmarks.trust import CASES, ranked

    for name, (modality, methods) in CASES.items():
        assert ranked(jax.random.key(0), modality, methods)["Stein's risk"] >= 0.8, name


def test_blind_risks_rank_filters_as_the_truth_does(standard_promotion):
    from benchmarks.trust import CASES, DENOISERS, ranked

    found = ranked(jax.random.key(0), CASES["gaussian"][0], DENOISERS[:5], 48)
    assert found["Stein's risk"] >= 0.9 and found["held-out data"] >= 0.8
