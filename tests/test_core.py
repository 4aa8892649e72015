"""The vocabulary: what a method may see, units of grey, schedules, keys."""

from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Adam, Learned, Measurement, Scale, Trained, sample_keys
from unsup_jax.core import method as core_method
from unsup_jax.core.optimizer import over
from unsup_jax.core.recomputed import recomputed
from unsup_jax.errors import InputError
from unsup_jax.methods import Noise2Void, Supervised
from unsup_jax.networks import UNet
from unsup_jax.noise import PoissonGaussian
from unsup_jax.operators import Identity, Mask
from unsup_jax.train import solve

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

TINY = UNet(depth=1, width=2)


def measurement(batch=(4,)):
    y = jax.random.normal(jax.random.key(0), (*batch, 16, 16, 1)) + 3.0
    return Measurement(y, Identity(), pair=y + 1, unpaired=y + 2, truth=y + 3)


def test_only_keeps_what_is_declared():
    m = measurement()
    assert m.only(()).truth is None and m.only(()).pair is None and m.only(()).unpaired is None
    assert m.only({"pair"}).pair is m.pair and m.only({"pair"}).truth is None
    assert m.only({"truth"}).y is m.y


@dataclass(frozen=True)
class Cheat(Learned):
    """Reads the truth without declaring that it does."""

    network: nn.Module = TINY

    def loss(self, key, params, one):
        return jnp.mean((self.estimate(key, params, one) - one.truth) ** 2), {}


def test_a_method_that_reads_undeclared_truth_fails():
    honest, cheat, batch = Supervised(network=TINY), Cheat(), measurement()
    state = jax.jit(honest.init)(jax.random.key(0), batch)
    jax.jit(honest.update)(jax.random.key(1), state, batch.only(honest.sees))
    with pytest.raises(TypeError):
        cheat.update(jax.random.key(1), state, batch.only(cheat.sees))


def test_what_is_recomputed_is_not_kept(all_passes):
    """The same gradient, of a program that holds a few of the intermediate images instead of all."""
    def deep(x, weight):
        for _ in range(10):
            x = jnp.sin(x @ weight)
        return x

    def gradient(f):
        value = lambda x, weight: jnp.sum(f(f(f(f(f(f(x, weight), weight), weight), weight), weight), weight))
        program = jax.jit(jax.grad(value, (0, 1))).lower(x, weight).compile()
        return program(x, weight), program.memory_analysis().temp_size_in_bytes

    x, weight = jax.random.normal(jax.random.key(0), (2, 128, 128)) / 8
    (plain, all_of_them), (again, few) = gradient(deep), gradient(recomputed(deep))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5 * float(jnp.abs(b).max())), again, plain)
    assert few < 0.7 * all_of_them


def test_the_drivers_hide_the_truth():
    """`solve` and `fit` apply `only` themselves: a cheat fails in both."""
    from helpers import run_fit

    with pytest.raises(TypeError):
        run_fit(Cheat(), steps=1)

    @dataclass(frozen=True)
    class Peek(Cheat):
        scope = "measurement"

        def init(self, key, example):
            return example.truth + 0

    with pytest.raises(TypeError):
        solve(Peek(), jax.random.key(0), measurement(()), steps=0)


def test_scale_round_trip_and_units():
    m = measurement()
    scale = Scale.of(m)
    z = jax.vmap(lambda one: one.normalize(scale))(m)
    assert abs(float(z.y.mean())) < 1e-5 and abs(float(z.y.std()) - 1) < 1e-5
    np.testing.assert_allclose(jax.vmap(scale.restore)(z.truth), m.truth, rtol=1e-6)
    constant = Scale.of(m.replace(y=jnp.ones((2, 8, 8, 1))))
    assert float(constant.unit.squeeze()) == 1


@pytest.mark.parametrize("model", [PoissonGaussian(2.0, 3.0, 1.0)])
def test_noise_in_other_units_is_the_same_noise(model):
    scale = Scale(jnp.full((1, 1, 1), 5.0), jnp.full((1, 1, 1), 4.0))
    clean = jnp.full((8, 8, 1), 30.0)
    noisy = model.sample(jax.random.key(0), clean)
    here = model.log_prob(noisy, clean)
    there = model.normalize(scale).log_prob(scale.normalize(noisy), scale.normalize(clean))
    np.testing.assert_allclose(there, here + jnp.log(4.0), rtol=1e-4, atol=1e-4)


def test_schedules_end_with_the_training():
    method = over(Noise2Void(), 10)
    assert method.optimizer.steps == 10 and over(method, 20).optimizer.steps == 10
    trained = Trained.start({"w": jnp.ones(())}, method.optimizer)
    for _ in range(11):
        before = trained
        trained = trained.descend({"w": jnp.ones(())}, method.optimizer)
    assert trained.params["w"] == before.params["w"] != 1.0


def test_adam_agrees_with_its_formula():
    optimizer = Adam(learning_rate=0.1, decay=False)
    trained = Trained.start({"w": jnp.array(1.0)}, optimizer).descend({"w": jnp.array(3.0)}, optimizer)
    np.testing.assert_allclose(trained.params["w"], 0.9, rtol=1e-5)  # the first step is the learning rate


def test_sample_keys_do_not_depend_on_the_number_of_replicas():
    key = jax.random.key(3)
    alone = jax.random.key_data(sample_keys(key, 8))
    split = jax.pmap(lambda _: jax.random.key_data(sample_keys(key, 2)), axis_name="replica")(jnp.arange(4))
    np.testing.assert_array_equal(split.reshape(8, -1), alone)


def test_a_gradient_in_turns_is_the_gradient(monkeypatch):
    """Two samples at once, of six, and as many as a core's cache holds: the same step, the same metrics."""
    y = np.random.default_rng(0).normal(size=(6, 8, 8, 1)).astype(np.float32)
    batch, key = Measurement(y, Identity(), truth=y), jax.random.key(0)

    def step(at_once):
        method = Supervised(network=UNet(depth=1, width=4), optimizer=Adam(1e-2), at_once=at_once)
        return jax.jit(method.update)(key, jax.jit(method.init)(key, batch), batch)

    (whole, expected), turns = step(6), step(2)
    monkeypatch.setattr(core_method, "_CACHED_NUMBERS", 130)
    for state, metrics in (turns, step(None), step(4)):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), metrics, expected)
        for memory, other in zip(jax.tree.leaves(state.trained.memory), jax.tree.leaves(whole.trained.memory)):
            np.testing.assert_allclose(memory, other, rtol=1e-4, atol=1e-6)


def test_composition_needs_fitting_operators():
    H = Mask(jnp.ones((8, 8, 1))) @ Mask(jnp.full((8, 8, 1), 2.0))
    np.testing.assert_array_equal(H(jnp.ones((8, 8, 1))), jnp.full((8, 8, 1), 2.0))


def test_bad_hyperparameters_are_named():
    for bad in (lambda: Adam(learning_rate=0), lambda: Noise2Void(fraction=0.9), lambda: UNet(depth=0), lambda: Noise2Void(at_once=0)):
        with pytest.raises(InputError):
            bad()
