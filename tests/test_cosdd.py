"""Noise along rows: the causal decoder against its definition and the law of an autoregressive process; COSDD."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import run_fit
from scipy.stats import norm

from unsup_jax.core import Adam, Measurement
from unsup_jax.data import Phantoms
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.methods import COSDD, Noise2Void
from unsup_jax.networks import CausalRows, Ladder, UNet
from unsup_jax.networks.causal_rows import Mixture, past
from unsup_jax.operators import Identity
from unsup_jax.train import parallel

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types
KEY = jax.random.key(0)
SMALL = COSDD(Ladder(levels=1, latents=2, width=3), width=4, reach=3, components=2, samples=2, draws=3)


def measurement(*shape):
    return Measurement(jax.random.normal(KEY, shape), Identity())


def autoregressive(seed, shape, a):
    """y_i = a y_{i-1} + w_i along the rows, stationary, of unit deviation [*S, 1]."""
    white = np.random.default_rng(seed).normal(size=(*shape, 1)).astype(np.float32)
    y = [white[:, 0]]
    for i in range(1, shape[1]):
        y.append(a * y[-1] + np.float32(np.sqrt(1 - a**2)) * white[:, i])
    return np.stack(y, 1)


def test_the_past_of_each_pixel():
    x = jnp.arange(1.0, 7.0).reshape(2, 3, 1)
    np.testing.assert_array_equal(past(x, 2, -2), [[[0, 0], [1, 0], [2, 1]], [[0, 0], [4, 0], [5, 4]]])
    np.testing.assert_array_equal(past(x, 1, -3), [[[0], [0], [0]], [[1], [2], [3]]])
    assert past(x, 9, -2).shape == (2, 3, 9)


@pytest.mark.parametrize("axis", ["rows", "columns"])
def test_a_pixel_is_told_by_those_before_it_in_its_row_alone(axis):
    """The Jacobian in y of the mixture of each pixel, of given features: the `reach` pixels before it, and no other."""
    decoder, shape = CausalRows(axis, reach=3, width=5, components=1), (5, 7, 1)
    y, h = jax.random.normal(KEY, shape), jax.random.normal(jax.random.key(1), (*shape[:2], 4))

    @jax.jit
    def jacobian(y, h):
        params = jax.tree.map(lambda leaf: leaf + 0.3, decoder.init(KEY, y, h))
        return jax.jacfwd(lambda y: decoder.apply(params, y, h))(y)

    seen = [np.any(np.asarray(part), axis=(2, 3, -1)) for part in jacobian(y, h)]           # [row, column, row', column']
    row, column, other_row, other_column = np.indices((*shape[:2], *shape[:2]))
    lag, across = (column - other_column, row - other_row) if axis == "rows" else (row - other_row, column - other_column)
    before = (across == 0) & (lag >= 1) & (lag <= 3)
    np.testing.assert_array_equal(seen[1], before)                                          # of the mean; rectifiers hide some of the rest
    assert not any(np.any(part & ~before) for part in seen) and np.any(seen[2])


def test_a_mixture_of_normals():
    """Against SciPy, and of integral 1."""
    rng = np.random.default_rng(0)
    weight, mean, deviation = rng.dirichlet(np.ones(3)), rng.normal(size=3), rng.uniform(0.2, 2, 3)
    y = np.linspace(-12, 12, 4001)
    parts = [jnp.broadcast_to(jnp.asarray(part, jnp.float32), (4001, 1, 3)) for part in (np.log(weight), mean, 2 * np.log(deviation))]
    found = np.asarray(Mixture(*parts).log_density(jnp.asarray(y, jnp.float32)[:, None]))[:, 0]
    np.testing.assert_allclose(found, np.log(norm.pdf(y[:, None], mean, deviation) @ weight), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(np.trapezoid(np.exp(found), y), 1, rtol=1e-4)


@pytest.mark.usefixtures("all_passes")
def test_the_law_of_an_autoregressive_process_is_learnt():
    """Of y_i = a y_{i-1} + w_i the mean of log p(y_i | y_{<i}) is -1/2 log(2 pi e (1 - a^2)): on unseen rows to 0.03 nats.

    What sees no past would be 1/2 log(1 / (1 - a^2)) = 0.83 nats below.
    """
    a, decoder = 0.9, CausalRows("rows", reach=4, width=8, components=1)
    seen, unseen = (jnp.asarray(autoregressive(seed, (32, 96), a)) for seed in (0, 1))
    h = jnp.zeros((32, 96, 1))
    mean = lambda params, y: jnp.mean(decoder.apply(params, y, h).log_density(y)[:, 4:])
    optimizer = optax.adam(0.02)

    def step(carry, _):
        params, state = carry
        updates, state = optimizer.update(jax.grad(lambda p: -mean(p, seen))(params), state)
        return (optax.apply_updates(params, updates), state), None

    @jax.jit
    def learnt(key):
        params = decoder.init(key, seen, h)
        return mean(jax.lax.scan(step, (params, optimizer.init(params)), None, 100)[0][0], unseen)

    np.testing.assert_allclose(learnt(KEY), -0.5 * np.log(2 * np.pi * np.e * (1 - a**2)), atol=0.03)


def shaken(method, one):
    """Parameters of a beginning, and noise."""
    leaves, tree = jax.tree.flatten(jax.eval_shape(method.init_params, KEY, one))
    return jax.tree.unflatten(tree, [0.2 * jax.random.normal(jax.random.fold_in(KEY, i), leaf.shape) for i, leaf in enumerate(leaves)])


@pytest.mark.slow
def test_the_bound_and_the_squares_move_parameters_of_their_own():
    """The loss is minus the ELBO and half the squares a pixel; the squares move the decoder of the signal, and the bound all the rest."""
    one = measurement(6, 8, 1)
    params = shaken(SMALL, one)

    @jax.jit
    @partial(jax.grad, has_aux=True)
    def gradient(params, weights):
        loss, metrics = SMALL.loss(KEY, params, one)
        terms = jnp.stack([loss, -metrics["elbo"] / one.y.size, 0.5 * metrics["squares"]])
        return terms @ weights, (terms, SMALL.draw(KEY, params, one))

    (loss, (terms, draw)), (bound, _), (squares, _) = (gradient(params, weights) for weights in jnp.eye(3))
    np.testing.assert_allclose(terms[0], terms[1] + terms[2], rtol=1e-5)
    np.testing.assert_allclose(2 * terms[2], np.mean(np.square(one.y - draw)), rtol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), loss, {**bound, "signal": squares["signal"]})
    assert not any(np.any(leaf) for leaf in jax.tree.leaves([squares["ladder"], squares["rows"], bound["signal"]]))
    assert all(np.any(leaf) for leaf in jax.tree.leaves(loss["signal"])) and np.any(loss["ladder"]["params"]["first"]["kernel"])


def test_the_bound_of_one_draw_is_the_elbo_in_the_mean():
    one = measurement(5, 6, 1)
    params, keys = shaken(SMALL, one), jax.random.split(KEY, 200)
    elbos, single = jax.jit(lambda p: (jax.lax.map(lambda k: SMALL.loss(k, p, one)[1]["elbo"], keys), jax.lax.map(lambda k: SMALL.bound(k, p, one, 1), keys)))(params)
    np.testing.assert_allclose(single.mean(), elbos.mean(), atol=5 * float(jnp.std(single - elbos)) / np.sqrt(200))
    assert float(jnp.std(single)) > 0.1


@pytest.mark.parametrize("shape", [(9, 12, 1), (7, 10, 3), (6, 8, 5, 1)])
@pytest.mark.parametrize("axis", ["rows", "columns"])
def test_images_of_any_size(axis, shape):
    """Of odd sizes, of several channels, and volumes: a loss, an estimate, and draws."""
    one, method = measurement(*shape), replace(SMALL, axis=axis)
    state = jax.eval_shape(method.init, KEY, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], one))
    loss, estimate, draws = jax.eval_shape(
        lambda s: (method.loss(KEY, s.params, one)[0], method.reconstruct(KEY, s, one), method.posterior(KEY, s, one)), state)
    assert loss.shape == () and estimate.shape == shape and draws.shape == (3, *shape) and not method.independent_noise


@pytest.mark.parametrize("wrong, message", [
    ({"axis": "diagonals"}, "rows or columns, not 'diagonals'"), ({"reach": 0}, "reach 0"), ({"components": 0}, "components 0"), ({"beta": -1.0}, "beta"),
])
def test_bad_input_is_named(wrong, message):
    with pytest.raises(InputError, match=message):
        COSDD(**wrong)


@pytest.mark.slow
@pytest.mark.usefixtures("all_passes")
def test_rows_of_noise_are_taken_away():
    """From nuclei under autoregressive noise alone: over the noisy image and over Noise2Void, which keeps such noise, by 1 dB each.

    18.0 dB, from 16.2, and Noise2Void 16.6: six images of 48 x 48 pixels are few, `cosdd_lines` has more of filaments.
    """
    truths = [np.asarray(image) for image in Phantoms("nuclei", count=6, shape=(48, 48), seed=1).images()]
    images = [Measurement(x + 25 * autoregressive(i, x.shape[:2], 0.9), Identity(), truth=x) for i, x in enumerate(truths)]
    one, quality = images[0].only(()), {}
    ladder, quick = Ladder(levels=2, latents=6, width=12), Adam(learning_rate=3e-3, clip=1.0)
    for method, steps in (
        (COSDD(ladder, width=12, reach=4, components=1, samples=16, warmup=200, optimizer=quick), 350),
        (Noise2Void(network=UNet(depth=1, width=12), optimizer=Adam(learning_rate=2e-3)), 150),
    ):
        state = parallel.local(run_fit(method, steps=steps, measurements=images, batch=8, patch=24))
        quality[method.label] = psnr(np.asarray(jax.jit(method.reconstruct)(KEY, state, one)), truths[0])
    found, noisy = quality["COSDD"], psnr(images[0].y, truths[0])
    assert found > max(noisy, quality["Noise2Void"]) + 1, f"{quality}, from {noisy:.2f}"
