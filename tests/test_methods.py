"""Every method on small problems: that it learns, and the identities of its paper."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import noisy_images, run_fit

from unsup_jax.core import Adam, Measurement
from unsup_jax.core.measurement import Scale
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.losses import beside, grid_pixels, local_mean, local_median, masked_mean, stratified_pixels
from unsup_jax.methods import (
    BM3D, PN2V, GaussianFilter, MedianFilter, Noise2Noise, Noise2Score, Noise2Self, Noise2Void, NonLocalMeans, Self2Self,
    Supervised, WaveletShrinkage, Wiener,
)
from unsup_jax.methods.classical.bm3d import anscombe, anscombe_inverse
from unsup_jax.modalities import Blurred
from unsup_jax.networks import PartialUNet, UNet
from unsup_jax.methods.self_supervised.noise2score import blind
from unsup_jax.methods.self_supervised.noise2self import calibrate, j_invariant, self_supervised_loss
from unsup_jax.noise import ColouredGaussian, Gamma, Gaussian, Poisson, PoissonGaussian, bootstrap
from unsup_jax.operators import Identity, Mask
from unsup_jax.train import parallel, solve

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

SMALL = {"network": UNet(depth=1, width=8), "optimizer": Adam(learning_rate=4e-3)}
LEARNING = {
    "Noise2Void": (Noise2Void(fraction=0.05, **SMALL), 6.0),
    "Noise2Void, mean": (Noise2Void(fraction=0.05, kappa="mean", radius=2, **SMALL), 6.0),
    "N2V2": (Noise2Void(fraction=0.05, kappa="median", radius=2, network=UNet(depth=1, width=8, skip_first=False), optimizer=SMALL["optimizer"]), 6.0),
    "Noise2Self": (Noise2Self(**SMALL), 6.0),
    "Noise2Self, average": (Noise2Self(average=True, **SMALL), 6.0),
    "PN2V": (PN2V(fraction=0.05, samples=16, **SMALL), 6.0),
    "Noise2Score": (Noise2Score(**SMALL), 6.0),
    "Self2Self": (Self2Self(network=PartialUNet(depth=2, width=12, dropout=0.1), p=0.2, passes=20, optimizer=SMALL["optimizer"]), 6.0),
    "cryo-CARE": (Noise2Noise(symmetric=True, **SMALL), 9.0),
    "Noise2Noise": (Noise2Noise(**SMALL), 7.5),
    "Supervised": (Supervised(**SMALL), 7.5),
}


@pytest.fixture(scope="module")
def images():
    return noisy_images(count=9)


VARIANTS = {"Noise2Void, mean", "N2V2", "Noise2Self, average", "Self2Self"}
PATIENT = ("N2V2", "Noise2Score", "Self2Self")  # which need twice the steps, at half the rate


@pytest.mark.parametrize("method, margin, patient", [
    pytest.param(*case, name in PATIENT, id=name, marks=[pytest.mark.slow] * (name in VARIANTS)) for name, case in LEARNING.items()
])
def test_it_learns(method, margin, patient, images):
    """From eight images, on a ninth: over the noisy image by the margin, and over the best Gaussian filter."""
    if not patient:
        method = replace(method, optimizer=Adam(learning_rate=8e-3))
    steps, patch = (200, 32) if patient else (100, 24)
    state = parallel.local(run_fit(method, steps=steps, measurements=images[:8], batch=8, patch=patch))
    test = images[8]
    estimate = np.asarray(jax.jit(method.reconstruct)(jax.random.key(0), state, test.only(method.reads)))
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
    params = jax.jit(network.init)(jax.random.key(2), y)
    key = jax.random.key(3)
    own = jax.jit(jax.grad(lambda p: jnp.mean(jax.vmap(
        lambda pair: Noise2Noise(network=network).loss(key, p, Measurement(y, Identity(), pair=pair))[0])(pairs))))(params)
    supervised = jax.jit(jax.grad(lambda p: Supervised(network=network).loss(key, p, Measurement(y, Identity(), truth=truth))[0]))(params)
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

    takes_operator = False

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


@pytest.mark.parametrize("sigma", [1.2, (3.0, 0.8)], ids=["round", "elongated"])
def test_wiener_deconvolves(sigma, images):
    m = jax.tree.map(np.asarray, Blurred(noise=Gaussian(1.0), psf_sigma=sigma).measure(jax.random.key(0), jnp.asarray(images[0].truth)))
    estimate = np.asarray(solve(Wiener(), jax.random.key(0), m)[0])
    assert psnr(estimate, m.truth) > psnr(m.y, m.truth) + 2
    with pytest.raises(ValueError, match="not .* by Mask"):
        solve(Wiener(), jax.random.key(0), m.replace(operator=Mask(jnp.ones((64, 64, 1)))))


def test_j_invariance_is_exact(double):
    """The Jacobian of f_J at J is zero on its diagonal blocks, and f itself is not J-invariant."""
    y = jax.random.normal(jax.random.key(0), (8, 8, 1), jnp.float64)
    f = lambda y: jnp.tanh(jax.scipy.signal.convolve2d(y[..., 0], jnp.arange(9.0).reshape(3, 3) / 9, mode="same"))[..., None]
    invariant = jax.jacobian(lambda y: j_invariant(f, y, width=2))(y).reshape(64, 64)
    for phase in range(4):
        J = np.flatnonzero(grid_pixels(jnp.asarray(phase), (8, 8), 2))
        assert (np.asarray(invariant)[np.ix_(J, J)] == 0).all()
    assert np.abs(np.diagonal(jax.jacobian(f)(y).reshape(64, 64))).min() > 0
    masks = sum(grid_pixels(jnp.asarray(phase), (8, 8), 2).astype(int) for phase in range(4))
    assert (masks == 1).all()


def test_calibration_chooses_as_the_truth_would(images):
    """Eq. (14) for a whole family: self-supervised loss less supervised loss is the noise's variance."""
    test, sigma = images[0], 20.0
    y, x = jnp.asarray(test.y), jnp.asarray(test.truth)

    def family(y, width):
        line = jnp.exp(-jnp.square(jnp.arange(-6.0, 7.0)) / (2 * width**2))
        blur = lambda image, shape: jax.scipy.signal.convolve2d(image, (line / line.sum()).reshape(shape), mode="same")
        return blur(blur(y[..., 0], (-1, 1)), (1, -1))[..., None]

    widths = [0.4, 0.7, 1.0, 1.5, 2.5]
    best, losses = calibrate(family, y, widths)
    true = [float(jnp.mean((j_invariant(lambda v: family(v, w), y) - x) ** 2)) for w in widths]
    assert best == widths[int(np.argmin(true))]
    np.testing.assert_allclose(np.array(losses) - true, sigma**2, rtol=0.08)
    np.testing.assert_allclose(losses[0], self_supervised_loss(lambda v: family(v, widths[0]), y), rtol=1e-5)


