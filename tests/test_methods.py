"""Every method on small problems: that it learns, and the identities of its paper."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import noisy_images, run_fit

from unsup_jax.core import Adam, Measurement
from unsup_jax.evaluate import psnr
from unsup_jax.losses import local_mean, stratified_pixels
from unsup_jax.methods import BM3D, GaussianFilter, MedianFilter, Noise2Noise, Noise2Void, Supervised, Wiener
from unsup_jax.methods.classical.bm3d import anscombe, anscombe_inverse
from unsup_jax.modalities import Blurred
from unsup_jax.networks import UNet
from unsup_jax.noise import Gaussian, PoissonGaussian
from unsup_jax.operators import Identity, Mask
from unsup_jax.train import parallel, solve

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types

SMALL = {"network": UNet(depth=1, width=8), "optimizer": Adam(learning_rate=4e-3)}
LEARNING = {
    "Noise2Void": (Noise2Void(fraction=0.05, **SMALL), 6.0),
    "Noise2Void, mean": (Noise2Void(fraction=0.05, kappa="mean", radius=2, **SMALL), 6.0),
    "Noise2Noise": (Noise2Noise(**SMALL), 7.5),
    "Supervised": (Supervised(**SMALL), 7.5),
}


@pytest.fixture(scope="module")
def images():
    return noisy_images(count=9)


@pytest.mark.parametrize("method, margin", LEARNING.values(), ids=LEARNING)
def test_it_learns(method, margin, images):
    """From eight images, on a ninth: over the noisy image by the margin, and over the best Gaussian filter."""
    state = parallel.local(run_fit(method, steps=250, measurements=images[:8], batch=8, patch=32))
    test = images[8]
    estimate = np.asarray(jax.jit(method.reconstruct)(jax.random.key(0), state, test.only(())))
    gained = psnr(estimate, test.truth) - psnr(test.y, test.truth)
    filtered = max(
        psnr(np.asarray(solve(GaussianFilter(sigma), jax.random.key(0), test)[0]), test.truth) for sigma in (0.7, 1.0, 1.4)
    ) - psnr(test.y, test.truth)
    assert gained > margin and gained > filtered, f"gained {gained:.2f} dB, a Gaussian filter {filtered:.2f} dB"


def test_self_supervised_loss_is_supervised_loss_plus_noise(double):
    """Eq. (14), for the J-invariant local mean: E|F(y)_J - y_J|^2 = E|F(y)_J - x_J|^2 + sigma^2."""
    sigma, x = 3.0, jnp.zeros((64, 64, 1), jnp.float64) + jnp.arange(64.0).reshape(64, 1, 1)

    def losses(key):
        noise, choose = jax.random.split(key)
        y = x + sigma * jax.random.normal(noise, x.shape, x.dtype)
        J = stratified_pixels(choose, (64, 64), 0.05)
        predicted = local_mean(y, J, 1)
        return jnp.mean((predicted - y[J]) ** 2), jnp.mean((predicted - x[J]) ** 2)

    own, supervised = jax.vmap(losses)(jax.random.split(jax.random.key(0), 400))
    assert abs(float(own.mean() - supervised.mean()) - sigma**2) < 0.1


def test_noise2noise_has_the_gradient_of_supervision():
    """Eq. (9): over many second realisations the mean gradient is the supervised one."""
    truth = jnp.linspace(0, 1, 64).reshape(8, 8, 1)
    y = truth + 0.5 * jax.random.normal(jax.random.key(0), truth.shape)
    pairs = truth[None] + 0.5 * jax.random.normal(jax.random.key(1), (4000, *truth.shape))
    network = UNet(depth=1, width=2)
    params = network.init(jax.random.key(2), y)
    key = jax.random.key(3)
    own = jax.grad(lambda p: jnp.mean(jax.vmap(
        lambda pair: Noise2Noise(network=network).loss(key, p, Measurement(y, Identity(), pair=pair))[0])(pairs)))(params)
    supervised = jax.grad(lambda p: Supervised(network=network).loss(key, p, Measurement(y, Identity(), truth=truth))[0])(params)
    flat = lambda tree: jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(tree)])
    assert float(jnp.linalg.norm(flat(own) - flat(supervised)) / jnp.linalg.norm(flat(supervised))) < 0.05


@pytest.mark.parametrize("kappa", ["uniform", "mean"])
def test_noise2void_does_not_learn_the_identity(kappa):
    """The loss of the identity network is not small: the held-out pixel is not among what it is shown."""
    y = jax.random.normal(jax.random.key(0), (64, 64, 1))
    method = Noise2Void(kappa=kappa, radius=2, fraction=0.02)
    method = replace(method, network=_Identity())
    loss = lambda key: method.loss(key, None, Measurement(y, Identity()))[0]
    mean = float(jnp.mean(jax.vmap(loss)(jax.random.split(jax.random.key(1), 50))))
    assert mean > 0.9  # 2 sigma^2 for an independent neighbour, (1 + 1/n) sigma^2 for their mean


class _Identity:
    """The network that returns what it is shown."""

    def apply(self, params, y):
        return y


def test_noise2void_with_test_time_augmentation_commutes_with_turns():
    method = Noise2Void(network=UNet(depth=1, width=4), augment=True)
    y = jax.random.normal(jax.random.key(0), (16, 16, 1))
    params = method.init_params(jax.random.key(1), Measurement(y, Identity()))
    estimate = lambda y: method.estimate(jax.random.key(2), params, Measurement(y, Identity()))
    np.testing.assert_allclose(estimate(jnp.flip(y, 0)), jnp.flip(estimate(y), 0), atol=1e-5)
    np.testing.assert_allclose(estimate(jnp.swapaxes(y, 0, 1)), jnp.swapaxes(estimate(y), 0, 1), atol=1e-5)
    plain = Noise2Void(network=UNet(depth=1, width=4)).estimate(jax.random.key(2), params, Measurement(jnp.flip(y, 0), Identity()))
    assert float(jnp.abs(plain - jnp.flip(estimate(y), 0)).max()) > 1e-3


def test_bm3d_agrees_with_its_package(images):
    import bm3d

    test = images[0]
    ours = solve(BM3D(), jax.random.key(0), test)[0]
    np.testing.assert_allclose(ours[..., 0], bm3d.bm3d(test.y[..., 0].astype(float), 20.0), rtol=1e-4, atol=1e-3)
    assert psnr(np.asarray(ours), test.truth) > psnr(test.y, test.truth) + 6


def test_stabilised_bm3d_beats_plain_on_photon_noise(images):
    truth = jnp.asarray(images[0].truth)
    noise = PoissonGaussian(6.0, 2.0)
    m = Measurement(noise.sample(jax.random.key(0), truth), Identity(), noise)
    plain, stable = (np.asarray(solve(BM3D(stabilize=s), jax.random.key(0), m)[0]) for s in (False, True))
    assert psnr(stable, images[0].truth) > psnr(plain, images[0].truth) + 0.5
    blind = np.asarray(solve(BM3D(stabilize=True), jax.random.key(0), m.replace(noise=None))[0])
    assert psnr(blind, images[0].truth) > psnr(plain, images[0].truth)


def test_anscombe():
    gain, sigma = 3.0, 4.0
    for level in (5.0, 40.0, 400.0):
        y = np.asarray(PoissonGaussian(gain, sigma).sample(jax.random.key(0), jnp.full((300_000,), level)), np.float64)
        stable = anscombe(y, gain, sigma)
        if level > 30:
            assert abs(stable.std() - 1) < 0.03
        assert abs(anscombe_inverse(stable.mean(), gain, sigma) / level - 1) < 0.06


def test_filters_choose_their_width_by_held_out_pixels(images):
    test = images[0]
    for method, choices in ((GaussianFilter, (0.5, 0.75, 1, 1.5, 2, 3, 4)), (MedianFilter, (3, 5, 7, 9))):
        chosen = psnr(np.asarray(solve(method(), jax.random.key(0), test)[0]), test.truth)
        each = [psnr(np.asarray(solve(method(c), jax.random.key(0), test)[0]), test.truth) for c in choices]
        assert chosen > max(each) - 0.5


def test_methods_on_the_host_vmap(images):
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[m.only(()) for m in images[:3]])
    together = jax.vmap(lambda m: solve(GaussianFilter(1.0), jax.random.key(0), m)[0])(batch)
    np.testing.assert_allclose(together[2], solve(GaussianFilter(1.0), jax.random.key(0), images[2])[0], rtol=1e-5)


def test_wiener_closed_form_with_a_flat_spectrum():
    """White signal in white noise: the Wiener filter is multiplication by S / (S + sigma^2)."""
    signal, sigma = 4.0, 2.0
    key = jax.random.split(jax.random.key(0))
    x = signal * jax.random.normal(key[0], (256, 256, 1))
    y = x + sigma * jax.random.normal(key[1], x.shape)
    estimate = solve(Wiener(shells=8), jax.random.key(0), Measurement(y, Identity(), Gaussian(jnp.array(sigma))))[0]
    np.testing.assert_allclose(estimate, signal**2 / (signal**2 + sigma**2) * y, atol=0.35)


def test_wiener_deconvolves(images):
    m = jax.tree.map(np.asarray, Blurred(noise=Gaussian(1.0), psf_sigma=1.2).measure(jax.random.key(0), jnp.asarray(images[0].truth)))
    estimate = np.asarray(solve(Wiener(), jax.random.key(0), m)[0])
    assert psnr(estimate, m.truth) > psnr(m.y, m.truth) + 2
    with pytest.raises(ValueError, match="not Mask"):
        solve(Wiener(), jax.random.key(0), m.replace(operator=Mask(jnp.ones((64, 64, 1)))))
