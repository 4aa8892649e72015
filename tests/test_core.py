"""The vocabulary: what a method may see, units of grey, schedules, keys."""

import re
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from unsup_jax.core import (
    SGD, Adam, Learned, Lion, Measurement, Method, Optimizer, RMSProp, Scale, Trained, all_replicas, sample_keys,
)
from unsup_jax.core.optimizer import REPLICA
from unsup_jax.core.recomputed import recomputed
from unsup_jax.errors import InputError
from unsup_jax.methods import Noise2Void, Supervised
from unsup_jax.networks import Network, UNet
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

    network: Network = TINY

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
    method = Noise2Void().planned(10)
    assert method.optimizer.steps == 10 and method.planned(20).optimizer.steps == 10
    trained = Trained.start({"w": jnp.ones(())}, method.optimizer)
    for _ in range(11):
        before = trained
        trained = trained.descend({"w": jnp.ones(())}, method.optimizer)
    assert trained.params["w"] == before.params["w"] != 1.0


def test_adam_agrees_with_its_formula():
    optimizer = Adam(learning_rate=0.1, decay=False)
    trained = Trained.start({"w": jnp.array(1.0)}, optimizer).descend({"w": jnp.array(3.0)}, optimizer)
    np.testing.assert_allclose(trained.params["w"], 0.9, rtol=1e-5)  # the first step is the learning rate


@pytest.mark.parametrize("optimizer, theirs", [
    (Adam(0.1, decay=False), optax.adam(0.1)), (Adam(0.1, decay=False, weight_decay=0.3), optax.adamw(0.1, weight_decay=0.3)),
    (RMSProp(0.1, decay=False, smoothing=0.8), optax.rmsprop(0.1, 0.8)), (SGD(0.1, decay=False), optax.sgd(0.1)),
    (SGD(0.1, decay=False, momentum=0.9, nesterov=True), optax.sgd(0.1, 0.9, True)), (Lion(0.1, decay=False), optax.lion(0.1, weight_decay=0)),
    (Adam(0.1, decay=False, clip=0.5), optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.1))),
], ids=["adam", "adamw", "rmsprop", "sgd", "nesterov", "lion", "clipped"])
def test_optimisers_are_those_of_optax(optimizer, theirs):
    trained, params = Trained.start({"w": jnp.array([1.0, -2.0])}, optimizer), {"w": jnp.array([1.0, -2.0])}
    memory = theirs.init(params)
    for _ in range(3):
        gradient = jax.tree.map(lambda w: 2 * w + 1, params)
        trained = trained.descend(gradient, optimizer)
        updates, memory = theirs.update(gradient, memory, params)
        params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(trained.params["w"], params["w"], rtol=1e-6)
    assert int(trained.steps) == 3


@pytest.mark.parametrize("optimizer", [SGD(0.1, decay=False), Adam(0.1, decay=False), RMSProp(0.06, decay=False)], ids=lambda o: type(o).__name__)
def test_complex_parameters_descend(optimizer):
    """|w - (1 + 2i)|^2 falls to a tenth in both parts."""
    loss = lambda w: jnp.abs(w - (1 + 2j)) ** 2
    trained = Trained.start(jnp.zeros((), jnp.complex64), optimizer)
    for _ in range(60):
        trained = trained.descend(jax.grad(loss)(trained.params), optimizer)
    assert abs(trained.params.real - 1) < 0.3 and abs(trained.params.imag - 2) < 0.3


def test_moving_average_has_a_warm_start():
    """mean_{k+1} = a_k mean_k + (1 - a_k) theta_{k+1}, a_k = min(a, k / (k + 10)); it is what reconstructs."""
    optimizer = SGD(1.0, decay=False, average=0.2)
    trained, theta, mean = Trained.start(jnp.float32(5.0), optimizer), 5.0, 5.0
    for k in range(6):
        trained = trained.descend(jnp.float32(k), optimizer)
        theta, a = theta - k, min(0.2, k / (k + 10))
        mean = a * mean + (1 - a) * theta
        np.testing.assert_allclose((trained.params, trained.averaged), (theta, mean), rtol=1e-6)
    with pytest.raises(InputError, match="decay between 0 and 1"):
        SGD(average=1.0)


