"""Adversarial methods of pairs and of one measurement: that they learn, and what is refused."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import noisy_images, projected
from test_adversarial import leaves_of
from test_train import norm_of_difference

from unsup_jax.core import Adam, Measurement
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.losses import UNSURE, Consistency, PairConsistency, Perceptual, SupervisedError
from unsup_jax.losses.games import Mirror
from unsup_jax.methods import GANrec, Pix2Pix, TomoGAN
from unsup_jax.networks import ConvCritic, DnCNN, PatchCritic, UNet, Unrolled
from unsup_jax.operators import Convolution, Identity, Radon, gaussian_psf, parallel_angles

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types

SMALL = {"generator": UNet(depth=1, width=4, residual=True), "critic": PatchCritic(width=4, depth=1)}


@pytest.fixture(scope="module")
def blurred():
    """Parts of nuclei behind a blur, and the whole of one more image."""
    H = Convolution(gaussian_psf((7, 7), 1.2))
    images = [one.truth for one in noisy_images(count=5, shape=(48, 48), kind="nuclei")]
    measured = [Measurement(np.asarray(projected(H, jnp.asarray(x))), H, truth=x) for x in images]
    corner = lambda one, i, j: one.replace(y=one.y[i : i + 24, j : j + 24], truth=one.truth[i : i + 24, j : j + 24])
    parts = [corner(one, i, j) for one in measured[:4] for i in (0, 24) for j in (0, 24)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts), measured[4]


def test_pix2pix_learns(blurred, quick_compilation):
    """Over the blurred image, by the average of G; both players move."""
    batch, test = blurred
    method = Pix2Pix(**SMALL, generator_optimizer=Adam(5e-3, b1=0.5, average=0.9)).planned(80)
    state = start = jax.jit(method.init)(jax.random.key(0), batch)
    update = jax.jit(method.update)
    for step in range(80):
        state, metrics = update(jax.random.key(step), state, batch)
    assert all(jnp.isfinite(value) for value in metrics.values()) and {"critic_loss", "generator_content"} <= metrics.keys()
    assert norm_of_difference(leaves_of(state.critic.params), leaves_of(start.critic.params)) > 0
    estimate = np.asarray(jax.jit(method.reconstruct)(jax.random.key(0), state, test.only(method.reads)))
    assert psnr(estimate, test.truth) > psnr(test.y, test.truth) + 1.5
    watched = jax.jit(method.validate)(jax.random.key(0), state, batch)
    assert float(watched["loss"]) == pytest.approx(float(metrics["generator_content"]), rel=0.3)


@pytest.fixture(scope="module")
def slices():
    """Slices behind twelve noisy views, and the images that the two filters make of each."""
    H = Radon(parallel_angles(12), 16, width=3)
    images = jnp.stack([one.truth for one in noisy_images(count=9, shape=(16, 16), kind="nuclei")])
    y = jax.jit(jax.vmap(H))(images) + 30 * jax.random.normal(jax.random.key(0), (9, 12, 16, 1))
    filtered = {window: jax.jit(jax.vmap(partial(H.back_project, window=window)))(y) for window in ("ram-lak", "hann")}
    return Measurement(y, H, truth=images), filtered


def above_back_projection(estimate, slices, which):
    """Decibels above the better of the two filters."""
    measured, filtered = slices
    scores = [psnr(np.asarray(image), np.asarray(measured.truth[which])) for image in (estimate, *(u[which] for u in filtered.values()))]
    return scores[0] - max(scores[1:])


def one_of(slices, which):
    measured, _ = slices
    return measured.replace(y=measured.y[which], truth=measured.truth[which])


def test_tomogan_learns(slices, quick_compilation):
    """Trained on back-projected slices, it reconstructs from projections, as from the slice that they give."""
    measured, filtered = slices
    u = filtered["ram-lak"]
    batch = Measurement(u[:8], Identity(), truth=measured.truth[:8])
    method = TomoGAN(
        generator=DnCNN(depth=4, width=8), critic=ConvCritic(width=4, depth=1), n_critic=1,
        content=0.5 * SupervisedError() + 2 * Perceptual(width=2, depth=1), generator_optimizer=Adam(1e-2, average=0.9),
    ).planned(80)
    state, update = jax.jit(method.init)(jax.random.key(0), batch), jax.jit(method.update)
    for step in range(80):
        state, metrics = update(jax.random.key(step), state, batch)
    assert {"generator_Perceptual", "generator_SupervisedError", "generator_adversarial", "critic_loss"} <= metrics.keys()
    estimate = jax.jit(method.reconstruct)(jax.random.key(0), state, one_of(slices, 8).only(()))
    np.testing.assert_allclose(estimate, method.reconstruct(jax.random.key(0), state, Measurement(u[8], Identity())), rtol=1e-3, atol=0.05)
    assert above_back_projection(estimate, slices, 8) > 0.5
    assert replace(method, adversarial=0.0).label == "TomoGAN, no critic" and TomoGAN(augment=Mirror()).augment == Mirror()


def test_ganrec_of_one_sinogram(slices, quick_compilation):
    """It sees y alone, is above back-projection, and its values are absolute: those of 3 y are three times as large."""
    one = one_of(slices, 1)
    method = GANrec(generator=DnCNN(depth=4, width=8), critic=ConvCritic(width=4, depth=1), steps=60,
                    generator_optimizer=Adam(3e-3, average=0.9)).planned(60)
    init, update, reconstruct = jax.jit(method.init), jax.jit(method.update), jax.jit(method.reconstruct)
    seen = one.only(method.sees)
    state, thrice = init(jax.random.key(0), seen), init(jax.random.key(0), seen.replace(y=3 * seen.y))
    thrice, _ = update(jax.random.key(1), thrice, seen.replace(y=3 * seen.y))
    for step in range(60):
        state, metrics = update(jax.random.key(1 + step), state, seen)
        if not step:
            once = reconstruct(None, state, seen)
    np.testing.assert_allclose(reconstruct(None, thrice, seen.replace(y=3 * seen.y)), 3 * once, rtol=1e-3, atol=0.1)
    estimate = reconstruct(None, state, seen)
    assert above_back_projection(estimate, slices, 1) > 0.2
    p, q = np.asarray(one.y), np.asarray(one.operator(estimate))
    assert np.abs(p - q).mean() / np.abs(p).max() == pytest.approx(float(metrics["generator_reprojection"]), rel=0.3)


def test_what_ganrec_refuses():
    with pytest.raises(InputError, match="1 critic step in each, not 10 and 2"):
        GANrec(steps=10, n_critic=2)
    with pytest.raises(InputError, match="Unrolled asks for the operator"):
        GANrec(generator=Unrolled())


def test_what_pix2pix_refuses():
    with pytest.raises(InputError, match="takes no augmentation"):
        Pix2Pix(augment=Mirror())
    with pytest.raises(InputError, match="may see the truth, not pair"):
        Pix2Pix(content=PairConsistency())
    with pytest.raises(InputError, match="learns nothing beside the network"):
        Pix2Pix(content=SupervisedError() + UNSURE())
    with pytest.raises(InputError, match="Unrolled asks for the operator"):
        Pix2Pix(generator=Unrolled())
    assert Pix2Pix(content=SupervisedError() + 0.1 * Consistency()).sees == {"truth"}
