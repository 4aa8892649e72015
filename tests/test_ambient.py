"""Games in the space of measurements: the law of clean images from measurements alone, of any operator, and what is refused."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Adam, Among, Drawn, Measurement, Own
from unsup_jax.core.family import InUnits
from unsup_jax.errors import InputError
from unsup_jax.losses.games import ADA, R1, R2, DiffAugment, Mirror, Relativistic
from unsup_jax.methods import SSDU, AmbientGAN, ProximalGradient, UnmeasuredGAN, UnsupervisedMRI
from unsup_jax.modalities import Inpainting, Scanner
from unsup_jax.networks import ConvCritic, ConvGenerator, DenseGenerator, ResNet, UNet, Unrolled
from unsup_jax.noise import Gaussian, Poisson
from unsup_jax.operators import Convolution, Identity, Mask, Radon, UnknownAngles, gaussian_psf, parallel_angles

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

SMALL = {"generator": ConvGenerator(width=4, depth=1), "critic": ConvCritic(width=4, depth=1), "latents": 5}
KEY = jax.random.key(0)


def measured(H, x, noise=Gaussian(0.1)):
    """Measurements of images [N, *S, C] by one operator, which each of them has."""
    N = len(x)
    every = lambda tree: jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.asarray(leaf), (N, *jnp.shape(leaf))), tree)
    H, noise = every(H), every(noise)
    y = jax.jit(jax.vmap(lambda key, H, noise, x: noise.sample(key, H(x))))(jax.random.split(KEY, N), H, noise, x)
    return Measurement(y, H, noise)


def images(N=4, shape=(8, 8, 1), dtype=jnp.float32):
    return 20 + jax.random.normal(KEY, (N, *shape), dtype)


def coils(shape=(8, 8)):
    return Scanner(coils=3, centre=2).operator(KEY, jnp.zeros((*shape, 1)))


@pytest.mark.parametrize("method, H, x", [
    (AmbientGAN(**SMALL, augment=Mirror()), Mask(jnp.ones((9, 7, 1))), images(shape=(9, 7, 1))),
    (AmbientGAN(**SMALL), Convolution(gaussian_psf((3, 3), 1.0), boundary="valid"), images()),
    (AmbientGAN(**SMALL, space="image", family=UnknownAngles()), Radon(parallel_angles(3), 8), images()),
    (AmbientGAN(**SMALL, space="image", family=Drawn(Scanner(coils=3, centre=2, sampling="random lines"))), coils(), images(dtype=jnp.complex64)),
    (UnmeasuredGAN(**SMALL, by=ProximalGradient(steps=2)), Mask(jnp.ones((9, 7, 1))), images(shape=(9, 7, 1))),
], ids=["mask", "smaller y", "unknown angles", "complex", "iterations first"])
def test_it_plays_by_any_operator_and_draws_images_of_its_domain(method, H, x):
    batch = measured(H, x)
    method.check(jax.tree.map(lambda leaf: leaf[0], batch))

    def played(batch):
        planned = method.planned(10)
        state, metrics = planned.update(KEY, planned.init(KEY, batch), batch)
        return state, metrics, method.sample(KEY, state, 3)

    state, metrics, drawn = jax.eval_shape(played, batch)
    assert drawn.shape == (3, *x.shape[1:]) and drawn.dtype == x.dtype and {"critic_loss", "generator_loss"} <= metrics.keys()


def test_what_is_generated_is_measured_as_the_data_are():
    """A generator that makes the true images gives measurements of the law of the data: mean H x and variance sigma^2."""
    x, H = images(1, (4, 4, 1)), Convolution(gaussian_psf((3, 3), 1.0))
    batch = measured(H, jnp.concatenate([x] * 4), Gaussian(3.0))
    scale, target = AmbientGAN().units(batch)
    method = AmbientGAN(family=InUnits(Own(), scale, target))
    one = jax.tree.map(lambda leaf: leaf[0], batch).normalize(scale, target)
    made = jax.jit(jax.vmap(lambda key: method.measured(key, lambda z, shape: target.normalize(x[0]), one).y))(jax.random.split(KEY, 600))
    made, clean = scale.restore(made), H(x[0])
    np.testing.assert_allclose(made.mean(0), clean, atol=5 * 3 / np.sqrt(600))
    np.testing.assert_allclose(made.var(0).mean(), 9, rtol=0.1)


def test_it_learns_the_law_of_clean_images_through_masks_and_a_gan_of_the_measurements_does_not(all_passes):
    """Images of one grey level c ~ U(2, 4), half of the pixels dropped: E x = 3 where E y = 1.5, and pixels of an image agree.

    Told that its y are whole images without noise, the same game learns the law of y.
    """
    rng = np.random.default_rng(0)
    x = np.broadcast_to(rng.uniform(2, 4, (2000, 1, 1, 1)), (2000, 6, 6, 1)).astype(np.float32)
    mask = rng.integers(2, size=x.shape).astype(np.float32)
    y = mask * x + 0.1 * rng.normal(size=x.shape).astype(np.float32)
    adam = Adam(5e-3, b1=0.0, b2=0.99, average=0.98)
    method = AmbientGAN(
        generator=DenseGenerator(width=16, depth=1), critic=ConvCritic(width=8, depth=1), latents=4, regularizers=(R1(0.2),),
        generator_optimizer=adam, critic_optimizer=adam).planned(800)
    update, init = jax.jit(method.update), jax.jit(method.init)

    def learnt(mask, sigma, steps):
        batch = lambda i: Measurement(jnp.asarray(y[i]), Mask(jnp.asarray(mask[i])), Gaussian(jnp.full(len(i), sigma)))
        state = init(KEY, batch(np.arange(32)))
        for step in range(steps):
            state, _ = update(jax.random.fold_in(KEY, step), state, batch(rng.integers(len(y), size=32)))
        pixels = np.asarray(method.sample(KEY, state, 500)).reshape(500, -1)
        return pixels.mean(), pixels.std(1).mean()

    mean, apart = learnt(mask, 0.1, 800)
    mean_of_y, apart_of_y = learnt(np.ones_like(mask), 0.0, 300)
    assert abs(mean - 3) < 0.2 and apart < 0.6
    assert mean_of_y < 2 and apart_of_y > 1.2


def test_noise_of_counts_has_the_derivatives_of_its_moments():
    """d E y / d lambda = 1 and d E y^2 / d lambda = 2 lambda + 1 of a Poisson law, from its samples, which are those of `sample`."""
    rate, keys = jnp.float32(4.0), jax.random.split(KEY, 20000)
    draw = jax.jit(lambda rate: jax.vmap(lambda key: Poisson().reparametrized(key, rate))(keys))
    np.testing.assert_allclose(draw(rate)[:50], jax.vmap(lambda key: Poisson().sample(key, rate))(keys[:50]), atol=1e-5)
    np.testing.assert_allclose(jax.grad(lambda rate: draw(rate).mean())(rate), 1, atol=0.02)
    np.testing.assert_allclose(jax.grad(lambda rate: jnp.square(draw(rate)).mean())(rate), 9, atol=0.3)


@pytest.mark.parametrize("make, words", [
    (lambda: AmbientGAN(family=Inpainting()), "the family of AmbientGAN draws operators; Inpainting is none"),
    (lambda: AmbientGAN(augment=DiffAugment()), "leaves the noise's law alone, such as Mirror, not DiffAugment"),
    (lambda: AmbientGAN(augment=ADA()), "not ADA"),
    (lambda: UnmeasuredGAN(by=SSDU()), "a method of one measurement, not SSDU"),
    (lambda: checked(AmbientGAN(), Identity(), images(1), None), "draws the noise of measurements anew, and it is not known"),
    (lambda: checked(AmbientGAN(family=Drawn(Scanner())), Mask(jnp.ones((8, 8, 1))), images(1)), "AmbientGAN draws measurements by Drawn, which is to make float32 data"),
    (lambda: checked(AmbientGAN(), coils(), images(1, dtype=jnp.complex64)), "images H\\* y of complex ones"),
    (lambda: checked(UnmeasuredGAN(), Radon(parallel_angles(3), 8), images(1)), "GAN of y takes real data on the pixels of x"),
], ids=["no draw", "cutout", "ADA", "trained", "noise", "family", "complex", "sinogram"])
def test_bad_input_gets_one_line(make, words):
    with pytest.raises(InputError, match=words) as error:
        make()
    assert "\n" not in str(error.value)


def checked(method, H, x, noise=Gaussian(0.1)):
    batch = measured(H, x)
    method.check(jax.tree.map(lambda leaf: leaf[0], batch.replace(noise=None) if noise is None else batch))


MRI = UnsupervisedMRI(
    generator=Unrolled(regularizer=ResNet(depth=1, width=4), unrolls=1, iterations=2), critic=ConvCritic(width=4, depth=1))


def test_what_is_reconstructed_is_measured_by_the_mask_of_another():
    """y' = H' x + w for the true x: with the maps of its own measurement, a mask of the batch, and noise of its deviation."""
    scanner = Scanner(coils=3, centre=2, sampling="shifted lines", noise=Gaussian(0.01))
    batch = jax.jit(jax.vmap(scanner.measure))(jax.random.split(KEY, 4), jnp.abs(images(4)))
    one = jax.tree.map(lambda leaf: leaf[0], batch)
    family = Among(batch.operator, ("mask",))
    again = jax.jit(jax.vmap(lambda key: family.measure(key, one.truth, one)))(jax.random.split(KEY, 60))
    masks = {tuple(np.asarray(mask).ravel()) for mask in batch.operator.mask}
    assert len(masks) > 1 and {tuple(np.asarray(mask).ravel()) for mask in again.operator.mask} == masks
    np.testing.assert_array_equal(again.operator.sensitivity_maps[0], one.operator.sensitivity_maps)
    clean = again.operator.mask[:, None] * jnp.fft.fft2(one.operator.coils(one.truth), norm="ortho")[None]
    np.testing.assert_allclose(jnp.abs(again.y - clean).std(), 0.01 * np.sqrt(1 - np.pi / 4), rtol=0.05)


@pytest.mark.parametrize("method", [MRI, dataclasses.replace(MRI, cycle=0.5, family=Drawn(Scanner(coils=3, centre=2, sampling="random lines")))])
def test_unsupervised_mri_takes_a_step_of_each_player(method):
    scanner = Scanner(coils=3, centre=2, sampling="shifted lines", noise=Gaussian(0.01))
    batch = jax.jit(jax.vmap(scanner.measure))(jax.random.split(KEY, 4), jnp.abs(images(4))).only(method.sees)
    one = jax.tree.map(lambda leaf: leaf[0], batch)
    method.check(one)

    def played(batch):
        planned = method.planned(10)
        state, metrics = planned.update(KEY, planned.init(KEY, batch), batch)
        return metrics, planned.reconstruct(KEY, state, one)

    metrics, estimate = jax.eval_shape(played, batch)
    assert estimate.shape == (8, 8, 1) and estimate.dtype == jnp.complex64 and ("generator_cycle" in metrics) == (method.cycle > 0)


def test_a_generator_that_returns_the_truth_pays_the_noise_in_the_cycle():
    """||H' x - y'||^2 / ||y'||^2 is the energy of w over that of y'."""
    scanner = Scanner(coils=3, centre=2, sampling="shifted lines", noise=Gaussian(2.0))
    one = jax.jit(scanner.measure)(KEY, jnp.abs(images(1))[0])
    method = dataclasses.replace(MRI, cycle=1.0, family=Drawn(scanner))
    _, metrics = jax.jit(lambda one: method.generator_loss(KEY, lambda y, H: one.truth, lambda x: jnp.zeros(()), one))(one)
    again = method.family.measure(jax.random.split(KEY)[0], one.truth, one)
    w = again.y - again.operator(one.truth)
    np.testing.assert_allclose(metrics["cycle"], jnp.sum(jnp.abs(w) ** 2) / jnp.sum(jnp.abs(again.y) ** 2), rtol=1e-4)
    assert float(metrics["cycle"]) > 1e-4


@pytest.mark.parametrize("make, words", [
    (lambda: UnsupervisedMRI(generator=UNet()), "is told the operator; UNet is not"),
    (lambda: UnsupervisedMRI(cycle=-1.0), "a weight of zero or more, not -1"),
    (lambda: checked(MRI, Convolution(gaussian_psf((3, 3), 1.0)), images(1)), "measures again by other masks, which Convolution does not have"),
    (lambda: checked(MRI, coils(), images(1, dtype=jnp.complex64), None), "draws the noise of measurements anew, and it is not known"),
], ids=["network", "cycle", "no mask", "noise"])
def test_bad_input_of_unsupervised_mri_gets_one_line(make, words):
    with pytest.raises(InputError, match=words) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_unsupervised_mri_learns_what_is_not_sampled(all_passes):
    """Discs of 16^2 pixels, a third of the lines: more than conjugate gradients fill in, by a critic alone."""
    rng = np.random.default_rng(0)
    place, square = rng.uniform(4, 12, (400, 2, 1, 1)), rng.uniform(4, 16, (400, 1, 1))
    rows, columns = np.mgrid[:16, :16]
    discs = (10.0 * ((rows - place[:, 0]) ** 2 + (columns - place[:, 1]) ** 2 < square))[..., None].astype(np.float32)
    scanner = Scanner(coils=2, centre=2, acceleration=3, sampling="shifted lines", noise=Gaussian(0.1))
    measurements = jax.jit(jax.vmap(scanner.measure))(jax.random.split(KEY, 400), jnp.asarray(discs))
    batch = lambda places: jax.tree.map(lambda leaf: leaf[places], measurements)
    adam = Adam(2e-3, b1=0.0, b2=0.99, average=0.98)
    method = UnsupervisedMRI(
        generator=Unrolled(regularizer=ResNet(depth=2, width=8), unrolls=2, iterations=3), critic=ConvCritic(width=8, depth=2),
        game=Relativistic(), regularizers=(R1(0.3), R2(0.3)), generator_optimizer=adam, critic_optimizer=adam).planned(200)
    state, update = jax.jit(method.init)(KEY, batch(np.arange(32)).only(())), jax.jit(method.update)
    for step in range(200):
        state, _ = update(jax.random.fold_in(KEY, step), state, batch(rng.integers(300, size=16)).only(()))
    test = batch(np.arange(300, 400))
    psnr = lambda estimate: 10 * np.log10(100 / np.mean(np.abs(estimate - test.truth) ** 2))
    gradients = jax.jit(jax.vmap(lambda one: one.operator.inverse(one.operator.adjoint(one.y), 1e-3, iterations=5)))(test)
    estimates = jax.jit(jax.vmap(lambda one: method.reconstruct(KEY, state, one)))(test.only(()))
    assert psnr(estimates) > psnr(gradients) + 1.5
