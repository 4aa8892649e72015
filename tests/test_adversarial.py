"""The game: against hand-written steps, on one device and four, resumed, and learning the law of its samples."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_train import Stop, leaves, norm_of_difference, same_on_all_devices, stop_after

import experiments
from unsup_jax.core import SGD, Adam, Measurement, sample_keys
from unsup_jax.data import Data, Phantoms, Stream
from unsup_jax.errors import InputError
from unsup_jax.evaluate.distributions import crops, gaussian_like, sliced_wasserstein
from unsup_jax.losses.games import ADA, Clip, DiffAugment, GradientPenalty, Mirror, SpectralNorm
from unsup_jax.methods import FGAN, GAN, R3GAN, SNGAN, WGAN
from unsup_jax.modalities import Camera
from unsup_jax.networks import ConvCritic, ConvGenerator, DenseGenerator
from unsup_jax.operators import Identity
from unsup_jax.train import Train, fit, parallel

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types

SMALL = {"generator": ConvGenerator(width=4, depth=1), "critic": ConvCritic(width=4, depth=1), "latents": 5}


def cells(count=64, shape=(8, 8), seed=0):
    """Images of one blob at a random place."""
    place = np.random.default_rng(seed).uniform(2, 6, (count, 2, 1, 1))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = np.exp(-((rows - place[:, 0]) ** 2 + (columns - place[:, 1]) ** 2) / 3)
    return (100 * image[..., None]).astype(np.float32)


def batch_of(images):
    return Measurement(jnp.zeros_like(images), Identity(), unpaired=jnp.asarray(images))


def trained(method, directory, steps=4, images=None, batch=8, **train):
    """The players after a short training."""
    images = cells() if images is None else images
    measured = [Measurement(np.zeros_like(image), Identity()) for image in images[:4]]
    stream = Stream(measured, batch=batch, patch=None, augment=False, seed=0, sees=method.sees, unpaired=list(images))
    settings = {"checkpoint_every": max(1, steps // 2), "validation_batches": 1, "use": "latest", **train}
    on_step = settings.pop("on_step", None)
    return fit(method, Train(steps=steps, batch=batch, **settings), stream, stream, Path(directory), quiet=True, on_step=on_step)


@pytest.mark.parametrize("method", [
    GAN(**SMALL, augment=DiffAugment()), FGAN(**SMALL), WGAN(**SMALL, n_critic=2), WGAN(**SMALL, n_critic=2, regularizers=(Clip(),)),
    SNGAN(**SMALL, n_critic=1, augment=ADA(ramp=100)), R3GAN(**SMALL),
], ids=lambda m: m.label)
def test_every_method_plays_and_samples(method, quick_compilation):
    method = method.planned(10)
    state = jax.jit(method.init)(jax.random.key(0), batch_of(cells(6)))
    after, metrics = jax.jit(method.update)(jax.random.key(1), state, batch_of(cells(6)))
    assert all(jnp.isfinite(value) for value in metrics.values()) and {"critic_loss", "generator_loss"} <= metrics.keys()
    assert int(after.critic.steps) == method.n_critic and int(after.generator.steps) == 1
    for before, now in ((state.critic, after.critic), (state.generator, after.generator)):
        assert norm_of_difference(leaves_of(now.params), leaves_of(before.params)) > 0
    drawn = method.sample(jax.random.key(2), after, 3)
    assert drawn.shape == (3, 8, 8, 1) and float(jnp.abs(drawn[0] - drawn[1]).max()) > 0
    if method.regularizers == (Clip(),):
        assert max(float(jnp.abs(leaf).max()) for leaf in leaves_of(after.critic.params)) <= 0.01
    if method.augment == ADA(ramp=100):
        assert float(after.critic.buffers["augment"]) in (0.0, pytest.approx(0.06))


def leaves_of(tree):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def test_a_round_is_the_steps_of_its_players(quick_compilation):
    """Two critic steps of SGD on every other sample, one of the generator on the last of them, written out with jax.grad."""
    method = WGAN(**SMALL, n_critic=2, generator_optimizer=SGD(0.02, decay=False), critic_optimizer=SGD(0.01, decay=False))
    images, key = jnp.asarray(cells(4)), jax.random.key(7)
    state = jax.jit(method.init)(jax.random.key(0), batch_of(images))
    after, _ = jax.jit(method.update)(key, state, batch_of(images))
    x = (images - state.target.offset[None]) / state.target.unit[None]
    D, G = state.critic.params, state.generator.params
    draw = lambda G, key: method.generator.apply(G, method.z(key), (8, 8))

    def critic_loss(D, key, x):
        of_z, of_D = jax.random.split(key)
        fake, D = draw(G, of_z), lambda x, D=D: method.critic.apply(D, x)
        e = jax.random.uniform(jax.random.fold_in(jax.random.split(of_D)[1], 0))
        slope = jnp.linalg.norm(jax.grad(D)(e * x + (1 - e) * fake).ravel())
        return D(fake) - D(x) + 10 * (slope - 1) ** 2

    of_critic = jax.jit(jax.grad(lambda D, keys, x: jnp.mean(jax.vmap(critic_loss, (None, 0, 0))(D, keys, x))))
    for j in range(2):
        keys = sample_keys(jax.random.fold_in(key, j), 2)
        gradient = of_critic(D, keys, x[j::2])
        D = jax.tree.map(lambda theta, g: theta - 0.01 * g, D, gradient)
    keys = sample_keys(jax.random.fold_in(key, 2), 2)
    deceived = lambda G, keys: -jnp.mean(jax.vmap(lambda k: method.critic.apply(D, draw(G, jax.random.split(k)[0])))(keys))
    G = jax.tree.map(lambda theta, g: theta - 0.02 * g, G, jax.jit(jax.grad(deceived))(G, keys))
    assert norm_of_difference(leaves_of(after.critic.params), leaves_of(D)) < 1e-5
    assert norm_of_difference(leaves_of(after.generator.params), leaves_of(G)) < 1e-5


OPTIMIZER = SGD(1e-2, momentum=0.5, average=0.9)      # not Adam, that makes a whole step of a rounded zero
EVERYTHING = WGAN(
    generator=DenseGenerator(width=8, depth=1), critic=ConvCritic(width=4, depth=1), latents=5, n_critic=2,
    regularizers=(GradientPenalty(), SpectralNorm()), augment=ADA(of=Mirror(), target=-0.99, ramp=60),
    generator_optimizer=OPTIMIZER, critic_optimizer=OPTIMIZER,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Both players, their averages, power iterations and an adapted probability after four steps on four devices."""
    jax.config.update("jax_disable_most_optimizations", True)
    with jax.numpy_dtype_promotion("standard"):
        state = trained(EVERYTHING, tmp_path_factory.mktemp("whole"), steps=4, checkpoint_every=2)
    jax.config.update("jax_disable_most_optimizations", False)
    return state


