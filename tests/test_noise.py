"""Noise models: moments, densities, and the estimate of their parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from unsup_jax.core.measurement import Scale
from unsup_jax.errors import InputError
from unsup_jax.noise import (
    ColouredGaussian, Gamma, Gaussian, GaussianMixture, Histogram, Poisson, PoissonGaussian, SaltAndPepper,
    estimate_poisson_gaussian,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")

MODELS = [Gaussian(3.0), Poisson(2.0, 5.0), PoissonGaussian(2.0, 3.0, 5.0), Gamma(20.0)]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_moments(model):
    for level in (7.0, 25.0, 300.0):
        clean = jnp.full((400, 400), level)
        y = model.sample(jax.random.key(0), clean)
        variance = float(model.variance(clean)[0, 0])
        assert abs(float(y.mean()) - level) < 4 * np.sqrt(variance) / 400
        assert abs(float(y.var()) / variance - 1) < 0.02


def test_gaussian_log_prob():
    y, x = jnp.linspace(-5, 5, 11), jnp.zeros(11)
    np.testing.assert_allclose(Gaussian(2.0).log_prob(y, x), stats.norm(0, 2).logpdf(y), rtol=1e-5)


def test_poisson_log_prob():
    counts = jnp.arange(30.0)
    np.testing.assert_allclose(
        Poisson(2.0, 5.0).log_prob(2 * counts + 5, jnp.full(30, 5 + 2 * 7.5)), stats.poisson(7.5).logpmf(counts), rtol=1e-4
    )
    assert Poisson(2.0).log_prob(jnp.array(3.0), jnp.array(4.0)) == -jnp.inf  # between two counts


@pytest.mark.parametrize("rate", [0.0, 0.5, 4.0, 30.0, 49.0, 80.0])
def test_poisson_gaussian_log_prob(rate):
    gain, sigma = 2.0, 1.5
    y = np.linspace(gain * rate - 4 * np.sqrt(gain**2 * rate + sigma**2), gain * rate + 5 * np.sqrt(gain**2 * rate + sigma**2), 41)
    k = np.arange(400)
    density = (stats.poisson(rate).pmf(k) * stats.norm(gain * k, sigma).pdf(y[:, None])).sum(1)
    ours = PoissonGaussian(gain, sigma).log_prob(jnp.asarray(y, jnp.float32), jnp.full(41, gain * rate))
    np.testing.assert_allclose(ours, np.log(density), atol=0.01)


def test_poisson_gaussian_log_prob_of_wide_mixtures():
    """Many photons and much read-out noise: the normal density, to a fraction of a per cent around its mode."""
    gain, sigma, rate = 1.0, 20.0, 300.0
    deviation = np.sqrt(rate + sigma**2)
    y, k = np.linspace(rate - 2 * deviation, rate + 2 * deviation, 21), np.arange(1000)
    density = (stats.poisson(rate).pmf(k) * stats.norm(gain * k, sigma).pdf(y[:, None])).sum(1)
    ours = PoissonGaussian(gain, sigma).log_prob(jnp.asarray(y, jnp.float32), jnp.full(21, rate))
    np.testing.assert_allclose(ours, np.log(density), atol=0.03)


def test_log_prob_is_differentiable():
    for model in MODELS[::2]:
        gradient = jax.grad(lambda x: model.log_prob(jnp.array(20.0), x))(jnp.array(18.0))
        assert jnp.isfinite(gradient) and gradient > 0


def test_parameters_from_one_image():
    rows, columns = np.mgrid[:256, :256]
    clean = (60 + 50 * np.sin(rows / 25) * np.cos(columns / 31))[..., None]
    noisy = PoissonGaussian(4.0, 6.0).sample(jax.random.key(0), jnp.asarray(clean, jnp.float32))
    gain, sigma, offset = estimate_poisson_gaussian(np.asarray(noisy))
    assert abs(gain / 4 - 1) < 0.15 and abs(sigma - 6) < 3 and offset == 0
    white = np.asarray(Gaussian(5.0).sample(jax.random.key(0), jnp.asarray(clean, jnp.float32)))
    gain, sigma, _ = estimate_poisson_gaussian(white)
    assert abs(np.sqrt(60 * gain + sigma**2) / 5 - 1) < 0.1


def camera_pairs(levels=(5.0, 120.0), count=200_000):
    """Signals and their observations by a camera, for the learned models."""
    clean = jax.random.uniform(jax.random.key(0), (count,), minval=levels[0], maxval=levels[1])
    return PoissonGaussian(2.0, 3.0).sample(jax.random.key(1), clean), clean


LEARNED = {
    "histogram": lambda: Histogram.fit(*camera_pairs(), bins=64),
    "mixture": lambda: GaussianMixture.fit(jax.random.key(2), *camera_pairs(), steps=400),
}


@pytest.mark.parametrize("name", LEARNED)
def test_learned_noise_is_the_cameras(name):
    model, camera = LEARNED[name](), PoissonGaussian(2.0, 3.0)
    clean = jnp.full((20_000,), 60.0)
    y = model.sample(jax.random.key(3), clean)
    true = float(camera.variance(clean)[0])
    assert abs(float(y.mean()) - 60) < 1.0 and abs(float(y.var()) / true - 1) < 0.08
    assert abs(float(model.variance(clean)[0]) / true - 1) < 0.08
    seen = camera.sample(jax.random.key(4), clean)
    cost = float((camera.log_prob(seen, clean) - model.log_prob(seen, clean)).mean())      # the Kullback-Leibler divergence
    assert -0.01 < cost < 0.03
    scale = Scale(jnp.array([10.0]), jnp.array([4.0]))
    change = model.normalize(scale).log_prob(scale.normalize(seen), scale.normalize(clean)) - model.log_prob(seen, clean)
    np.testing.assert_allclose(change, np.log(4.0), atol=2e-3)
    gradient = jax.grad(lambda s: jnp.sum(model.log_prob(seen[:100], s)))(clean[:100])
    assert jnp.isfinite(gradient).all() and (gradient != 0).any()


def test_histogram_and_mixture_are_densities():
    grid = jnp.linspace(-40.0, 200.0, 24_001)
    for make in LEARNED.values():
        mass = jnp.exp(make().log_prob(grid, jnp.full_like(grid, 60.0)))
        inside = (grid > -20) & (grid < 160)
        assert abs(float(jnp.sum(jnp.where(inside, mass, 0)) * 0.01) - 1) < 0.02


def test_learned_noise_of_unequal_shapes_is_refused():
    for fit in (Histogram.fit, lambda y, s: GaussianMixture.fit(jax.random.key(0), y, s)):
        with pytest.raises(InputError, match="differ in shape"):
            fit(np.zeros(3), np.zeros(4))


def test_coloured_noise_has_its_spectrum():
    frequency = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.fftfreq(24)[None])
    model = ColouredGaussian(jnp.asarray(9 * np.exp(-((frequency / 0.15) ** 2)) + 0.1, jnp.float32))
    clean = jnp.full((32, 24, 1), 7.0)
    y = jax.vmap(model.sample, (0, None))(jax.random.split(jax.random.key(0), 3000), clean)
    measured = (jnp.abs(jnp.fft.fft2(y[..., 0] - 7)) ** 2).mean(0) / (32 * 24)
    np.testing.assert_allclose(measured, model.spectrum, rtol=0.12)
    assert abs(float(y.var()) / float(model.variance(clean)[0, 0, 0]) - 1) < 0.02


def test_white_noise_is_coloured_noise_of_a_flat_spectrum():
    clean, noisy = jax.random.normal(jax.random.key(0), (2, 16, 12, 1))
    flat = ColouredGaussian(jnp.full((16, 12), 4.0)).log_prob(noisy, clean).sum()
    np.testing.assert_allclose(flat, Gaussian(2.0).log_prob(noisy, clean).sum(), rtol=1e-4)


def test_gamma_log_prob():
    y, x = jnp.linspace(0.5, 30, 12), jnp.full(12, 10.0)
    np.testing.assert_allclose(Gamma(4.0).log_prob(y, x), stats.gamma(4.0, scale=2.5).logpdf(y), rtol=1e-4)
    scale = Scale(jnp.array([1.0]), jnp.array([2.0]))
    moved = Gamma(4.0).normalize(scale).log_prob(scale.normalize(y), scale.normalize(x))
    np.testing.assert_allclose(moved, Gamma(4.0).log_prob(y, x) + np.log(2.0), rtol=1e-4)


def test_salt_and_pepper():
    clean = jnp.full((400, 400), 60.0)
    model = SaltAndPepper(0.1, 0.0, 255.0)
    y = model.sample(jax.random.key(0), clean)
    assert abs(float((y == 0).mean()) - 0.05) < 0.005 and abs(float((y == 255).mean()) - 0.05) < 0.005
    assert abs(float(y.var()) / float(model.variance(clean)[0, 0]) - 1) < 0.05
    with pytest.raises(InputError, match="no density"):
        model.log_prob(y, clean)


@pytest.mark.parametrize("fit", [Histogram.fit, lambda y, x: GaussianMixture.fit(jax.random.key(0), y, x, steps=50)], ids=["histogram", "mixture"])
def test_learned_models_in_units_of_each_channel(fit):
    """p(y' | s') dy' = p(y | s) dy, with another scale for each channel."""
    x = np.random.default_rng(0).uniform(10, 90, 5000)
    model = fit(x + np.random.default_rng(1).normal(0, 3, x.shape), x)
    scale = Scale(jnp.array([[[5.0, 40.0]]]), jnp.array([[[2.0, 10.0]]]))
    noisy, clean = jnp.full((4, 4, 2), 52.0), jnp.full((4, 4, 2), 50.0)
    inside = model.normalize(scale).log_prob(scale.normalize(noisy), scale.normalize(clean))
    np.testing.assert_allclose(inside, model.log_prob(noisy, clean) + jnp.log(scale.unit), atol=1e-3)
    np.testing.assert_allclose(model.normalize(scale).variance(scale.normalize(clean)), model.variance(clean) / scale.unit**2, rtol=1e-3)


def test_noise_models_survive_json():
    import json

    from unsup_jax.noise.stored import from_json, to_json

    x = np.linspace(10.0, 90.0, 500)
    y = x + np.random.default_rng(0).normal(0, 3, x.shape)
    for model in (PoissonGaussian(2.0, 3.0), Histogram.fit(y, x, bins=16), GaussianMixture.fit(jax.random.key(0), y, x, steps=5)):
        again = from_json(json.loads(json.dumps(to_json(model))))
        noisy, clean = jnp.asarray(y[:9], jnp.float32), jnp.asarray(x[:9], jnp.float32)
        np.testing.assert_allclose(again.log_prob(noisy, clean), model.log_prob(noisy, clean), rtol=1e-5)
    assert from_json(to_json(None)) is None
    with pytest.raises(InputError, match="does not know"):
        from_json({"model": "Martian"})
