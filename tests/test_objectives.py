"""Objectives: what they estimate, that they add and scale, and what a training by them reaches."""

import json
from dataclasses import replace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import noisy_images, run_fit

from unsup_jax import config
from unsup_jax.core import Adam, LinearOperator, Measurement
from unsup_jax.data import Phantoms
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.losses import (
    SURE, UNSURE, Consistency, Equivariance, HoldOut, MultiOperator, Neighbor2Neighbor, PairConsistency, Recorrupted, Reflections,
    Rotations, Shifts, SupervisedError, mean_square_error, neighbour_samplers, rolled_mask, rotated,
)
from unsup_jax.methods import SSDU, ZSN2N, Composed, Noise2Noise, Noise2Self, Noise2Void, Supervised
from unsup_jax.networks import Conv, Network, NullSpace, ResNet, Unrolled
from unsup_jax.noise import Gamma, Gaussian, Poisson, PoissonGaussian
from unsup_jax.operators import Convolution, Identity, Mask, Radon, gaussian_psf, parallel_angles
from unsup_jax.train import parallel, solve

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

KEY = jax.random.key(0)
CLEAN = 20 + 10 * jnp.sin(jnp.arange(9.0 * 7).reshape(9, 7, 1))
BLUR = Convolution(gaussian_psf((9, 7), 0.8))


def linear(one):
    """An affine estimate that mixes neighbours."""
    y = one.y.real if not jnp.iscomplexobj(one.y) else one.y
    return 0.6 * y + 0.25 * jnp.roll(y, 1, 0) + 1.0


def monte_carlo(draws, value):
    """(mean, standard error) of value(key) over keys."""
    values = np.asarray(jax.jit(jax.vmap(value))(jax.random.split(KEY, draws)))
    return values.mean(0), values.std(0) / np.sqrt(draws)


@pytest.mark.parametrize("noise", [Gaussian(3.0), Poisson(2.0, 1.0), PoissonGaussian(2.0, 3.0, 1.0), Gamma(8.0, 1.0)], ids=lambda n: type(n).__name__)
def test_sure_is_the_risk_in_the_mean(noise):
    """Of an image that is seen directly, and of one that is seen blurred."""
    seen = [(H, H(CLEAN)) for H in (Identity(), BLUR)]

    def differences(key):
        draw, probe = jax.random.split(key)
        drawn = noise.sample(draw, jnp.stack([z for _, z in seen]))      # together: the samplers compile long

        def difference(H, z, y):
            one = Measurement(y, H, noise)
            return SURE()(probe, linear, one)[0] - mean_square_error(H(linear(one)), z)

        return jnp.stack([difference(H, z, y) for (H, z), y in zip(seen, drawn)])

    mean, error = monte_carlo(4000, differences)
    assert (abs(mean) < 4 * error).all() and (error < 0.5).all()


def test_sure_of_complex_data():
    z = (CLEAN + 1j * CLEAN[::-1]).astype(jnp.complex64)

    def difference(key):
        draw, probe = jax.random.split(key)
        one = Measurement(Gaussian(3.0).sample(draw, z), Identity(), Gaussian(3.0))
        return SURE()(probe, linear, one)[0] - mean_square_error(linear(one), z)

    mean, error = monte_carlo(4000, difference)
    assert abs(mean) < 4 * error and error < 0.5


@pytest.mark.parametrize("noise, alpha, variance", [
    (Gaussian(3.0), 0.5, lambda z: 9 * (1 + 1 / 0.25)), (Poisson(2.0, 1.0), 0.3, lambda z: 2.0 * (z - 1) / 0.3),
    (Gamma(8.0, 1.0), 0.4, lambda z: (z - 1) ** 2 / (8 * 0.4)),
], ids=["Gaussian", "Poisson", "Gamma"])
def test_recorrupted_parts_are_independent(noise, alpha, variance):
    """E ||F(y1) - y2||^2 = E ||F(y1) - z||^2 + Var y2: the second part says nothing of the noise of the first."""
    def difference(key):
        draw, again = jax.random.split(key)
        one = Measurement(noise.sample(draw, CLEAN), Identity(), noise)
        y1, _ = noise.recorrupted(again, one.y, alpha)
        loss = Recorrupted(alpha=alpha)(again, linear, one)[0]
        return loss - mean_square_error(linear(one.replace(y=y1)), CLEAN) - jnp.mean(variance(CLEAN))

    mean, error = monte_carlo(4000, difference)
    assert abs(mean) < 4 * error and error < 1.0


