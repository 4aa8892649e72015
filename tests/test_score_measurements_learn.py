"""Score models learn from measurements alone what closed forms say of Gaussian images of deviation 20."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_score import smooth
from test_score_learn import wiener_error

from unsup_jax.core import Adam, Measurement
from unsup_jax.methods.score import GSURE, MMPS, Ambient, EMDiffusion
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Identity, Mask

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types
SHAPE = (8, 8)
MODEL = {"network": ScoreUNet(width=8, depth=1), "optimizer": Adam(3e-3, average=0.98)}


def noisy(x, g, sigma=10.0):
    y = x + sigma * g.normal(size=x.shape)
    return Measurement(jnp.float32(y), Identity(), Gaussian(jnp.full(len(x), jnp.float32(sigma))))


def halved(x, g, sigma=1.0):
    """Half of the pixels, others in every image."""
    mask = np.float32(g.random(x.shape) < 0.5)
    y = mask * (x + sigma * g.normal(size=x.shape))
    return Measurement(jnp.float32(y), Mask(jnp.asarray(mask)), Gaussian(jnp.full(len(x), jnp.float32(sigma))))


def trained(method, measure, steps, every=None, batch=32):
    """The states before the training, and after every so many of its `steps`, of one measurement each of 2048 images."""
    images = measure(smooth(2048, SHAPE, seed=1)[0], np.random.default_rng(3))
    take = lambda i, count: jax.tree.map(lambda leaf: leaf[np.random.default_rng(i).choice(2048, count, replace=False)], images)
    method, every = method.planned(steps), every or steps
    states, update = [jax.jit(method.init)(jax.random.key(0), take(0, 64))], jax.jit(method.update)
    state = states[0]
    for i in range(steps):
        state, _ = update(jax.random.fold_in(jax.random.key(2), i), state, take(i, batch))
        if (i + 1) % every == 0:
            states.append(state)
    return states


def filled(measurements, spectrum):
    """E[x | y] of those Gaussian images from half of their pixels, in noise of deviation 1, by the covariance of all of them."""
    frequencies = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), -1).reshape(-1, 2)
    F = np.exp(-2j * np.pi * (frequencies / SHAPE) @ frequencies.T) / np.sqrt(np.prod(SHAPE))
    C = (F.conj().T @ (spectrum.ravel()[:, None] * F)).real
    found = []
    for y, mask in zip(np.asarray(measurements.y), np.asarray(measurements.operator.mask)):
        seen = mask.ravel() > 0
        K = C[:, seen] @ np.linalg.inv(C[np.ix_(seen, seen)] + np.eye(seen.sum()))
        found.append(100 + K @ (y.ravel()[seen] - 100))
    return np.reshape(found, measurements.y.shape)


def restored(method, states, measure, count=32):
    """Root mean square errors, on other images, of what each state makes of y, of y with the mean where pixels lack, and of E[x | y] if some do."""
    clean, spectrum = smooth(count, SHAPE, seed=9)
    y = measure(clean, np.random.default_rng(8))
    rms = lambda x: float(np.sqrt(np.mean(np.square(x - clean))))
    of_state = jax.jit(jax.vmap(method.reconstruct, (None, None, 0)))
    errors = [rms(of_state(jax.random.key(0), state, y)) for state in states]
    if y.operator.identity:
        return errors, rms(y.y), None
    return errors, rms(np.where(np.asarray(y.operator.mask) > 0, y.y, 100)), rms(filled(y, spectrum))


@pytest.mark.slow
def test_gsure_learns_from_noisy_images():
    """Its error is a quarter below that of y, and 15 % below that of white images' best gain, with which it begins."""
    method = GSURE(**MODEL)
    states = trained(method, noisy, 60)
    (before, after), of_y, _ = restored(method, states, noisy)
    assert before < 0.9 * of_y and after < 0.75 * of_y and after < 0.85 * before
    assert wiener_error(method, states[-1], SHAPE, 10.0) < 0.3 and wiener_error(method, states[-1], SHAPE, 20.0) < 0.4           # 0.41, 0.66 before


@pytest.mark.slow
def test_ambient_learns_from_half_of_the_pixels():
    """Its error is about half of that of the mean in the place of those that lack, and less than 2.5 times that of the best estimate there is."""
    method = Ambient(**MODEL)
    states = trained(method, halved, 400)
    (before, after), of_mean, best = restored(method, states, halved)
    assert after < 0.55 * of_mean and after < 0.6 * before and after < 2.5 * best
    assert wiener_error(method, states[-1], SHAPE, 5.0) < 0.3 and wiener_error(method, states[-1], SHAPE, 20.0) < 0.5            # 0.47, 0.74 before


@pytest.mark.slow
def test_em_diffusion_learns_lap_by_lap_from_half_of_the_pixels():
    """Each of four laps is better than the last, and the fourth leaves less than half of the error of the mean in the place of those that lack."""
    model = {**MODEL, "optimizer": Adam(3e-3, decay=False, average=0.98)}
    method = EMDiffusion(**model, expectation=MMPS(levels=8), sampler=MMPS(levels=16), draws=4, pool=256, lap=75)
    states = trained(method, halved, 300, every=75)
    errors, of_mean, best = restored(method, states, halved, 16)
    assert all(after < 0.97 * before for before, after in zip(errors, errors[1:]))
    assert errors[-1] < 0.5 * of_mean and errors[-1] < 2.7 * best
    assert wiener_error(method, states[-1], SHAPE, 20.0) < 0.35                                                                 # 0.66 before
