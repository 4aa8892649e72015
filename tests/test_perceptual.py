"""The perceptual loss: its laws, and a VGG from a file against its definition."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import correlate, maximum_filter

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses import Perceptual, SupervisedError
from unsup_jax.losses.perceptual import vgg, vgg_convolutions
from unsup_jax.operators import Identity


@pytest.mark.parametrize("shape", [(9, 14, 1), (6, 7, 5, 2)])
def test_random_features(shape, quick_compilation):
    """Zero at equality alone; a^2 L; another for another seed; its gradient is that of differences."""
    x, e = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    loss = lambda estimate, a=1.0, seed=0: Perceptual(width=3, depth=2, seed=seed)(
        None, lambda one: a * estimate, Measurement(x, Identity(), truth=a * x))[0]
    of = jax.jit(jax.value_and_grad(loss))
    value, gradient = of(x + e)
    assert float(of(x)[0]) == 0 < float(of(x + 0.1 * e)[0]) and jnp.isfinite(of(x)[1]).all()
    np.testing.assert_allclose(of(x + e, 3.0)[0], 9 * value, rtol=1e-4)
    np.testing.assert_allclose(of(x + 1.01 * e)[0] - of(x + 0.99 * e)[0], 0.02 * np.vdot(gradient, e), rtol=2e-2)
    assert abs(jax.jit(partial(loss, seed=1))(x + e) / value - 1) > 1e-3


def test_it_adds_to_other_objectives(quick_compilation):
    one = Measurement(jnp.ones((6, 6, 1)), Identity(), truth=jnp.zeros((6, 6, 1)))
    loss = 0.9 * SupervisedError() + 0.1 * Perceptual(width=2, depth=1)
    total, terms = jax.jit(lambda key: loss(key, lambda one: one.y, one))(jax.random.key(0))
    assert terms["SupervisedError"] == 1 and terms["Perceptual"] > 0
    np.testing.assert_allclose(total, 0.9 + 0.1 * terms["Perceptual"], rtol=1e-6)


@pytest.fixture
def stored(tmp_path):
    """A file of two convolutions, a pooling and two more, and its arrays."""
    rng, sizes = np.random.default_rng(0), {0: (4, 3), 2: (4, 4), 5: (5, 4), 7: (3, 5)}
    arrays = {f"features.{i}.weight": rng.normal(size=(*size, 3, 3)).astype(np.float32) for i, size in sizes.items()}
    arrays |= {f"features.{i}.bias": rng.normal(size=size[0]).astype(np.float32) for i, size in sizes.items()}
    np.savez(tmp_path / "vgg.npz", **arrays, **{"classifier.0.weight": np.zeros((2, 2))})
    return tmp_path / "vgg.npz", arrays


def test_a_vgg_of_a_file(stored):
    """Against SciPy's correlations; an odd side loses its last row where it is pooled."""
    path, arrays = stored
    x = np.random.default_rng(1).normal(size=(7, 6, 1)).astype(np.float32)

    def layer(h, i):
        weight, bias = arrays[f"features.{i}.weight"], arrays[f"features.{i}.bias"]
        of = lambda kernels, b: b + sum(correlate(plane, kernel, mode="constant") for plane, kernel in zip(h, kernels))
        return np.maximum([of(*each) for each in zip(weight, bias)], 0)

    h = layer(layer([x[..., 0]] * 3, 0), 2)[:, :6]
    h = layer(maximum_filter(h, (1, 2, 2), origin=(0, -1, -1))[:, ::2, ::2], 5)
    np.testing.assert_allclose(vgg(vgg_convolutions(str(path), 5), jnp.asarray(x)).transpose(2, 0, 1), h, rtol=1e-4, atol=1e-3)
    one = Measurement(jnp.asarray(x), Identity(), truth=jnp.asarray(x))
    loss = Perceptual(weights=str(path))
    loss.check(one)
    assert float(loss(None, lambda one: one.y + 1, one)[0]) > 0 == float(loss(None, lambda one: one.y, one)[0])
    assert loss.features(x)[0].shape == (3, 3, 3)
    two = jnp.concatenate([one.y, one.y], -1)
    with pytest.raises(InputError, match="one channel or three"):
        loss.check(Measurement(two, Identity(), truth=two))


def test_what_is_refused(stored, tmp_path):
    path, arrays = stored
    one = Measurement(jnp.zeros((8, 8, 1)), Identity())
    (tmp_path / "text.npz").write_text("no")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.savez(tmp_path / "gap.npz", **{name: array for name, array in arrays.items() if ".2." not in name})
    np.savez(tmp_path / "unbiased.npz", **{name: array for name, array in arrays.items() if "bias" not in name})
    np.savez(tmp_path / "normalised.npz", **arrays, **{"features.1.weight": np.ones(4), "features.1.bias": np.ones(4)})
    torchvision = "under torchvision's names"
    for name, message in (("none", "there is no file"), ("text", "not an NPZ"), ("unbiased", "with their biases"), ("other", torchvision),
                          ("gap", torchvision), ("normalised", torchvision)):
        with pytest.raises(InputError, match=message) as refused:
            Perceptual(weights=str(tmp_path / f"{name}.npz")).check(one)
        assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match="layer 4 is no convolution of it; there are 0, 2, 5, 7"):
        Perceptual(weights=str(path), layer=4).check(one)
    with pytest.raises(InputError, match="not complex"):
        Perceptual().check(Measurement(jnp.zeros((8, 8, 1), complex), Identity()))
    with pytest.raises(InputError, match="width and depth"):
        Perceptual(depth=0)
    with pytest.raises(InputError, match="names no file"):
        Perceptual(layer=3)