def test_four_devices_agree_with_one(whole, quick_compilation, tmp_path, monkeypatch):
    assert same_on_all_devices(whole, 4)
    monkeypatch.setattr(parallel.Replicas, "of", classmethod(lambda cls, batch: cls((jax.devices()[0],), (0, 1))))
    alone = trained(EVERYTHING, tmp_path, steps=4)
    assert norm_of_difference(leaves(alone), leaves(whole)) <= 1e-5
    assert float(parallel.local(whole).critic.buffers["augment"]) > 0


def test_resumed_in_the_middle_it_ends_in_the_same_bits(whole, quick_compilation, tmp_path):
    with pytest.raises(Stop):
        trained(EVERYTHING, tmp_path, steps=4, checkpoint_every=2, on_step=stop_after(3))
    for a, b in zip(leaves(trained(EVERYTHING, tmp_path, steps=4, checkpoint_every=2)), leaves(whole), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_batch_that_the_critic_steps_do_not_divide_is_refused():
    method = WGAN(**SMALL, n_critic=3)
    state = method.init(jax.random.key(0), batch_of(cells(4)))
    with pytest.raises(InputError, match="3 critic steps on parts of the 4 samples"):
        method.update(jax.random.key(1), state, batch_of(cells(4)))
    with pytest.raises(InputError, match="n_critic and at_once are 1 or more"):
        GAN(n_critic=0)


def test_one_schedule_ends_for_both_players_with_the_training():
    planned = WGAN(n_critic=5, at_once=2).planned(100, at_once=3)
    assert (planned.critic_optimizer.steps, planned.generator_optimizer.steps, planned.at_once) == (500, 100, 2)


@pytest.mark.parametrize("unpaired, message", [
    (None, "give --data.unpaired"), ("none", "none"), ("colour", "2 channels, those of the measurements have 1"),
    ("little", "12 x 24 pixels is smaller than the patch of 16 x 16"),
])
def test_bad_unpaired_files_get_one_line(tmp_path, unpaired, message):
    """Missing, empty, of other channels, smaller than the patch."""
    np.save(tmp_path / "y.npy", np.ones((4, 24, 24), np.float32))
    (tmp_path / "none").mkdir()
    np.save(tmp_path / "colour.npy", np.ones((24, 24, 2), np.float32))
    np.save(tmp_path / "little.npy", np.ones((3, 12, 24), np.float32))
    path = unpaired and str(tmp_path / (unpaired if unpaired == "none" else f"{unpaired}.npy"))
    data = Data(path=str(tmp_path / "y.npy"), unpaired=path, patch=16)
    with pytest.raises(InputError, match=message) as error:
        dataset = data.load(Camera(), GAN.sees, 0)
        Stream(dataset.train, batch=4, patch=16, augment=True, seed=0, sees=GAN.sees, unpaired=dataset.unpaired)
    assert "\n" not in str(error.value)


def learnt(method, train, held_out, steps, batch):
    """Sliced Wasserstein distances to held-out images of samples, of a Gaussian of the images' moments, and of the images."""
    method, rng = method.planned(steps), np.random.default_rng(0)
    state = jax.jit(method.init)(jax.random.key(0), batch_of(train[:64]))
    update = jax.jit(method.update)
    for step in range(steps):
        state, _ = update(jax.random.fold_in(jax.random.key(1), step), state, batch_of(train[rng.integers(len(train), size=batch)]))
    count = len(held_out)
    drawn = np.asarray(jax.jit(method.sample, static_argnums=2)(jax.random.key(3), state, count))
    return tuple(sliced_wasserstein(x, held_out) for x in (drawn, gaussian_like(train, count), train[:count]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gan_nuclei", "r3gan_nuclei"])
def test_experiments_learn_more_than_two_moments(name):
    """Each on parts of 16^2 pixels, in a quarter of its steps."""
    e = experiments.load(name)
    images = e.data.source.images()
    train, held_out = crops(images[120:], (16, 16, 1), 4000), crops(images[:120], (16, 16, 1), 500, seed=1)
    depth = {"generator": e.method.generator.clone(depth=2), "critic": e.method.critic.clone(depth=2)}
    samples, gaussian, floor = learnt(dataclasses.replace(e.method, **depth), train, held_out, steps=500, batch=e.train.batch)
    assert samples < gaussian, (samples, gaussian, floor)