def test_recorrupted_answers_with_the_mean_of_its_draws():
    one = Measurement(CLEAN, Identity(), Gaussian(3.0))
    answer = Recorrupted(alpha=0.5, draws=400).adapt(KEY, linear)(one)
    np.testing.assert_allclose(answer.mean(), linear(one).mean(), atol=0.1)
    assert 0.5 < float((answer - linear(one)).std()) / (0.5 * 3 * np.hypot(0.6, 0.25) / 20) < 2


def test_neighbours_touch_and_differ():
    y = jnp.arange(6.0 * 9).reshape(6, 9, 1)
    g1, g2 = neighbour_samplers(KEY, y.shape)
    a, b = np.asarray(g1(y))[..., 0], np.asarray(g2(y))[..., 0]
    assert a.shape == (3, 4)
    assert set(np.abs(a - b).ravel().tolist()) == {1.0, 9.0}
    assert set(np.unique((a // 9) // 2)) == {0, 1, 2}


def test_neighbor2neighbor_of_a_flat_image_is_the_risk_and_the_variance():
    def difference(key):
        draw, again = jax.random.split(key)
        one = Measurement(5 + 2 * jax.random.normal(draw, (8, 8, 1)), Identity())
        F = lambda one: 0.6 * one.y + 2.0
        return Neighbor2Neighbor(gamma=0.0)(again, F, one)[0] - (0.6**2 * 4 + 4)

    mean, error = monte_carlo(4000, difference)
    assert abs(mean) < 4 * error and error < 0.1


def test_unsure_finds_the_level():
    """Of pure noise and F(y) = a y the saddle point is a = 0, eta = sigma^2."""
    objective = UNSURE(speed=1.0)
    params = {"a": jnp.float32(0.8), "own": objective.init(KEY)}

    def step(params, key):
        y = 1.5 * jax.random.normal(key, (64, 64, 1))
        loss = lambda p: objective(jax.random.fold_in(key, 1), lambda one: p["a"] * one.y, Measurement(y, Identity()), p["own"])[0]
        gradient = jax.grad(loss)(params)
        return jax.tree.map(lambda p, g: p - 0.05 * g, params, gradient), None

    params, _ = jax.lax.scan(step, params, jax.random.split(KEY, 600))
    assert abs(params["a"]) < 0.05 and abs(params["own"] / 1.5**2 - 1) < 0.1


def test_groups():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 8, 2)), jnp.float32)
    for n in range(4):
        np.testing.assert_allclose(rotated(x, n * jnp.pi / 2), jnp.rot90(x, n), atol=1e-5)
    for key in jax.random.split(KEY, 5):
        T = Shifts().draw(key)
        circular = Convolution(gaussian_psf((8, 8), 0.8))
        np.testing.assert_allclose(circular(T(x[..., :1])), T(circular(x[..., :1])), atol=1e-5)
        assert any(np.array_equal(Rotations().draw(key)(x), np.rot90(x, n)) for n in (1, 2, 3))
        assert any(np.array_equal(Reflections().draw(key)(x), y) for y in (x[::-1], x[:, ::-1], x[::-1, ::-1]))
    with pytest.raises(InputError, match="square"):
        Equivariance().check(Measurement(jnp.zeros((8, 6, 1)), Identity()))


