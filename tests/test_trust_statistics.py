"""Statistics of residuals and of inputs keep their rates of false alarms, and see what they are made for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, stats

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.noise import Gamma, Gaussian, Poisson, PoissonGaussian
from unsup_jax.operators import Fourier, Identity, Mask
from unsup_jax.trust import (
    ChiSquare, by_frequency, chi_square, chi_square_by_level, chi_square_by_region, drift, fixed_pattern, hot_pixels, renoised, residual,
    saturated, split_halves, whiteness,
)

N = 48
NOISES = {name: jax.tree.map(jnp.float32, noise) for name, noise in {
    "gaussian": Gaussian(5.0), "photons": Poisson(2.0, 3.0), "camera": PoissonGaussian(1.0, 3.0, 5.0)}.items()}


def projected(image, cut=0.18):
    """The frequencies below a cut: an estimate that eats noise and is exact where there is nothing above."""
    f = np.fft.fftfreq(N)
    band = (f[:, None] ** 2 + f[None] ** 2 < cut**2)[..., None]
    return np.fft.ifft2(np.fft.fft2(np.asarray(image), axes=(0, 1)) * band, axes=(0, 1)).real.astype(np.float32)


X = 60 + 20 * projected(np.random.default_rng(0).normal(size=(N, N, 1)))
F = lambda one: projected(one.y)


def scene(rng):
    x, grid = np.zeros((N, N)), np.indices((N, N))
    for _ in range(12):
        place, radius = rng.uniform(0, N, (2, 1, 1)), rng.uniform(1.5, 8)
        x += rng.uniform(0.2, 1) * np.exp(-((grid - place) ** 2).sum(0) / 2 / radius**2)
    return x[..., None]


def recorded(rng, x):
    """A camera's image: (y, its gain, sigma and offset)."""
    return np.round(2 * rng.poisson(20 * x + 2) + rng.normal(size=x.shape) * 4 + 100), (2.0, 4.0, 100.0)


def within(alarms, level):
    """Whether so many alarms are of tests of that level, or rarer; wrong once in ten thousand."""
    return np.sum(alarms) <= stats.binom.isf(1e-4, len(alarms), level)


@pytest.mark.parametrize("noise", NOISES)
def test_chi_square_and_autocorrelation_of_the_truth_are_those_of_noise(noise):
    noise, sample = NOISES[noise], jax.jit(NOISES[noise].sample)
    z, p = [], []
    for i in range(60):
        of = residual(np.asarray(sample(jax.random.key(i), jnp.asarray(X))), X, Identity(), noise)
        z.append(np.concatenate([chi_square_by_region(of).sigmas().ravel(), chi_square_by_level(of).sigmas(), chi_square(of).sigmas()]))
        p.append(whiteness(of).p)
    assert np.std(z) == pytest.approx(1, abs=0.06) and abs(np.mean(z)) < 0.08
    assert within(np.array(p) < 0.05, 0.05)


def test_an_estimate_that_eats_noise_is_judged_by_what_it_eats():
    """Its residual is not white and too small, as those of simulated measurements are; the p-value is uniform."""
    noise, p, z = NOISES["gaussian"], [], []
    for i in range(60):
        key = jax.random.key(i)
        one = Measurement(noise.sample(key, jnp.asarray(X)), Identity(), noise)
        estimate = F(one)
        of = residual(np.asarray(one.y), estimate, Identity(), noise)
        again = renoised(jax.random.fold_in(key, 1), F, one, estimate)
        p.append(whiteness(of, again.residuals).p), z.append(chi_square(of).sigmas(chi_square(again.residuals[0]))[0])
    assert chi_square(of).value[0] < 0.95 and whiteness(of).autocorrelation[3, 4] < -0.05
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    assert abs(np.mean(z)) < 0.6 and 0.7 < np.std(z) < 1.3
    assert np.sqrt(np.mean(again.change**2)) == pytest.approx(np.sqrt(np.mean((estimate - X) ** 2)), rel=0.25)     # the bootstrap's error
    assert again.part < 0.15 < 0.3 < renoised(key, lambda one: one.y, one, np.asarray(one.y)).part


def test_what_an_estimate_lacks_is_seen():
    noise = NOISES["gaussian"]
    one = Measurement(noise.sample(jax.random.key(0), jnp.asarray(X)), Identity(), noise)
    flat = lambda one: projected(one.y, 0.08)
    estimate = flat(one)
    of = residual(np.asarray(one.y), estimate, Identity(), noise)
    again = renoised(jax.random.key(1), flat, one, estimate)
    assert whiteness(of).p < 1e-6 > whiteness(of, again.residuals).p
    assert chi_square(of).sigmas(chi_square(again.residuals[0]))[0] > 5
    curve, expected = by_frequency(of, Identity()), by_frequency(again.residuals[0], Identity())
    lacking = (curve.frequency > 0.09) & (curve.frequency < 0.17)
    assert np.all((curve.power / expected.power)[lacking] > 2) and np.all(curve.power[curve.frequency > 0.2] < 1.5)


