"""Untrained networks: what they can make, when they stop, and that they learn from one measurement alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Adam, Measurement, Trained
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.experiment import Result, _unfinished
from unsup_jax.methods import DeepImagePrior
from unsup_jax.methods.untrained.deep_image_prior import _looked
from unsup_jax.networks import DeepDecoder, FourierFeatures, SkipNet
from unsup_jax.networks.fixed_input import doubled
from unsup_jax.operators import Identity, Mask
from unsup_jax.train import solve

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

NETWORKS = {"skip": SkipNet(width=4, depth=2, inputs=3), "decoder": DeepDecoder(depth=2), "coordinates": FourierFeatures(width=8, depth=1, waves=4)}


@pytest.mark.parametrize("shape", [(17, 12), (6, 7, 5)])
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_an_image_of_any_shape_from_what_is_drawn_once(network, shape):
    network = network.clone(channels=3)

    def image(key):
        z = network.code(key, shape)
        return network.apply(network.init(key, z, shape), z, shape)

    assert jax.eval_shape(image, jax.random.key(0)).shape == (*shape, 3)


@pytest.mark.parametrize("shape, part, channels", [((64, 64), 0.5, 1), ((33, 20), 0.3, 2), ((16, 16, 16), 0.1, 1)])
def test_the_deep_decoder_has_the_parameters_it_is_given(shape, part, channels):
    """The most of a whole width that are no more than `part` of the values of the image."""
    network = DeepDecoder(part=part, channels=channels, depth=3)
    count = lambda network: sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(
        lambda: network.init(jax.random.key(0), network.code(jax.random.key(0), shape), shape))))
    allowed = part * np.prod(shape) * channels
    assert count(network) <= allowed < count(network.clone(width=network.features(shape) + 1))


def test_up_sampling_keeps_a_ramp():
    """Linear between pixels: a ramp stays one, but for the border."""
    ramp = jnp.arange(8.0)[:, None, None] * jnp.ones((8, 8, 1))
    np.testing.assert_allclose(doubled(ramp)[1:-1, 3, 0], jnp.arange(1, 15) / 2 - 0.25, atol=1e-5)


def test_fourier_features_are_waves_of_the_bandwidth():
    """E cos(2 pi B.(v - u)) = exp(-2 pi^2 s^2 |v - u|^2): the kernel of B ~ N(0, s^2)."""
    network, n = FourierFeatures(waves=40000, bandwidth=0.5), 9
    z = np.asarray(network.code(jax.random.key(0), (n,)))
    v = (2 * np.arange(n) + 1) / n - 1
    kernel = np.exp(-2 * np.pi**2 * 0.25 * (v[:, None] - v[None]) ** 2)
    np.testing.assert_allclose(z @ z.T / 40000, kernel, atol=0.03)


def test_a_fit_that_falls_by_5_dB_goes_back():
    here, kept = Trained.start({"a": jnp.ones(2)}, Adam()), {"a": jnp.zeros(2)}
    trained, after, misfit = _looked(jnp.float32(4.0), here, kept, jnp.float32(1.0))
    assert trained.params["a"][0] == after["a"][0] == 0 and misfit == 1
    trained, after, misfit = _looked(jnp.float32(3.0), here, kept, jnp.float32(1.0))
    assert trained.params["a"][0] == after["a"][0] == 1 and misfit == 3


def test_what_would_fit_the_noise_is_refused():
    one = Measurement(np.ones((16, 16, 1), np.float32), Identity())
    with pytest.raises(InputError, match="parameters for 256 numbers"):
        DeepImagePrior(validation=None).check(one)
    DeepImagePrior(network=DeepDecoder(depth=2), validation=None).check(one)
    with pytest.raises(InputError, match="average in"):
        DeepImagePrior(average=1.0)


def test_missing_pixels_are_never_fitted():
    """What is not measured may hold anything: the answer does not change, whatever stands there."""
    method = DeepImagePrior(network=NETWORKS["skip"], steps=5)
    y = jax.random.normal(jax.random.key(0), (12, 12, 1))
    mask = jnp.ones((12, 12, 1)).at[3:6].set(0)
    answers = []
    for fill in (0.0, 1e3):
        one = Measurement(jnp.where(mask > 0, y, fill), Mask(mask))
        state, _ = solve(method, jax.random.key(1), one)
        answers.append(method.reconstruct(jax.random.key(1), state, one))
    np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-5)


def test_a_solution_that_was_not_over_says_so():
    def result(*losses):
        history = [{"step": step, "validation_loss": loss} for step, loss in losses]
        return Result("mine", {"held-out loss": min(loss for _, loss in losses)}, [], history, None)

    (line,) = _unfinished([result((10, 0.5), (20, 0.4))])
    assert line.startswith("mine") and "after 20 steps" in line
    assert _unfinished([result((10, 0.4), (20, 0.5)), Result("other", {}, [], [{"step": 1}], None)]) == []


def test_complex_images_and_sums_of_them():
    """A complex image is two channels of a network."""
    method = DeepImagePrior(network=NETWORKS["coordinates"], steps=3)
    y = jax.random.normal(jax.random.key(0), (8, 8, 1), jnp.complex64)
    state, _ = solve(method, jax.random.key(1), Measurement(y, Identity()))
    x = method.reconstruct(jax.random.key(1), state, Measurement(y, Identity()))
    assert x.dtype == jnp.complex64 and jnp.abs(x.imag).max() > 0


@pytest.fixture(scope="module")
def spots():
    """Soft spots, sigma 0.3 of their height."""
    rows, columns = np.meshgrid(np.arange(32.0), np.arange(32.0), indexing="ij")
    places = ((8, 9), (20, 23), (24, 6))
    x = sum(np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 18) for r, c in places)[..., None].astype(np.float32)
    y = x + 0.3 * np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    return Measurement(y, Identity(), truth=x)


@pytest.mark.parametrize("method", [
    DeepImagePrior(network=SkipNet(width=12, depth=3, inputs=8, jitter=0.1), optimizer=Adam(3e-3, decay=False), steps=200),
    DeepImagePrior(network=DeepDecoder(depth=3, part=0.3), validation=None, steps=300),
    DeepImagePrior(network=FourierFeatures(width=32, depth=2, waves=32, bandwidth=1.0), optimizer=Adam(2e-3, decay=False), steps=200),
], ids=lambda method: method.label)
def test_learns(method, spots):
    """From y alone it is 4 dB above y; what it keeps where samples were held out is not the last, which fits more of y."""
    state, trace = solve(method, jax.random.key(0), spots)
    answer = method.reconstruct(jax.random.key(0), state, spots)
    gain = psnr(np.asarray(answer), spots.truth) - psnr(spots.y, spots.truth)
    assert gain > 4
    if method.validation is not None:
        assert trace["held_out"].min() < trace["held_out"][-1] and trace["loss"][-1] < trace["loss"][20]