def test_equivariance_sees_what_consistency_does_not():
    """A fill of the holes by zeros agrees with the data, and its turned copies with no data."""
    H = Mask(jnp.asarray(np.random.default_rng(1).uniform(size=(8, 8, 1)) < 0.5, jnp.float32))
    x = jnp.asarray(np.random.default_rng(0).normal(size=(8, 8, 1)), jnp.float32)
    one, zeros = Measurement(H(x), H), lambda one: one.operator.adjoint(one.y)
    truth = lambda one: jnp.where(one.operator.mask > 0, one.y, one.y)
    assert Consistency()(KEY, zeros, one)[0] == 0
    assert Equivariance(Shifts())(KEY, zeros, one)[0] > 0.05
    assert MultiOperator(rolled_mask)(KEY, zeros, one)[0] > 0.05
    whole = Measurement(x, Identity())
    assert Equivariance(Shifts())(KEY, truth, Measurement(x, Mask(jnp.ones((8, 8, 1)))))[0] == Consistency()(KEY, zeros, whole)[0] == 0


def test_objectives_add_and_scale():
    one = Measurement(CLEAN, Identity(), Gaussian(2.0), pair=CLEAN + 1, truth=CLEAN)
    total = 0.5 * (2 * Consistency() + PairConsistency()) + SupervisedError()
    loss, metrics = total(KEY, linear, one)
    parts = [objective(KEY, linear, one)[0] for objective in (Consistency(), PairConsistency(), SupervisedError())]
    np.testing.assert_allclose(loss, parts[0] + 0.5 * parts[1] + parts[2], rtol=1e-6)
    assert list(metrics) == ["Consistency", "PairConsistency", "SupervisedError"] and total.sees == {"pair", "truth"}
    assert total.label == "Consistency + 0.5 PairConsistency + SupervisedError"
    method = Composed(objective=total)
    stored = json.loads(json.dumps(config.to_json(method)))
    assert config.from_json(method, stored) == method and method.sees == {"pair", "truth"}
    with pytest.raises(InputError, match="noise model"):
        (SURE() + HoldOut()).check(one.replace(noise=None))


class Linear(Network):
    """One convolution of 5 x 5: the Wiener filter is in its reach."""

    radius = 2

    @nn.compact
    def __call__(self, y):
        return Conv(1, kernel_size=5, gain=0.1)(y)


@pytest.mark.parametrize("method", [
    Noise2Void(kappa="mean", fraction=0.1), Noise2Void(structure=(0, 1), fraction=0.1), Noise2Self(average=True), SSDU(masks=3, passes=2),
    SSDU(alpha=0.5, weighted=True), Noise2Noise(symmetric=True), Supervised(),
], ids=lambda m: m.label)
def test_a_method_and_its_objective_train_alike(method):
    """The gradients and the answers of a method are those of `Composed` by its objective, and it can stand in a sum."""
    method = replace(method, network=Linear())
    one = Measurement(CLEAN / 10, Identity(), Gaussian(0.3), pair=CLEAN / 10 + 0.1, truth=CLEAN / 10, index=jnp.int32(2))
    one = one.only(method.sees)
    composed, params = Composed(network=Linear(), objective=method.objective), method.init_params(KEY, one)
    both = [jax.jit(jax.value_and_grad(lambda p: m.loss(KEY, p, one)[0]))(params) for m in (method, composed)]
    assert both[0][0] > 0
    jax.tree.map(np.testing.assert_array_equal, *both)
    np.testing.assert_array_equal(*(jax.jit(lambda p: m.estimate(KEY, p, one))(params) for m in (method, composed)))
    assert composed.sees == method.sees and composed.independent_noise == method.independent_noise
    half = Composed(network=Linear(), objective=0.5 * method.objective + 0.5 * method.objective)
    assert np.isfinite(half.loss(KEY, params, one)[0]) and half.sees == method.sees


def trained_score(method, measurements, steps, **settings):
    state = parallel.local(run_fit(method, steps, measurements=measurements, **settings))
    estimate = jax.jit(lambda m: method.reconstruct(KEY, state, m))
    return float(np.mean([psnr(np.asarray(estimate(m.only(()))), m.truth) for m in measurements]))


