"""Noise models: moments, densities, and the estimate of their parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from unsup_jax.noise import Gaussian, Poisson, PoissonGaussian, estimate_poisson_gaussian

MODELS = [Gaussian(3.0), Poisson(2.0, 5.0), PoissonGaussian(2.0, 3.0, 5.0)]


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
