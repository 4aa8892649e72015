"""A score model learns, of Gaussian images, to denoise as the Wiener filter does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_score import smooth, state_of

from unsup_jax.core import Adam, Measurement
from unsup_jax.methods import Score
from unsup_jax.methods.score import EDM, FlowMatching
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Identity

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types


def wiener_error(method, state, shape, sigma):
    """Relative error of D against the Wiener filter of those images in noise of deviation sigma."""
    clean, spectrum = smooth(32, shape, seed=9)
    y = clean + sigma * np.random.default_rng(8).normal(size=clean.shape).astype(np.float32)
    wiener = np.fft.ifft2(spectrum[..., None] / (spectrum[..., None] + sigma**2) * np.fft.fft2(y - 100, axes=(1, 2)), axes=(1, 2)).real
    found = np.asarray(jax.jit(jax.vmap(lambda y: method.denoiser(state)(y, jnp.float32(sigma))))(y)) - 100
    return np.linalg.norm(found - wiener) / np.linalg.norm(wiener)


def trained(method, shape, steps, batch):
    """The state after `steps` of new images of the law each."""
    method = method.planned(steps)
    images, _ = smooth(batch * 64, shape, seed=1)
    state, update = state_of(method, jnp.asarray(images[:64])), jax.jit(method.update)
    losses = []
    for i in range(steps):
        take = np.random.default_rng(i).choice(len(images), batch, replace=False)
        x = jnp.asarray(images[take])
        state, metrics = update(jax.random.fold_in(jax.random.key(2), i), state, Measurement(x, Identity(), Gaussian(jnp.ones(batch)), unpaired=x))
        losses.append(float(metrics["loss"]))
    return state, losses


@pytest.mark.parametrize("model, before", [(EDM(), 1.0), pytest.param(FlowMatching(), 1.25, marks=pytest.mark.slow)], ids=lambda v: type(v).__name__)
def test_it_learns_and_starts_from_what_the_mean_alone_tells(model, before, quick_compilation):
    """F = 0 leaves D = c_skip x, whose weighted error is known, of EDM 1 at every level, for images of the deviation d; training makes it less."""
    method = Score(network=ScoreUNet(width=8, depth=1), optimizer=Adam(3e-3, average=0.98), parameterization=model)
    state, losses = trained(method, (8, 8), 60, 32)
    assert losses[0] == pytest.approx(before, abs=0.15) and np.mean(losses[-10:]) < 0.8 * before
    assert wiener_error(method, state, (8, 8), 20.0) < 0.45                                         # 0.66 before


@pytest.mark.slow
def test_a_trained_denoiser_is_the_wiener_filter_of_gaussian_images():
    """Within 5 % in noise of a quarter and a half of the images' deviation, which is 20; of the whole of it, within 7 %."""
    method = Score(network=ScoreUNet(width=16, depth=1), optimizer=Adam(3e-3, average=0.99))
    state, _ = trained(method, (8, 8), 2000, 64)
    for sigma, most in ((5.0, 0.05), (10.0, 0.05), (20.0, 0.07)):
        assert wiener_error(method, state, (8, 8), sigma) < most
