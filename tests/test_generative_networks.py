"""Generators and critics: shapes, lowerings that agree to second derivatives, conditioning, attention."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.errors import InputError
from unsup_jax.networks import (
    AdaIN, ConvCritic, ConvGenerator, DenseGenerator, FiLM, MultiScaleCritic, PatchCritic, ResidualCritic, ResidualGenerator,
    SelfAttention, Strided,
)

pytestmark = pytest.mark.usefixtures("quick_compilation")
KEY = jax.random.key(0)


@pytest.mark.parametrize("shape", [(9,), (8, 11), (5, 6, 7)])
def test_a_strided_convolution_in_both_lowerings(double, shape):
    """Values, gradients and the gradient of a squared gradient."""
    x = jax.random.normal(KEY, (*shape, 3))
    layer = Strided(4, precision="float64")
    params = jax.jit(layer.init)(jax.random.key(1), x)
    params["params"]["bias"] = jnp.arange(4.0)

    def everything(lowering):
        F = lambda params, x: jnp.tanh(layer.clone(lowering=lowering).apply(params, x))
        slope = lambda params, x: jnp.sum(jax.grad(lambda x: jnp.sum(F(params, x) ** 2))(x) ** 2)
        return F(params, x), jax.grad(slope, (0, 1))(params, x)

    ours, native = jax.jit(lambda: everything("auto"))(), jax.jit(lambda: everything("native"))()
    assert ours[0].shape == (*(-(-n // 2) for n in shape), 4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), ours, native)


def test_a_strided_convolution_is_every_second_of_a_correlation():
    x = jax.random.normal(KEY, (8, 6, 2))
    layer = Strided(1, use_bias=False)
    params = jax.jit(layer.init)(jax.random.key(1), x)
    kernel, padded = np.asarray(params["params"]["kernel"]), np.pad(x, ((1, 1), (1, 1), (0, 0)))
    expected = [[(padded[2 * i: 2 * i + 4, 2 * j: 2 * j + 4, :, None] * kernel).sum((0, 1, 2)) for j in range(3)] for i in range(4)]
    np.testing.assert_allclose(layer.apply(params, x), np.array(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("critic, outputs", [
    (ConvCritic(width=4, depth=2), [()]), (ResidualCritic(width=4, depth=2, attention=True), [()]),
    (PatchCritic(width=4, depth=2), [(4, 5, 1)]), (MultiScaleCritic(PatchCritic(width=4, depth=1)), [(8, 9, 1), (4, 5, 1)]),
], ids=lambda c: type(c).__name__)
def test_critics_take_odd_sizes_and_conditions_in_both_lowerings(critic, outputs):
    x, y = jax.random.normal(KEY, (15, 18, 1)), jax.random.normal(jax.random.key(1), (15, 18, 2))
    params = jax.jit(critic.init)(jax.random.key(2), x, y)
    out = jax.jit(critic.apply)(params, x, y)
    assert [leaf.shape for leaf in jax.tree.leaves(out)] == outputs
    inner = critic.critic if isinstance(critic, MultiScaleCritic) else critic
    native = critic.clone(critic=inner.clone(lowering="native")) if inner is not critic else critic.clone(lowering="native")
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4), jax.jit(native.apply)(params, x, y), out)
    depends = jax.jit(jax.grad(lambda y: sum(jnp.sum(leaf) for leaf in jax.tree.leaves(critic.apply(params, x, y)))))(y)
    assert float(jnp.abs(depends).max()) > 0


def test_a_patch_critic_of_depth_3_sees_70_pixels():
    critic = PatchCritic(width=2)
    x = jax.random.normal(KEY, (160, 160, 1))
    params = jax.jit(critic.init)(KEY, x)
    seen = jax.jit(jax.grad(lambda x: critic.apply(params, x)[10, 10, 0]))(x)[..., 0] != 0
    assert int(seen.any(0).sum()) == 70 and int(seen.any(1).sum()) == 70


@pytest.mark.parametrize("generator", [
    ConvGenerator(width=4), ResidualGenerator(width=4, styled=True, attention=True), DenseGenerator(width=8, channels=2)
], ids=lambda g: type(g).__name__)
def test_generators_draw_any_size(generator):
    z = jax.random.normal(KEY, (6,))
    params = jax.jit(generator.init, static_argnums=2)(KEY, z, (10, 13))
    draw = jax.jit(lambda z: generator.apply(params, z, (10, 13)))
    image = draw(z)
    assert image.shape == (10, 13, generator.channels) and float(jnp.abs(image - draw(-z)).max()) > 1e-3
    if hasattr(generator, "lowering"):
        np.testing.assert_allclose(generator.clone(lowering="native").apply(params, z, (10, 13)), image, rtol=1e-3, atol=1e-4)


def test_modulation_is_what_its_equation_says():
    h, c = 3 + 2 * jax.random.normal(KEY, (5, 6, 4)), jax.random.normal(jax.random.key(1), (3,))
    params = FiLM().init(KEY, h, c)
    gamma, beta = np.split(np.asarray(c @ params["params"]["affine"]["kernel"]), 2)
    np.testing.assert_allclose(FiLM().apply(params, h, c), np.asarray(h) * (1 + gamma) + beta, rtol=1e-5)
    params = AdaIN().init(KEY, h, c)
    styled = AdaIN().apply(params, h, c)
    gamma, beta = np.split(np.asarray(c @ params["params"]["film"]["affine"]["kernel"]), 2)
    np.testing.assert_allclose(styled.mean((0, 1)), beta, atol=1e-5)
    np.testing.assert_allclose(styled.std((0, 1)), np.abs(1 + gamma), rtol=1e-4)
    np.testing.assert_allclose(AdaIN().apply(params, 5 * h + 1, c), styled, atol=1e-4)


def test_attention_starts_as_the_identity_and_commutes_with_permutations():
    h = jax.random.normal(KEY, (4, 5, 8))
    layer, params = SelfAttention(), SelfAttention().init(KEY, h)
    np.testing.assert_array_equal(layer.apply(params, h), h)
    params["params"]["gate"] = jnp.array(0.7)
    order = jax.random.permutation(jax.random.key(1), 20)
    mixed = lambda h: h.reshape(20, 8)[order].reshape(4, 5, 8)
    np.testing.assert_allclose(layer.apply(params, mixed(h)), mixed(layer.apply(params, h)), rtol=1e-4, atol=1e-5)
    assert float(jnp.abs(layer.apply(params, h) - h).max()) > 1e-2


def test_sizes_below_one_are_refused():
    for network in (ConvCritic, ConvGenerator, PatchCritic, ResidualCritic, ResidualGenerator):
        with pytest.raises(InputError, match="1 or more"):
            network(width=0)
