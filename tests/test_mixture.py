r"""Games on a mixture of two Gaussians, data .67 N(-1, .6^2) + .33 N(2, 1^2), with V a perceptron of 64-64 units.

f-GAN with G(z) = mu + sigma z is beside the optimum (mu, sigma; D_f) of its own divergence, which quadrature of the integral
(29) finds, as Nowozin (2016) does of another mixture. Other games, with a perceptron for G, are beside the Gaussian of the
data's moments.
"""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from unsup_jax.core import Adam, Measurement
from unsup_jax.losses.games import KL, R1, R2, Jeffrey, JensenShannon, Pearson, ReverseKL, SquaredHellinger
from unsup_jax.methods import FGAN, GAN, R3GAN
from unsup_jax.operators import Identity

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types

GRID = np.linspace(-12, 14, 8001)


def normal(x, mean, deviation):
    return np.exp(-((x - mean) ** 2) / (2 * deviation**2)) / (deviation * np.sqrt(2 * np.pi))


MU = 0.67 * normal(GRID, -1, 0.6) + 0.33 * normal(GRID, 2, 1)


def divergence(game, mean, deviation):
    """D_f(mu || nu), (29), of the mixture and N(mean, deviation^2)."""
    nu = np.maximum(normal(GRID, mean, deviation), 1e-200)
    with jax.enable_x64(True):
        f = np.asarray(game.f(jnp.asarray(MU / nu)))
    return float((f * nu).sum() * (GRID[1] - GRID[0]))


def optimum(game, start):
    found = minimize(lambda p: divergence(game, p[0], np.exp(p[1])), (start[0], np.log(start[1])), method="Nelder-Mead")
    return found.x[0], np.exp(found.x[1]), found.fun


class Line(nn.Module):
    """mu + sigma z."""

    channels: int = 1

    @nn.compact
    def __call__(self, z, shape):
        return self.param("mu", nn.initializers.zeros, (1, 1)) + self.param("sigma", nn.initializers.ones, (1, 1)) * z.reshape(1, 1)


class Perceptron(nn.Module):
    """V."""

    @nn.compact
    def __call__(self, x):
        for _ in range(2):
            x = nn.tanh(nn.Dense(64)(x.ravel()))
        return nn.Dense(1)(x)[0]


class Curve(nn.Module):
    """A perceptron of z."""

    channels: int = 1

    @nn.compact
    def __call__(self, z, shape):
        return nn.Dense(1)(nn.leaky_relu(nn.Dense(32)(nn.leaky_relu(nn.Dense(32)(z))))).reshape(1, 1)


def played(method, steps, batch):
    """The players after so many rounds, each critic step on `batch` samples of its own."""
    method = method.planned(steps)
    count = batch * method.n_critic

    def draw(key):
        which, noise = jax.random.split(key)
        first = jax.random.uniform(which, (count, 1, 1)) < 0.67
        x = jnp.where(first, -1.0, 2.0) + jnp.where(first, 0.6, 1.0) * jax.random.normal(noise, (count, 1, 1))
        return Measurement(jnp.zeros_like(x), Identity(), unpaired=x)

    def one(state, key):
        return method.update(key, state, draw(jax.random.fold_in(key, 7)))[0], None

    state = method.init(jax.random.key(0), draw(jax.random.key(1)))
    return jax.jit(lambda state: jax.lax.scan(one, state, jax.random.split(jax.random.key(2), steps))[0])(state)


def fitted(game, steps):
    """(mu, sigma, bound) of an f-GAN after so many rounds of two critic steps; the bound by quadrature, of the averaged players."""
    method = FGAN(
        generator=Line(), critic=Perceptron(), latents=1, game=game, n_critic=2,
        generator_optimizer=Adam(2e-3, b1=0.5, average=0.99), critic_optimizer=Adam(5e-3, b1=0.5, average=0.99),
    )
    state = played(method, steps, 512)
    theta, unit, offset = state.generator.averaged["params"], float(state.target.unit[0, 0]), float(state.target.offset[0, 0])
    mean, deviation = offset + unit * float(theta["mu"][0, 0]), unit * abs(float(theta["sigma"][0, 0]))
    V = jax.vmap(lambda x: method.critic.apply(state.critic.averaged, x.reshape(1, 1)))(jnp.asarray((GRID - offset) / unit, jnp.float32))
    gain = np.asarray(game.activation(V)) * MU - np.asarray(game.conjugate(V)) * normal(GRID, mean, deviation)
    return mean, deviation, float(gain.sum() * (GRID[1] - GRID[0]))


def agrees(game, start, steps):
    mean, deviation, bound = fitted(game, steps)
    best = optimum(game, start)
    assert abs(mean - best[0]) < 0.05 and abs(deviation - best[1]) < 0.05, (mean, deviation, bound, best)
    assert best[2] - 0.05 < bound < best[2] + 0.01, (bound, best)


def test_the_optimum_of_kl_is_that_of_the_moments():
    mean, deviation, _ = optimum(KL(), (0.0, 1.5))
    x = GRID[1] - GRID[0]
    first, second = (GRID * MU).sum() * x, (GRID**2 * MU).sum() * x
    np.testing.assert_allclose((mean, deviation), (first, np.sqrt(second - first**2)), atol=1e-3)


def test_it_finds_the_optimum_of_kl():
    agrees(KL(), (0.0, 1.5), 1000)


@pytest.mark.slow
@pytest.mark.parametrize("game", [Pearson(), SquaredHellinger(), JensenShannon(), Jeffrey()], ids=str)
def test_others_find_theirs(game):
    agrees(game, (0.0, 1.5), 3000)


@pytest.mark.slow
def test_reverse_kl_finds_one_of_its_two_minima():
    minima = [optimum(ReverseKL(), start) for start in ((-0.9, 0.7), (0.3, 1.4))]
    assert abs(minima[0][0] - minima[1][0]) > 0.5
    mean, deviation, bound = fitted(ReverseKL(), 3000)
    near = [abs(mean - m) < 0.05 and abs(deviation - s) < 0.05 and bound < d + 0.01 for m, s, d in minima]
    assert any(near), (mean, deviation, bound, minima)


def wasserstein(samples):
    """W_2 of samples and the mixture, of their quantiles."""
    at = (np.arange(len(samples)) + 0.5) / len(samples)
    quantiles = np.interp(at, np.cumsum(MU) / MU.sum(), GRID)
    return np.sqrt(np.mean((np.sort(np.ravel(samples)) - quantiles) ** 2))


@pytest.mark.parametrize("method", [GAN(regularizers=(R1(0.1),)), R3GAN(regularizers=(R1(0.1), R2(0.1)))], ids=lambda m: m.label)
def test_samples_come_nearer_than_a_gaussian(method):
    optimizer = Adam(2e-3, b1=0.0, b2=0.99, average=0.99)
    method = dataclasses.replace(
        method, generator=Curve(), critic=Perceptron(), latents=4, generator_optimizer=optimizer, critic_optimizer=optimizer)
    drawn = wasserstein(np.asarray(method.sample(jax.random.key(3), played(method, 1500, 128), 8000)))
    mean, deviation, _ = optimum(KL(), (0.0, 1.5))
    gaussian = wasserstein(mean + deviation * np.random.default_rng(0).normal(size=8000))
    assert drawn < 0.7 * gaussian, (drawn, gaussian)
