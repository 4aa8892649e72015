"""The evidence lower bound against closed forms; VAE, spatial-VAE, DivNoising and its ladder; draws and their calibration."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import noisy_images, run_fit
from scipy import ndimage
from scipy.stats import norm

from unsup_jax.core import Adam, Measurement, Scale
from unsup_jax.data import Particles
from unsup_jax.data.particles import particle
from unsup_jax.errors import InputError
from unsup_jax.evaluate import calibration, coverage, figures, psnr
from unsup_jax.losses import free_bits, importance_bound, normal_divergence
from unsup_jax.methods import HDN, VAE, DivNoising, SpatialVAE
from unsup_jax.methods.variational.divnoising import mode
from unsup_jax.methods.variational.hdn import level_divergence
from unsup_jax.methods.variational.spatial_vae import block_means
from unsup_jax.modalities import Camera
from unsup_jax.networks import (
    Autoencoder, ConvDecoder, ConvEncoder, CoordinateDecoder, DenseDecoder, DenseEncoder, Ladder, MapDecoder, MapEncoder,
)
from unsup_jax.networks.autoencoder import coordinates
from unsup_jax.noise import Bernoulli, Gaussian, PoissonGaussian
from unsup_jax.operators import Identity
from unsup_jax.train import parallel

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types
KEY = jax.random.key(0)
NETWORKS = {
    "dense": Autoencoder(DenseEncoder(latents=3, width=8), DenseDecoder(width=8)),
    "convolutions": Autoencoder(ConvEncoder(latents=3, width=2, depth=2), ConvDecoder(width=2, depth=2)),
    "maps": Autoencoder(MapEncoder(latents=3, width=2, depth=2), MapDecoder(width=2, depth=2)),
    "coordinates": Autoencoder(DenseEncoder(latents=5, width=8), CoordinateDecoder(width=8)),
    "waves": Autoencoder(DenseEncoder(latents=5, width=8), CoordinateDecoder(width=8, frequencies=3)),
}


def measurement(shape=(9, 12), noise=Gaussian(0.5)):
    return Measurement(jax.random.normal(KEY, (*shape, 1)), Identity(), noise)


def test_the_divergence_of_normals():
    mean, deviation, prior = 0.7, 0.3, 1.9
    z = np.linspace(-8, 8, 40_001)
    q, p = norm(mean, deviation), norm(0, prior)
    numeric = np.trapezoid(q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), z)
    found = normal_divergence(jnp.float32(mean), jnp.float32(2 * np.log(deviation)), prior_deviation=prior)
    np.testing.assert_allclose(found, numeric, rtol=1e-4)
    assert free_bits(jnp.array([0.1, 2.0]), 0.5).tolist() == [0.5, 2.0]


class LinearGaussian(VAE):
    """y = W z + w with known posterior: the bound can be compared with the evidence itself."""

    W = jnp.array([[1.0, 0.8], [0.6, 1.4], [0.7, 0.1]])

    def encode(self, params, y):
        precision = jnp.eye(2) + self.W.T @ self.W
        covariance = jnp.linalg.inv(precision)
        return covariance @ self.W.T @ y.ravel(), jnp.log(jnp.diag(covariance))

    def decode(self, params, z, one):
        return (self.W @ z).reshape(one.y.shape), None


def test_the_bound_is_below_the_evidence_and_tightens():
    """log p(y) = log N(0, W W^T + I) exactly; q without correlations is not the posterior, so one draw falls short."""
    model, one = LinearGaussian(), Measurement(jnp.array([0.4, -1.0, 2.0]).reshape(3, 1, 1), Identity())
    covariance = np.asarray(model.W @ model.W.T) + np.eye(3)
    from scipy.stats import multivariate_normal
    evidence = multivariate_normal(np.zeros(3), covariance).logpdf(np.asarray(one.y).ravel())
    bounds = [float(jnp.mean(jax.lax.map(lambda key: model.bound(key, None, one, k), jax.random.split(KEY, n)))) for k, n in ((1, 200), (2000, 4))]
    assert bounds[0] < bounds[1] - 0.03 and abs(bounds[1] - evidence) < 0.02
    losses = jax.vmap(lambda k: model.loss(k, None, one)[1]["elbo"])(jax.random.split(KEY, 4000))
    np.testing.assert_allclose(losses.mean(), bounds[0], atol=0.1)
    np.testing.assert_allclose(importance_bound(jnp.log(jnp.array([0.2, 0.4])), jnp.zeros(2)), np.log(0.3), rtol=1e-5)


def test_equation_22():
    """Of unit deviation, the loss is half the squared error and half sum(sigma^2 + mu^2 - log sigma^2 - 1), a pixel, to a constant."""
    one, method = measurement(), VAE(NETWORKS["dense"])
    params = method.init_params(KEY, one)
    u = jax.random.normal(KEY, (3,))
    mean, log_variance = method.encode(params, one.y)
    x = method.network.apply(params, mean + jnp.exp(log_variance / 2) * u, one.y.shape[:-1], method="decode")
    expected = 0.5 * jnp.sum(jnp.square(one.y - x)) + 0.5 * jnp.sum(jnp.exp(log_variance) + jnp.square(mean) - log_variance - 1)
    loss, metrics = method.loss(KEY, params, one)
    np.testing.assert_allclose(loss * one.y.size, expected + 0.5 * one.y.size * np.log(2 * np.pi), rtol=1e-5)
    np.testing.assert_allclose(-metrics["elbo"], loss * one.y.size, rtol=1e-5)
    np.testing.assert_allclose(method.draw(KEY, params, one), x, rtol=1e-5)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize("likelihood", ["gaussian", "noise", "learned"])
def test_every_network_and_likelihood(network, likelihood):
    """Shapes of estimate and draws, sizes that are no multiple of anything, and a gradient for every parameter but unused ones."""
    one, method = measurement(), VAE(network, likelihood=likelihood, draws=3)
    state = jax.jit(method.init)(KEY, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], one))
    gradient = jax.jit(jax.grad(lambda p: method.loss(KEY, p, one)[0]))(state.params)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(gradient))
    assert sum(bool(jnp.any(leaf != 0)) for leaf in jax.tree.leaves(gradient)) > 0.6 * len(jax.tree.leaves(gradient))
    estimate, draws, along = jax.jit(lambda s: (method.estimate(KEY, s.params, one), method.posterior(KEY, s, one), method.images(s, one)))(state)
    assert estimate.shape == (9, 12, 1) and draws.shape == (3, 9, 12, 1)
    assert {name: grid.shape for name, grid in along.items()} == (
        {} if network is NETWORKS["maps"] else {"along the latents": (network.encoder.latents, 9, 9, 12, 1)})


def test_maps_take_images_of_any_size():
    method = DivNoising(NETWORKS["maps"], samples=2)
    params = jax.eval_shape(method.init_params, KEY, measurement((16, 16)))
    for shape in ((16, 16), (21, 30), (8, 12, 10)):
        if len(shape) == 3:
            params = jax.eval_shape(method.init_params, KEY, measurement(shape))
        assert jax.eval_shape(method.estimate, KEY, params, measurement(shape)).shape == (*shape, 1)


def test_coordinates_turn_and_shift_the_image():
    """A decoder that draws a known function of t: (25) moves what it draws as `particle` says."""
    network = NETWORKS["coordinates"]
    params = jax.jit(network.init)(KEY, jnp.ones((16, 16, 1)))
    draw = lambda angle, column, row: network.apply(params, jnp.array([angle, column, row, 0.3, -0.2]), (16, 16), method="decode")[..., 0]
    still = draw(0.0, 0.0, 0.0)
    np.testing.assert_allclose(draw(np.pi / 2, 0.0, 0.0), np.rot90(still, -1), atol=1e-5)
    np.testing.assert_allclose(draw(0.0, 4 / 15, 0.0)[:, :-2], still[:, 2:], atol=1e-5)
    np.testing.assert_allclose(draw(0.0, 0.0, 4 / 15)[:-2], still[2:], atol=1e-5)
    t = np.asarray(coordinates((2, 3)))
    np.testing.assert_allclose(t, [[-1, -0.5], [0, -0.5], [1, -0.5], [-1, 0.5], [0, 0.5], [1, 0.5]])
    # a particle is turned by the same convention
    turned = particle(jnp.float32(np.pi / 2), jnp.zeros(2), jnp.float32(0.2), size=17)
    np.testing.assert_allclose(turned[..., 0], np.rot90(particle(jnp.float32(0), jnp.zeros(2), jnp.float32(0.2), size=17)[..., 0], -1), atol=1e-3)


@pytest.mark.parametrize("shape, radius", [((9, 9), 1.0), ((8, 11), 0.8)])
def test_a_disc_is_drawn_as_in_the_whole_image_and_the_rest_is_its_mean(shape, radius):
    whole, cut, z = CoordinateDecoder(width=8, frequencies=2), CoordinateDecoder(width=8, frequencies=2, radius=radius), jnp.array([0.4, 0.1, -0.2, 1.0])
    params = cut.init(KEY, z, shape)["params"]
    drawn = whole.apply({"params": {name: leaf for name, leaf in params.items() if name != "background"}}, z, shape)
    inside = np.linalg.norm(coordinates(shape), axis=-1).reshape(shape) <= radius + 1e-6
    y = jax.random.normal(KEY, (*shape, 1))
    mean = y[~inside].mean(0)
    error = lambda background: jnp.sum(jnp.square(y - cut.apply({"params": params | {"background": background}}, z, shape)))
    np.testing.assert_allclose(jax.grad(error)(mean), 0, atol=1e-5)
    x = cut.apply({"params": params | {"background": mean}}, z, shape)
    np.testing.assert_allclose(x[inside], drawn[inside], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(x[~inside], np.broadcast_to(mean, x[~inside].shape))


def test_the_encoder_of_large_images_sees_means_of_blocks():
    y = jax.random.normal(KEY, (7, 10, 2))
    expected = [[np.asarray(y[i : i + 3, j : j + 3]).mean((0, 1)) for j in range(0, 10, 3)] for i in range(0, 7, 3)]
    np.testing.assert_allclose(block_means(y, 3), expected, rtol=1e-5, atol=1e-6)
    method = SpatialVAE(NETWORKS["coordinates"], encoder_pixels=5)
    one = measurement((7, 10))
    params = method.init_params(KEY, one)
    seen = method.network.apply(params, block_means(one.y, 2), method="encode")
    np.testing.assert_array_equal(method.encode(params, one.y)[0], seen[0])
    assert method.estimate(KEY, params, one).shape == one.y.shape


def test_the_priors_of_equation_26():
    method = SpatialVAE(angle_deviation=0.5, shift_deviation=0.2)
    mean, log_variance = jnp.array([0.3, 0.1, -0.1, 1.0]), jnp.log(jnp.array([0.5, 0.25, 1.0, 0.1]))
    z = method.reparameterize(mean, log_variance, jnp.ones(4))
    np.testing.assert_allclose(z, mean + jnp.array([0.5, 0.2, 0.2, 1.0]) * jnp.exp(log_variance / 2), rtol=1e-6)
    charged = replace(method, charge_angle=True).divergence(mean, log_variance)
    expected = [normal_divergence(m, lv + 2 * jnp.log(s), prior_deviation=s) for m, lv, s in zip(mean, log_variance, (0.5, 0.2, 0.2, 1.0))]
    np.testing.assert_allclose(charged, jnp.stack(expected), rtol=1e-4)
    free = method.divergence(mean, log_variance)
    np.testing.assert_allclose(free[1:], charged[1:], rtol=1e-6)
    np.testing.assert_allclose(charged[0] - free[0], 0.5 * 0.3**2 / 0.5**2, rtol=1e-4)


@pytest.mark.parametrize("content", [1, 2, 3])
def test_the_manifold_of_the_content(content):
    """In the pose of the image, whose other latents it takes."""
    method = SpatialVAE(Autoencoder(DenseEncoder(latents=3 + content, width=8), CoordinateDecoder(width=8)))
    batch = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], measurement((8, 8)))
    state = jax.jit(method.init)(KEY, batch)
    (grid,) = method.images(state, measurement((8, 8))).values()
    assert grid.shape == ((9, 9) if content > 1 else (1, 9)) + (8, 8, 1)
    z = method.encode(state.trained.params, state.scale.normalize(measurement((8, 8)).y))[0].at[3].set(-2.0)
    z = z.at[4].set(2.0) if content > 1 else z
    drawn = state.scale.restore(method.network.apply(state.trained.params, z, (8, 8), method="decode"))
    np.testing.assert_allclose(grid[0, -1 if content > 1 else 0], drawn, rtol=1e-4, atol=1e-5)


def test_beta_warms_up():
    method = VAE(NETWORKS["dense"], beta=2.0, warmup=10)
    assert method.at(jnp.int32(5)).beta == 1.0 and method.at(jnp.int32(50)).beta == 2.0 and VAE().at(jnp.int32(3)) == VAE()
    batch = jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * 2), measurement())
    state = jax.jit(method.init)(KEY, batch)
    assert int(state.trained.steps) == 0
    first, metrics = jax.jit(method.update)(KEY, state, batch)
    np.testing.assert_allclose(metrics["loss"], -(metrics["elbo"] + metrics["divergence"]) / batch.y[0].size, rtol=1e-5)   # beta 0
    second, metrics = jax.jit(method.update)(KEY, first, batch)
    assert int(second.trained.steps) == 2 and abs(method.at(jnp.int32(1)).beta - 0.2) < 1e-6


@pytest.mark.parametrize("wrong, message", [
    (lambda: VAE(beta=-1.0), "beta"), (lambda: SpatialVAE(angle_deviation=0.0), "positive deviations"),
    (lambda: SpatialVAE(encoder_pixels=0), "encoder_pixels"), (lambda: CoordinateDecoder(radius=0.0), "a radius of 0.0"),
    (lambda: DivNoising(samples=0), "0 samples"),
    (lambda: DenseEncoder(latents=0), "latents 0"), (lambda: CoordinateDecoder(frequencies=-1), "-1 frequencies"),
    (lambda: Particles(count=0), re.escape("not 0 of 28")), (lambda: DivNoising().check(measurement(noise=None)), "likelihood learned"),
    (lambda: HDN(Ladder(levels=0)), "levels 0"), (lambda: HDN().check(measurement(noise=None)), "HDN needs a noise model"),
])
def test_bad_input_is_named(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()


def test_an_image_of_another_shape_is_named():
    method = VAE(NETWORKS["dense"])
    params = method.init_params(KEY, measurement((8, 8)))
    with pytest.raises(InputError, match="trained on, not of"):
        method.estimate(KEY, params, measurement((8, 9)))


def test_bernoulli_noise():
    model, clean = Bernoulli(10.0, 30.0), jnp.full((20_000,), 15.0)
    y = model.sample(KEY, clean)
    assert set(np.unique(y)) == {10.0, 30.0} and abs(float(y.mean()) - 15) < 0.3
    np.testing.assert_allclose(y.var(), model.variance(clean)[0], rtol=0.05)
    np.testing.assert_allclose(np.exp(model.log_prob(jnp.array([10.0, 30.0]), jnp.array([15.0, 15.0]))), [0.75, 0.25], rtol=1e-5)
    scale = Scale(jnp.array([3.0]), jnp.array([4.0]))
    np.testing.assert_allclose(model.normalize(scale).log_prob(scale.normalize(y), scale.normalize(clean)), model.log_prob(y, clean), rtol=1e-4)


@pytest.mark.parametrize("model", [Bernoulli(0.0, 2.0), PoissonGaussian(0.2, 0.1, -1.0), Gaussian(1.0)])
def test_any_number_stands_for_a_signal(model):
    """The signal of a free number is possible, grows with it, and has a likelihood and a gradient everywhere."""
    free = jnp.linspace(-6, 6, 41)
    signal = model.signal(free)
    assert bool(jnp.all(jnp.diff(signal) >= 0)) and bool(jnp.isfinite(model.log_prob(jnp.full(41, 0.5), signal)).all())
    slope = jax.grad(lambda f: jnp.sum(model.log_prob(jnp.full(41, 0.5), model.signal(f))))(free)
    assert bool(jnp.isfinite(slope).all())


def test_mean_shift_finds_the_mode():
    """Of draws around two images, the one that most of them are near; the mean lies between."""
    rng = np.random.default_rng(0)
    a, b = np.zeros((12, 12, 1)), np.full((12, 12, 1), 4.0)
    draws = np.concatenate([a + 0.1 * rng.normal(size=(14, 12, 12, 1)), b + 0.1 * rng.normal(size=(6, 12, 12, 1))]).astype(np.float32)
    found = np.asarray(jax.jit(mode)(jnp.asarray(draws)))
    assert np.abs(found).max() < 0.3 and draws.mean() > 1


def test_calibrated_draws_are_found_calibrated(tmp_path):
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.5, 3, (64, 64, 1))
    draws, truth = sigma * rng.normal(size=(60, 64, 64, 1)), sigma * rng.normal(size=(64, 64, 1))
    predicted, found = calibration(draws, truth)
    np.testing.assert_allclose(found, predicted, rtol=0.15)
    levels = np.array([0.5, 0.9])
    np.testing.assert_allclose(coverage(draws, truth, levels), levels, atol=0.02)
    assert coverage(0.5 * draws, truth, np.array([0.9]))[0] < 0.7
    figures.calibrations(tmp_path / "c.png", {"a": draws}, truth)
    figures.diversity(tmp_path / "d.png", truth, draws, truth)
    figures.grid(tmp_path / "t.png", draws[:6].reshape(2, 3, 64, 64, 1))
    assert min(path.stat().st_size for path in tmp_path.iterdir()) > 10_000


LADDER = Ladder(levels=3, latents=2, width=4)


def shaken(method, one):
    """Parameters of a ladder whose priors are not N(0, 1): those of a beginning, and noise."""
    leaves, tree = jax.tree.flatten(jax.jit(method.init_params)(KEY, one))
    return jax.tree.unflatten(tree, [leaf + 0.1 * jax.random.normal(jax.random.fold_in(KEY, i), leaf.shape) for i, leaf in enumerate(leaves)])


def test_the_divergence_of_each_level_of_a_ladder():
    """By quadrature of each latent; the top's prior is N(0, 1), and the loss charges each level what is above its free bits."""
    one, method = measurement(), HDN(LADDER, free_bits=0.0)
    params = shaken(method, one)
    (x, _), levels = jax.jit(method.levels)(KEY, params, one)
    assert x.shape == one.y.shape and [level.z.shape for level in levels] == [(8, 8, 2), (4, 4, 2), (2, 2, 2)]
    assert not np.any(levels[-1].prior_mean) and not np.any(levels[-1].prior_log_variance)
    totals = []
    for level in levels:
        mean, deviation, m, s = (np.asarray(a).ravel() for a in (
            level.mean, np.exp(level.log_variance / 2), level.prior_mean, np.exp(level.prior_log_variance / 2)))
        u = np.linspace(-8, 8, 4001)[:, None]
        q, p = norm(mean, deviation), norm(m, s)
        numeric = np.trapezoid(norm.pdf(u) * (q.logpdf(mean + deviation * u) - p.logpdf(mean + deviation * u)), u, axis=0)
        np.testing.assert_allclose(np.ravel(level_divergence(level)), numeric, rtol=1e-3, atol=1e-4)
        totals.append(numeric.sum())
    assert np.abs(levels[0].prior_mean).max() > 1e-2
    np.testing.assert_allclose(method.infer(KEY, params, one)[1], totals, rtol=1e-4)
    loss = lambda bits: replace(method, free_bits=bits).loss(KEY, params, one)[0] * one.y.size
    least = float(np.sort(totals)[1])                      # above the divergence of one level alone
    np.testing.assert_allclose(loss(least) - loss(0.0), least - min(totals), rtol=1e-3)


