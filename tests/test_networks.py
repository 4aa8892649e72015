"""Networks: the convolution against XLA's own, reach, alignment, any size, any rank, export."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.networks import DnCNN, PartialConv, UNet, UpConv, convolution, winograd
from unsup_jax.networks.convolution import Conv, _by_taps, _native_gradient, convolve, fold, interleave, native, repeat, same_padding

pytestmark = pytest.mark.usefixtures("quick_compilation")

TRANSFORMS = {
    "value": lambda h: h,
    "gradient": lambda h: jax.grad(h, (0, 1)),
    "jitted": lambda h: jax.jit(jax.grad(h, (0, 1))),
    "second order": lambda h: jax.grad(lambda x, k: jnp.sum(jnp.cos(jax.grad(h, 1)(x, k)))),
    "forward mode": lambda h: lambda x, k: jax.jvp(h, (x, k), (x * 2, k * 3)),
    "gradient a sample": lambda h: lambda x, k: jax.vmap(jax.grad(h, 1), (0, None))(x[:, None], k),
    "several kernels": lambda h: lambda x, k: jax.vmap(jax.grad(h, (0, 1)), (None, 0))(x, jnp.stack([k, 2 * k])),
    "both batched": lambda h: lambda x, k: jax.vmap(h, (0, 0))(x[:2, None], jnp.stack([k, 2 * k])),
}


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_convolve_is_native_convolution_under_every_transform(rank, transform, double, monkeypatch):
    monkeypatch.setattr(convolution, "_WORTH_FILTERING", 0)
    monkeypatch.setattr(convolution, "_MANY_CHANNELS", 0)
    size = (3, 2, 3)[:rank]
    x = jax.random.normal(jax.random.key(0), (3, 2, *(8, 7, 6)[:rank], 5), jnp.float64)
    kernel = jax.random.normal(jax.random.key(1), (*size, 5, 4), jnp.float64)

    def scalar(correlate):
        return lambda x, k: jnp.sum(jnp.sin(jax.vmap(lambda one: correlate(one, k, padding=same_padding(size)))(x)))

    ours, theirs = transform(scalar(convolve))(x, kernel), transform(scalar(native))(x, kernel)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9), ours, theirs)


@pytest.mark.parametrize("taps", range(1, 8))
def test_minimal_filtering_is_correlation(taps):
    """Both transposes of the polynomial product, by the definition of a correlation."""
    of_x, of_g, of_h = winograd.algorithm(taps)
    a, m = of_g.shape
    x, g, h = (np.random.default_rng(i).normal(size=n) for i, n in enumerate((a, m, taps)))
    assert a == m + taps - 1
    np.testing.assert_allclose(of_h.T @ ((of_g @ g) * (of_x @ x)), np.correlate(x, g), atol=1e-12)
    np.testing.assert_allclose(of_g.T @ ((of_h @ h) * (of_x @ x)), np.correlate(x, h), atol=1e-12)


@pytest.mark.parametrize("shape, size", [((96, 101), (3, 3)), ((40, 41), (5, 2)), ((33,), (7,)), ((12, 13, 14), (3, 3, 3))])
def test_the_weight_gradient_by_minimal_filtering(shape, size, double, monkeypatch):
    """In strips of an image too, which do not divide it."""
    monkeypatch.setattr(winograd, "_STRIP", 8192)
    x = jax.random.normal(jax.random.key(0), (2, *shape, 3))
    cotangent = jax.random.normal(jax.random.key(1), (2, *shape, 4))
    settings = {"kernel_size": size, "padding": same_padding(size)}
    ours = jax.jit(partial(winograd.kernel_gradient, **settings))
    truth = _native_gradient(x, cotangent, **settings)
    np.testing.assert_allclose(ours(x, cotangent), truth, atol=1e-10 * np.abs(truth).max())
    single = ours(x.astype(np.float32), cotangent.astype(np.float32))
    np.testing.assert_allclose(single, truth, atol=3e-5 * np.abs(truth).max())


@pytest.mark.parametrize("width", [1, 5, 32, 33])
@pytest.mark.parametrize("taps", [2, 3])
def test_a_correlation_filtered_along_its_last_axis(taps, width):
    """In float32, the channels summed, at the edges of tiles and in images smaller than one."""
    x = jax.random.normal(jax.random.key(0), (2, 6, width, 64))
    kernel = jax.random.normal(jax.random.key(1), (3, taps, 64, 16))
    settings = {"padding": same_padding((3, taps))}
    ours, theirs = jax.jit(lambda x, k: (winograd.filtered(x, k, correlate=native, **settings), native(x, k, **settings)))(x, kernel)
    np.testing.assert_allclose(ours, theirs, atol=5e-6 * float(jnp.abs(theirs).max()))


@pytest.mark.parametrize("size, padding, features", [
    ((3, 3), ((1, 1), (1, 1)), 2), ((2, 4), ((0, 1), (3, 0)), 2), ((5,), ((2, 1),), 2), ((2, 4), ((0, 1), (3, 0)), 9),
])
def test_the_weight_gradient_by_taps_is_the_transpose(size, padding, features, double):
    """Of few features by exchanging image and cotangent."""
    x = jax.random.normal(jax.random.key(0), (2, *(9, 8)[: len(size)], 5))
    kernel = jax.random.normal(jax.random.key(1), (*size, 5, features))
    y, transpose = jax.vjp(lambda k: native(x, k, padding=padding), kernel)
    cotangent = jax.random.normal(jax.random.key(2), y.shape)
    ours = jax.jit(partial(_by_taps, kernel_size=size, padding=padding))(x, cotangent)
    np.testing.assert_allclose(ours, transpose(cotangent)[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_fold_and_interleave(rank):
    x = jax.random.normal(jax.random.key(0), (*(4, 6, 8)[:rank], 3))
    phases = jnp.moveaxis(fold(x).reshape(*(n // 2 for n in x.shape[:-1]), 2**rank, 3), -2, 0)
    np.testing.assert_array_equal(interleave(phases), x)


@pytest.mark.parametrize("shape", [(8, 6), (4, 6, 8)])
def test_up_convolution_is_repeat_concatenate_convolve(shape):
    skip = jax.random.normal(jax.random.key(0), (*shape, 3))
    coarse = jax.random.normal(jax.random.key(1), (*(n // 2 for n in shape), 5))
    layer = UpConv(4)
    params = jax.jit(layer.init)(jax.random.key(2), coarse, skip)
    plain = Conv(4).apply(params, jnp.concatenate([repeat(coarse), skip], -1))
    np.testing.assert_allclose(layer.apply(params, coarse, skip), plain, rtol=1e-4, atol=1e-5)


NETWORKS = {"UNet": UNet(depth=2, width=4), "UNet, no first skip": UNet(width=4, skip_first=False), "DnCNN": DnCNN(depth=4, width=4)}
networks = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


@networks
@pytest.mark.parametrize("shape", [(30, 21, 2), (9, 12, 10, 1)])
def test_any_size_and_rank(network, shape):
    x = jax.random.normal(jax.random.key(0), shape)
    params = jax.jit(network.init)(jax.random.key(1), x)
    fast = jax.jit(network.apply)(params, x)
    assert fast.shape == shape and fast.dtype == jnp.float32
    np.testing.assert_allclose(fast, jax.jit(network.clone(lowering="native").apply)(params, x), rtol=1e-4, atol=1e-5)


@networks
def test_radius_and_alignment(network):
    """Pixels beyond the radius have no influence, and shifts by the alignment commute."""
    n = 2 * network.radius + 4 * network.alignment
    x = jax.random.normal(jax.random.key(0), (n, n, 1))
    params = jax.jit(network.init)(jax.random.key(1), x)
    for place in range(n // 2, n // 2 + network.alignment):
        influence = jax.grad(lambda x: jax.jit(network.apply)(params, x)[place, place, 0])(x)[..., 0]
        rows = np.flatnonzero(np.abs(influence).sum(1))
        assert place - network.radius <= rows.min() and rows.max() <= place + network.radius
    step, r = network.alignment, network.radius
    shifted = jax.jit(network.apply)(params, jnp.roll(x, step, (0, 1)))
    inner = slice(r + step, n - r)
    np.testing.assert_allclose(
        shifted[inner, inner], jnp.roll(jax.jit(network.apply)(params, x), step, (0, 1))[inner, inner], atol=1e-5
    )


def test_parameter_count():
    """The U-Net of the Noise2Void recipe, 332,641 parameters, and its two strided convolutions."""
    params = jax.eval_shape(UNet(depth=2, width=32).init, jax.random.key(0), jnp.zeros((16, 16, 1)))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 332_641 + (4 * 32 * 32 + 32) + (4 * 64 * 64 + 64)


def test_half_precision_stays_close():
    x = jax.random.normal(jax.random.key(0), (16, 16, 1))
    params = jax.jit(UNet(width=8).init)(jax.random.key(1), x)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(params))
    half, full = (jax.jit(UNet(width=8, precision=p).apply)(params, x) for p in ("bfloat16", "float32"))
    assert half.dtype == jnp.float32 and float(jnp.abs(half - full).max()) < 0.1 * float(jnp.abs(full).max())


def test_export_at_dynamic_sizes():
    network = UNet(depth=2, width=4, lowering="native")
    params = jax.jit(network.init)(jax.random.key(0), jnp.zeros((16, 16, 1)))
    h, w = jax.export.symbolic_shape("4*h, 4*w")
    apply = jax.jit(lambda x: network.apply(params, x))
    exported = jax.export.export(apply, platforms=("cpu", "cuda", "tpu"))(jax.ShapeDtypeStruct((h, w, 1), jnp.float32))
    x = jax.random.normal(jax.random.key(1), (24, 32, 1))
    again = jax.export.deserialize(exported.serialize())
    np.testing.assert_allclose(again.call(x), apply(x), rtol=1e-5, atol=1e-6)


def test_partial_convolution_is_convolution_where_nothing_is_missing():
    x = jax.random.normal(jax.random.key(0), (12, 10, 3))
    layer, mask = PartialConv(4), jnp.ones((12, 10, 1))
    params = jax.jit(layer.init)(jax.random.key(1), x, mask)
    full, there = layer.apply(params, x, mask)
    kernel = params["params"]["Conv_0"]["kernel"]
    np.testing.assert_allclose(full[1:-1, 1:-1], convolve(x[None], kernel, padding=((0, 0), (0, 0)))[0], atol=1e-5)
    assert bool(there.all())
    hole = mask.at[3:8, 2:7].set(0)
    out, there = layer.apply(params, x, hole)
    np.testing.assert_array_equal(out, layer.apply(params, jnp.where(hole > 0, x, jnp.nan_to_num(jnp.inf)), hole)[0])
    np.testing.assert_array_equal(there[..., 0] == 0, np.pad(np.ones((3, 3), bool), ((4, 5), (3, 4))))