def test_hold_out_replacements():
    y = jnp.arange(49.0).reshape(7, 7, 1)
    J = (jnp.array([3, 0]), jnp.array([3, 0]))
    assert local_median(y, J, 1)[0, 0] == 24.0 and local_median(y, J, 1)[1, 0] == 7.0
    rows, columns = beside(J, (7, 7), (0, 2))
    assert set(zip(rows.tolist(), columns.tolist())) == {(3, c) for c in range(1, 6)} | {(0, c) for c in range(3)}
    mask = grid_pixels(jnp.asarray(5), (8, 8), 4)
    np.testing.assert_array_equal(np.argwhere(mask), [(r, c) for r in (1, 5) for c in (1, 5)])
    flat = masked_mean(jnp.full((8, 8, 1), 3.0), mask)
    np.testing.assert_allclose(flat, 3.0, rtol=1e-6)


@pytest.mark.slow
def test_structured_noise_needs_a_structured_mask():
    """Noise correlated along the rows: Noise2Void keeps it, structN2V removes most of it."""
    frequency = np.fft.fftfreq(64)
    spectrum = 400 * np.exp(-((frequency / 0.04) ** 2))[None] * np.ones((64, 1)) / np.exp(-((frequency / 0.04) ** 2)).mean()
    lines = ColouredGaussian(jnp.asarray(spectrum, jnp.float32))
    clean = [m.truth for m in noisy_images(count=9)]
    keys = jax.random.split(jax.random.key(1), 9)
    measured = [Measurement(np.asarray(lines.sample(k, jnp.asarray(x))), Identity(), truth=x) for k, x in zip(keys, clean)]
    scores = {}
    for name, structure in {"N2V": None, "structN2V": (0, 10)}.items():
        method = Noise2Void(fraction=0.03, structure=structure, **SMALL)
        state = parallel.local(run_fit(method, steps=120, measurements=measured[:8], batch=8, patch=32))
        estimate = jax.jit(method.reconstruct)(jax.random.key(0), state, measured[8].only(()))
        scores[name] = psnr(np.asarray(estimate), clean[8]) - psnr(measured[8].y, clean[8])
    assert scores["structN2V"] > scores["N2V"] + 2 and scores["structN2V"] > 3, scores
    with pytest.raises(InputError, match="structN2V takes"):
        Noise2Void(structure=(0, 4), kappa="mean")