def test_the_bound_of_a_ladder_tightens():
    """Of one draw its mean is that of the ELBO, of many it is above."""
    one, method = measurement((5, 6)), HDN(Ladder(levels=2, latents=1, width=2), likelihood="gaussian")
    params = shaken(method, one)
    keys = jax.random.split(KEY, 400)
    elbos = jax.jit(jax.vmap(lambda k: method.loss(k, params, one)[1]["elbo"]))(keys)
    single, many = (jax.jit(jax.vmap(lambda k, n=n: method.bound(k, params, one, n)))(keys[: 400 // n]) for n in (1, 50))
    np.testing.assert_allclose(single.mean(), elbos.mean(), atol=5 * float(single.std()) / 20)
    assert many.mean() > single.mean()


@pytest.mark.parametrize("likelihood", ["gaussian", "noise", "learned"])
def test_a_ladder_and_every_likelihood(likelihood):
    """A gradient for most parameters; estimates and draws of odd sizes, in 2-D and 3-D."""
    one, method = measurement(), HDN(Ladder(levels=2, latents=2, width=3), likelihood=likelihood, samples=2, draws=3)
    batch = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], one)
    state = jax.eval_shape(method.init, KEY, batch)
    gradient = jax.jit(lambda key: jax.grad(lambda p: method.loss(key, p, one)[0])(method.init(key, batch).params))(KEY)
    leaves = jax.tree.leaves(gradient)
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in leaves) and sum(bool(jnp.any(leaf != 0)) for leaf in leaves) > 0.6 * len(leaves)
    estimate, draws = jax.eval_shape(lambda s: (method.reconstruct(KEY, s, one), method.posterior(KEY, s, one)), state)
    assert estimate.shape == (9, 12, 1) and draws.shape == (3, 9, 12, 1) and method.images(state, one) == {}
    volume = measurement((6, 8, 5))
    params = jax.eval_shape(method.init_params, KEY, volume)
    assert jax.eval_shape(method.estimate, KEY, params, volume).shape == (6, 8, 5, 1)