def test_a_gradient_is_averaged_over_the_replicas_once():
    """Each number of it, and of the metrics, goes from device to device in one reduction."""
    method = Noise2Void(network=TINY, fraction=0.1)
    batch = Measurement(jnp.ones((2, 16, 16, 1)), Identity())
    state = jax.jit(method.init)(jax.random.key(0), batch)
    shared = jax.tree.map(lambda leaf: jnp.stack([leaf] * 2), batch)
    update = jax.pmap(method.update, axis_name=REPLICA, in_axes=(None, None, 0), out_axes=None, devices=jax.devices()[:2])
    reduced = re.findall(r"psum\w*\[", str(jax.make_jaxpr(update)(jax.random.key(0), state, shared)))
    assert len(reduced) == len(jax.tree.leaves(state.trained.params)) + 1, reduced


@dataclass(frozen=True)
class TwoPlayers(Method):
    """Its critic descends five times an update."""

    optimizer: Optimizer = Adam(1.0)
    critic_optimizer: Optimizer = SGD(1.0, momentum=0.5)

    def descents(self, optimizer):
        return 5 if optimizer == "critic_optimizer" else 1


def test_the_schedule_of_a_player_counts_its_descents():
    """At 20 % of the training the rate of both is the same part of the first one, (1 + cos(pi / 5)) / 2."""
    method = TwoPlayers().planned(100)
    assert (method.optimizer.steps, method.critic_optimizer.steps) == (100, 500)
    still = replace(method.critic_optimizer, momentum=0.0)
    trained = Trained.start(jnp.float32(0.0), still).replace(memory=_counted(still, 100))
    np.testing.assert_allclose(trained.descend(jnp.float32(-1.0), still).params, (1 + np.cos(np.pi / 5)) / 2, rtol=1e-5)


def _counted(optimizer, steps):
    memory = optimizer.transformation().init(jnp.float32(0.0))
    return jax.tree.map(lambda leaf: jnp.asarray(steps, leaf.dtype) if jnp.issubdtype(leaf.dtype, jnp.integer) else leaf, memory)


def test_state_beside_the_parameters_is_the_same_on_every_replica():
    """`remember` averages what is inexact over the replicas; `all_replicas` shows each of them all samples in order."""
    def step(x):
        trained = Trained.start(jnp.float32(0.0), SGD(), {"p": jnp.float32(0.0), "count": jnp.int32(0)})
        trained = trained.remember({"p": x.mean(), "count": jnp.int32(7)})
        return trained.buffers, all_replicas(x)

    buffers, everything = jax.pmap(step, axis_name="replica", out_axes=0)(jnp.arange(8.0).reshape(4, 2))
    np.testing.assert_allclose(buffers["p"], np.full(4, 3.5))
    assert buffers["count"].tolist() == [7] * 4
    np.testing.assert_array_equal(everything, np.tile(np.arange(8.0), (4, 1)))


def test_sample_keys_do_not_depend_on_the_number_of_replicas():
    key = jax.random.key(3)
    alone = jax.random.key_data(sample_keys(key, 8))
    split = jax.pmap(lambda _: jax.random.key_data(sample_keys(key, 2)), axis_name="replica")(jnp.arange(4))
    np.testing.assert_array_equal(split.reshape(8, -1), alone)


def test_a_gradient_in_turns_is_the_gradient():
    """Two samples at once, of six, or the next fewer that divide them: the same step, the same metrics."""
    y = np.random.default_rng(0).normal(size=(6, 8, 8, 1)).astype(np.float32)
    batch, key = Measurement(y, Identity(), truth=y), jax.random.key(0)

    def step(at_once):
        method = Supervised(network=UNet(depth=1, width=4), optimizer=Adam(1e-2), at_once=at_once)
        return jax.jit(method.update)(key, jax.jit(method.init)(key, batch), batch)

    whole, expected = step(None)
    plan = lambda own: Supervised(network=TINY, at_once=own).planned(1, 2).at_once
    assert (plan(3), plan(None)) == (3, 2)
    for state, metrics in (step(2), step(4)):
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