def test_tweedie_is_the_posterior_mean():
    """For a Gaussian, a Gamma-distributed rate and an inverse-Gamma signal, whose posteriors are known."""
    y = jnp.linspace(1.0, 6.0, 11)
    score = lambda log_p: jax.vmap(jax.grad(log_p))(y)
    gaussian = Gaussian(0.8).posterior_mean(y, score(lambda v: -((v - 3) ** 2) / (2 * (0.8**2 + 1.5**2))))
    np.testing.assert_allclose(gaussian, (y * 1.5**2 + 3 * 0.8**2) / (0.8**2 + 1.5**2), rtol=1e-5)
    # y | x ~ Gamma(looks a, rate a / x), 1 / x ~ Gamma(c, d): p(y) ~ y^(a-1) (d + a y)^-(a + c), 1 / E[1 / x | y] = (d + a y) / (a + c)
    a, c, d = 5.0, 4.0, 6.0
    gamma = Gamma(a).posterior_mean(y, score(lambda v: (a - 1) * jnp.log(v) - (a + c) * jnp.log(d + a * v)))
    np.testing.assert_allclose(gamma, (d + a * y) / (a + c), rtol=1e-4)
    # counts of rate ~ Gamma(c, d): E[rate | k] = (k + c) / (1 + d); the formula is asymptotic in the count
    from jax.scipy.special import gammaln
    k = jnp.linspace(40.0, 90.0, 6)
    log_p = lambda v: gammaln(v + c * 10) - gammaln(v + 1) - v * jnp.log(1.5)
    poisson = Poisson(1.0).posterior_mean(k, jax.vmap(jax.grad(log_p))(k))
    np.testing.assert_allclose(poisson, (k + c * 10) / 1.5, rtol=0.02)
    with pytest.raises(InputError, match="no posterior mean"):
        PoissonGaussian().posterior_mean(y, y)
    with pytest.raises(InputError, match="no posterior mean"):
        Noise2Score().check(Measurement(np.ones((8, 8, 1), np.float32), Identity(), PoissonGaussian()))


def test_blind_noise_level():
    """From the exact score of a smooth image in noise, sigma is found within five per cent."""
    x = jnp.sin(jnp.arange(64.0) / 9)[:, None, None] * jnp.cos(jnp.arange(64.0) / 7)[None, :, None]
    for sigma in (0.2, 0.5):
        y = x + sigma * jax.random.normal(jax.random.key(0), x.shape)
        found = float(blind(y, (x - y) / sigma**2))
        assert abs(found / sigma - 1) < 0.05


def test_the_loss_of_noise2score_is_least_where_its_page_says():
    """Over all linear scores -c (z - x) of white noise, at 1 / c = v + (a^2 + b^2) / 2."""
    method, v = Noise2Score(network=_Identity()), 0.1
    n = jnp.sqrt(v) * jax.random.normal(jax.random.key(0), (64, 64, 1))

    def loss(c):
        scaled = replace(method, network=_Scaled(-c))
        draw = lambda k: scaled.loss(k, None, Measurement(jax.random.permutation(k, n, axis=0), Identity()))[0]
        return float(jnp.mean(jax.vmap(draw)(jax.random.split(jax.random.key(1), 4000))))

    best = 1 / (v + method.added)
    assert loss(best) < min(loss(0.93 * best), loss(1.07 * best))
    level = replace(method, network=_Scaled(-best)).noise_level(None, n)    # the specimen is zero
    assert abs(float(level) / v**0.5 - 1) < 0.05


class _Scaled:
    """The network that multiplies by a number."""

    def __init__(self, factor):
        self.factor = factor

    def apply(self, params, y):
        return self.factor * y