def test_learns_without_truth_what_supervision_learns():
    """Linear denoising: SURE within 0.1 dB of the truth's filter; R2R, which is shown more noise, within 0.5; UNSURE, which of
    linear filters takes the best that does not look at the pixel itself, 2 dB above the noise."""
    measurements = noisy_images(4, (48, 48), sigma=25.0)

    def score(objective, steps=60):
        method = Composed(network=Linear(), objective=objective, optimizer=Adam(2.4 / steps))
        return trained_score(method, measurements, steps, batch=8, patch=24)

    best, noisy = score(SupervisedError()), np.mean([psnr(m.y, m.truth) for m in measurements])
    assert best > noisy + 4 and score(SURE()) > best - 0.1
    assert score(Recorrupted(alpha=0.5, draws=16)) > best - 0.5
    assert score(UNSURE(), steps=120) > noisy + 2


def test_equivariance_learns_what_is_behind_the_holes():
    """Inpainting without truth, noise-free: above consistency alone, which leaves the holes to the network."""
    generator, clean = np.random.default_rng(0), noisy_images(4, (32, 32))
    H = Mask(jnp.asarray(generator.uniform(size=(32, 32, 1)) < 0.6, jnp.float32))
    measurements = [jax.tree.map(np.asarray, Measurement(np.asarray(H(m.truth)), H, truth=m.truth)) for m in clean]
    network = Unrolled(unrolls=2, iterations=2, regularizer=ResNet(depth=2, width=8))
    score = lambda objective: trained_score(Composed(network=network, objective=objective, optimizer=Adam(2e-3)), measurements, 100, batch=4, patch=None)
    both, alone = score(Consistency() + Equivariance(Shifts())), score(Consistency())
    assert both > alone + 3


class Matrix(LinearOperator):
    """An operator on images of 24 x 24 pixels as its matrix."""

    matrix: jax.Array

    def __call__(self, x):
        return (self.matrix @ x.ravel())[:, None]

    def domain(self, y):
        return jax.ShapeDtypeStruct((24, 24, 1), y.dtype)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_equivariance_learns_the_directions_that_were_never_seen(seed, all_passes):
    """Tomography over 120 of 180 degrees without truth, noise-free: above consistency alone, which learns little of the wedge."""
    angles = parallel_angles(30, start=-np.pi / 3, extent=2 * np.pi / 3)
    columns = jax.jit(jax.vmap(lambda e: Radon(angles, 24)(e.reshape(24, 24, 1)).ravel()))(jnp.eye(24 * 24))
    H = Matrix(columns.T / jnp.linalg.norm(columns, 2))
    inside = np.hypot(*np.mgrid[-11.5:12, -11.5:12])[..., None] < 11.5              # what every view sees
    images = [np.float32(x * inside) for x in Phantoms("nuclei", count=60, shape=(24, 24), seed=seed).images()]
    measurements = [jax.tree.map(np.asarray, Measurement(H(jnp.asarray(x)), H, truth=x)) for x in images]
    network = NullSpace(ResNet(depth=4, width=24))

    def score(objective):
        method = Composed(network=network, objective=objective, optimizer=Adam(1e-3))
        state = parallel.local(run_fit(method, 40, measurements=measurements[:48], batch=8, patch=None, seed=seed))
        estimate = jax.jit(lambda m: method.reconstruct(KEY, state, m))
        return float(np.mean([psnr(np.asarray(estimate(m.only(()))), m.truth) for m in measurements[48:]]))

    assert score(Consistency() + Equivariance(Rotations())) > score(Consistency()) + 0.5


def test_zero_shot_noise2noise_learns():
    """One image, no truth: 4 dB above it."""
    (one,) = noisy_images(1, (64, 64), sigma=25.0)
    method = ZSN2N(steps=200, network=ZSN2N().network.clone(width=16), optimizer=Adam(4e-3))
    state, trace = solve(method, KEY, one.only(()))
    estimate = method.reconstruct(KEY, state, one.only(()))
    assert psnr(np.asarray(estimate), one.truth) > psnr(one.y, one.truth) + 4 and trace["loss"].shape == (200,)