SMALL = Autoencoder(MapEncoder(latents=8, width=12), MapDecoder(width=12))


@pytest.mark.parametrize("likelihood, least", [("noise", 4.0), pytest.param("learned", 5.0, marks=pytest.mark.slow)])
def test_divnoising_learns(likelihood, least):
    """Over the noisy image by `least` dB, over its own draws by 1 dB, and its draws differ."""
    images = noisy_images(count=6)
    method = DivNoising(SMALL, likelihood=likelihood, samples=12, draws=8, warmup=60, optimizer=Adam(learning_rate=3e-3))
    state = parallel.local(run_fit(method, steps=120 if likelihood == "noise" else 300, measurements=images, batch=8, patch=24))
    one, truth = images[0].only(()), images[0].truth
    estimate = np.asarray(jax.jit(method.reconstruct)(KEY, state, one))
    draws = np.asarray(jax.jit(method.posterior)(KEY, state, one))
    gained, over_draws = psnr(estimate, truth) - psnr(images[0].y, truth), psnr(estimate, truth) - psnr(draws[0], truth)
    assert gained > least and over_draws > 1, f"{gained:.2f} dB over the noisy image, {over_draws:.2f} dB over one draw"
    by_mode = np.asarray(jax.jit(replace(method, point="map").reconstruct)(KEY, state, one))
    assert psnr(by_mode, truth) > psnr(draws[0], truth) - 0.5