def test_samples_that_were_not_measured_are_not_counted():
    mask = (np.random.default_rng(0).random((N, N)) < 0.4).astype(np.float32)
    for H, x in ((Fourier(jnp.asarray(mask)), X.astype(np.complex64)), (Mask(jnp.asarray(mask[..., None])), X)):
        clean = H(jnp.asarray(x))
        y = np.asarray(NOISES["gaussian"].sample(jax.random.key(0), clean))
        of = residual(y, x, H, NOISES["gaussian"])
        assert of.measured.sum() == mask.sum() and not of.r[~of.measured].any()
        assert abs(chi_square(of).sigmas()[0]) < 4 and whiteness(of).p > 1e-3
        assert np.nanmax(np.abs(by_frequency(of, H).power - 1) / by_frequency(of, H).error) < 5


@pytest.mark.parametrize("noise", NOISES)
def test_halves_are_independent_and_of_twice_the_variance(noise, quick_compilation):
    noise, x = NOISES[noise], jnp.full((150, 150, 1), 40.0)
    half, first, second = noise.halves(jax.random.key(1), noise.sample(jax.random.key(0), x))
    for part in (first, second):
        assert float(part.mean()) == pytest.approx(40, abs=0.3)
        assert float(part.var()) == pytest.approx(2 * float(noise.variance(x)[0, 0, 0]), rel=0.06)
        assert float(half.variance(x)[0, 0, 0]) == pytest.approx(2 * float(noise.variance(x)[0, 0, 0]), rel=1e-5)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 4 / 150
    with pytest.raises(InputError, match="Gamma noise cannot be parted"):
        Gamma(4.0).halves(jax.random.key(0), x)


def test_halves_of_a_finer_signal_resolve_more():
    noise = NOISES["camera"]
    rough, fine = (100 + 30 * projected(np.random.default_rng(0).normal(size=(N, N, 1)), cut) for cut in (0.1, 0.4))
    one = lambda x: Measurement(noise.sample(jax.random.key(0), jnp.asarray(x)), Identity(), noise)
    found = [split_halves(jax.random.key(1), lambda one: one.y, one(x)).resolution() for x in (rough, fine)]
    assert found[1] < 4 < 6 < found[0]


def test_inputs_without_a_fault_seldom_alarm():
    rng = np.random.default_rng(1)
    p = {name: [] for name in ("hot", "saturated", "rows", "columns", "drift")}
    for _ in range(120):
        x = scene(rng)
        y, camera = recorded(rng, x)
        p["hot"].append(hot_pixels(y, camera)[1]), p["saturated"].append(saturated(y)[1])
        p["rows"].append(fixed_pattern(y, -1)[1]), p["columns"].append(fixed_pattern(y, -2)[1])
    for _ in range(60):
        x = scene(rng)
        p["drift"].append(drift(np.stack([recorded(rng, x)[0] for _ in range(8)])).p)
    for name, values in p.items():
        assert within(np.array(values) < 0.05, 0.05), name
        assert within(np.array(values) < 0.01, 0.01), name


def test_faults_of_an_input_are_seen():
    rng = np.random.default_rng(2)
    x = scene(rng)
    y, camera = recorded(rng, x)
    hot = y.copy()
    hot[20, 30] += 150
    where, p = hot_pixels(hot, camera)
    assert p < 1e-6 and np.argwhere(where).tolist() == [[20, 30, 0]]
    part, p = saturated(np.minimum(y, np.quantile(y, 0.98)))
    assert p < 1e-3 and part == pytest.approx(0.02, abs=0.01)
    assert saturated(-np.minimum(y, np.quantile(y, 0.98)), end=-1)[1] == p
    offsets, p = fixed_pattern(y + rng.normal(size=(N, 1, 1)) * 4, -1)
    assert p < 1e-6 and offsets == pytest.approx(4 / np.median(np.abs(np.diff(y, axis=0))) * 0.954, rel=0.5)
    assert fixed_pattern(np.swapaxes(y + rng.normal(size=(N, 1, 1)) * 4, 0, 1), -2)[1] < 1e-6
    moved = np.stack([recorded(rng, (1 - 0.01 * k) * ndimage.shift(x, (0.1 * k, 0, 0), order=3, mode="nearest"))[0] for k in range(10)])
    found = drift(moved)
    assert found.p < 0.01 and found.brightness < -0.05 and found.shift[0] == pytest.approx(0.9, abs=0.3) and abs(found.shift[1]) < 0.3
    assert drift(moved[:5]) is None


def test_a_rare_region_is_as_rare_as_it_says():
    """chi^2 of 144 pixels is skewed: what is 3 normal deviates off, for one or for a ratio of two, is so once in 741 times."""
    draw, n, count = np.random.default_rng(0), 144, 400_000
    first, second = (draw.chisquare(n, count) / n for _ in range(2))
    error = np.full(count, np.sqrt(2 / n))
    alone, kept = ChiSquare(first, error, first).sigmas(), ChiSquare(0.8 * first, error, first).sigmas(ChiSquare(0.8 * second, error, second))
    for deviates in (alone, -alone, kept, -kept):
        assert abs(np.mean(deviates > 3) * 741 - 1) < 0.15                 # of which the standard error is .04
    assert np.mean((first - 1) / error > 3) * 741 > 2                       # as standard errors have it