def test_bootstrapped_noise_model():
    x = jax.random.uniform(jax.random.key(0), (200, 200, 1), minval=20.0, maxval=120.0)
    camera = PoissonGaussian(2.0, 4.0)
    y = camera.sample(jax.random.key(1), x)
    model = bootstrap(jax.random.key(2), y, x)
    np.testing.assert_allclose(model.variance(jnp.array([60.0])), camera.variance(jnp.array([60.0])), rtol=0.15)


def test_pn2v_samples_channels_apart():
    """Two channels with unlike grey values and noise: each estimate follows its own channel's likelihood."""
    y = jnp.stack([jnp.full((8, 8), 10.0), jnp.full((8, 8), 1000.0)], -1)
    scale = Scale(jnp.array([[[10.0, 1000.0]]]), jnp.array([[[1.0, 100.0]]]))
    method = PN2V(samples=3, network=UNet(depth=1, width=2))
    one = Measurement(y, Identity(), Gaussian(jnp.array([[[0.5, 50.0]]]))).normalize(scale)
    s = jnp.broadcast_to(jnp.array([-2.0, 0.0, 3.0])[:, None], (8, 8, 3, 2))
    log_p = method.log_likelihood(one, one.y, s)
    np.testing.assert_allclose(log_p[0, 0], jax.scipy.stats.norm.logpdf(-s[0, 0], scale=0.5), rtol=1e-5)
    params = method.init_params(jax.random.key(0), one)
    assert method.estimate(jax.random.key(0), params, one).shape == y.shape


def test_pn2v_average_draws_with_the_pixel_hidden():
    """Where noise says nothing, the posterior mean is the prior's: it must not depend on the pixel itself."""
    y = jax.random.normal(jax.random.key(0), (8, 8, 1))
    method = PN2V(samples=3, network=UNet(depth=1, width=2))
    one = Measurement(y, Identity(), Gaussian(1e4))
    params = jax.jit(method.init_params)(jax.random.key(1), one)

    def own(method):
        estimate = lambda y: method.estimate(jax.random.key(2), params, one.replace(y=y))
        jacobian = jax.jit(jax.jacfwd(estimate))(y).reshape(64, 64)
        return float(jnp.abs(jnp.diag(jacobian)).max())

    average = replace(method, average=True)
    assert own(average) < 1e-6 < 1e-3 < own(method)
    assert average.tiling[1] == 4 * method.tiling[1] and average.tiling[0] >= method.tiling[0]


def test_cryo_care_uses_both_halves_alike(images):
    one = images[0]
    method = Noise2Noise(symmetric=True, **SMALL)
    params = method.init_params(jax.random.key(0), one)
    estimate = lambda m: method.estimate(jax.random.key(0), params, m)
    np.testing.assert_allclose(estimate(one), estimate(one.replace(y=one.pair, pair=one.y)), rtol=1e-6)
    assert "pair" in method.reads and not Noise2Noise().reads


def test_self2self_does_not_see_what_it_hides():
    """What it predicts at hidden pixels does not depend on them; what it averages differs from draw to draw."""
    y = jax.random.normal(jax.random.key(0), (16, 16, 1))
    method = Self2Self(network=PartialUNet(depth=2, width=6), passes=2)
    params = jax.jit(method.init_params)(jax.random.key(1), Measurement(y, Identity()))
    draw = jax.jit(method.draw)
    b, predicted = draw(jax.random.key(2), params, y)
    again = draw(jax.random.key(2), params, y + 100 * (1 - b))[1]
    np.testing.assert_allclose(again, predicted, atol=1e-5)
    assert abs(float(b.mean()) - 0.7) < 0.1 and float(jnp.abs(draw(jax.random.key(3), params, y)[1] - predicted).max()) > 1e-3


def test_pn2v_without_a_noise_model_is_refused(images):
    with pytest.raises(InputError, match="needs a noise model"):
        run_fit(PN2V(samples=4, **SMALL), steps=2, measurements=[m.replace(noise=None) for m in images[:4]])


@pytest.mark.parametrize("method", [NonLocalMeans(), WaveletShrinkage()], ids=lambda m: type(m).__name__)
def test_library_filters_denoise(method, images):
    test = images[0]
    estimate = np.asarray(solve(method, jax.random.key(0), test)[0])
    assert psnr(estimate, test.truth) > psnr(test.y, test.truth) + 5