@pytest.mark.slow
@pytest.mark.usefixtures("all_passes")
def test_a_ladder_learns():
    """Over the noisy image by 6 dB, over its median in 3 x 3 pixels by 0.4 dB, and over one of its own draws by 1 dB."""
    images = noisy_images(count=6)
    method = HDN(Ladder(levels=2, latents=8, width=12), samples=12, draws=8, warmup=60, optimizer=Adam(learning_rate=3e-3))
    state = parallel.local(run_fit(method, steps=300, measurements=images, batch=8, patch=24))
    one, truth = images[0].only(()), images[0].truth
    estimate = np.asarray(jax.jit(method.reconstruct)(KEY, state, one))
    draws = np.asarray(jax.jit(method.posterior)(KEY, state, one))
    noisy, median = psnr(images[0].y, truth), psnr(ndimage.median_filter(images[0].y, (3, 3, 1)), truth)
    found = psnr(estimate, truth)
    assert found > max(noisy + 6, median + 0.4, psnr(draws[0], truth) + 1), f"{found:.2f} dB, from {noisy:.2f}, median {median:.2f}"


@pytest.mark.slow
@pytest.mark.usefixtures("all_passes")
def test_spatial_vae_finds_angles_that_a_vae_does_not_know():
    """From particles alone: its angles correlate with the true ones; of as large a content, it reconstructs better."""
    source = Particles(count=1000, size=20)
    measure = jax.jit(Camera(noise=Gaussian(8.0)).measure)
    measured = [jax.tree.map(np.asarray, measure(jax.random.fold_in(KEY, i), x)) for i, x in enumerate(source.images())]
    encoder, quick = lambda latents: DenseEncoder(latents=latents, width=128, depth=2), Adam(learning_rate=3e-3)
    spatial = SpatialVAE(
        Autoencoder(encoder(5), CoordinateDecoder(width=48, frequencies=2)), likelihood="noise", angle_deviation=float(np.pi / 4), optimizer=quick)
    plain = VAE(Autoencoder(encoder(2), DenseDecoder(width=128, depth=2)), likelihood="noise", optimizer=quick)
    quality = {}
    for method in (spatial, plain):
        state = parallel.local(run_fit(method, steps=600, measurements=measured, batch=32, patch=None))
        estimates = np.asarray(jax.jit(jax.vmap(lambda y: method.reconstruct(KEY, state, measured[0].replace(y=y).only(()))))(
            np.stack([m.y for m in measured])))
        quality[method.label] = np.mean([psnr(e, m.truth) for e, m in zip(estimates, measured)])
        if method is spatial:
            pose = jax.vmap(lambda y: method.pose(state.trained.params, state.scale.normalize(y)))(np.stack([m.y for m in measured]))
            angle = np.corrcoef(np.asarray(pose[0]), source.poses()["angle"])[0, 1]
    assert abs(angle) > 0.9 and quality["spatial-VAE"] > quality["VAE"] + 0.5, f"{angle:.3f}, {quality}"
