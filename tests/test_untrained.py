"""Untrained networks: what they can make, when they stop, and that they learn from one measurement alone."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Adam, Measurement, Trained
from unsup_jax.data import Phantoms
from unsup_jax.errors import InputError
from unsup_jax.evaluate import Phase, phase_error, psnr
from unsup_jax.experiment import Result, _unfinished
from unsup_jax.methods import DeepImagePrior, DeepPhaseDecoder, GradientDescent
from unsup_jax.methods.untrained.deep_image_prior import _looked
from unsup_jax.modalities import FourierPtychographicMicroscope, HolographicMicroscope
from unsup_jax.networks import DeepDecoder, FourierFeatures, FreePixels, SkipNet
from unsup_jax.networks.fixed_input import doubled
from unsup_jax.operators import Hologram, Identity, Mask
from unsup_jax.train import solve

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

NETWORKS = {"skip": SkipNet(width=4, depth=2, inputs=3), "decoder": DeepDecoder(depth=2), "coordinates": FourierFeatures(width=8, depth=1, waves=4),
            "pixels": FreePixels()}


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


NUCLEI = Phantoms("nuclei", count=1, shape=(64, 64))


def measured(microscope):
    """A phase object through a lens whose aberrations methods are not told."""
    return jax.jit(microscope.measure)(jax.random.key(7), jnp.asarray(NUCLEI.images()[0]))


@pytest.fixture(scope="module")
def hologram():
    """In line, at four distances."""
    return measured(HolographicMicroscope(absorption=0.0, aberrations=0.5))


def phase_of(method, one):
    """The error of the phase that a method makes, and the trace of its solution."""
    state, trace = solve(method, jax.random.key(0), one.only(()))
    return phase_error(method.reconstruct(jax.random.key(0), state, one), one.truth), trace


@pytest.mark.slow
def test_the_phase_decoder_learns_the_phase_behind_an_unknown_lens(hologram):
    """Its error is below two thirds of that of gradient descent behind the lens as it was told, and below that of the free pixels of a phase."""
    one = hologram
    error, _ = phase_of(DeepPhaseDecoder(steps=600), one)
    assert error < 0.67 * phase_of(GradientDescent(steps=200), one)[0]
    assert error < phase_of(DeepPhaseDecoder(network=FreePixels(), steps=300), one)[0]


def test_the_lens_is_found_beside_the_phase():
    """The coefficients are those of the lens; the phase is nearer to the truth than with the lens as it was told."""
    size, c = 24, jnp.array([0.5, -0.4, 0.4, 0.5, -0.3])
    H = FourierPtychographicMicroscope(coarser=2, leds=5, aperture=0.35).operator(jax.random.key(0), jnp.zeros((size, size, 1)))
    rows, columns = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    x = jnp.asarray(np.exp(1j * np.exp(-((rows - 9) ** 2 + (columns - 13) ** 2) / 18))[..., None], jnp.complex64)
    one = Measurement(jax.jit(lambda H, x, c: H.aberrated(c)(x))(H, x, c), H, truth=x)
    method = DeepPhaseDecoder(network=FreePixels(), steps=300, optimizer=Adam(0.02, decay=False))
    error, trace = phase_of(method, one)
    np.testing.assert_allclose([trace[f"aberration_{j}"][-1] for j in range(4, 9)], c, atol=0.05)
    assert error < 0.5 * phase_of(replace(method, aberrations=0), one)[0]


def test_phase_decoders_know_what_they_fit(hologram):
    one = hologram
    with pytest.raises(InputError, match="phases of complex images; those of Identity are real"):
        DeepPhaseDecoder().check(Measurement(np.ones((16, 16, 1), np.float32), Identity()))
    with pytest.raises(InputError, match="fits 5 aberrations of a lens; Hologram has none"):
        DeepPhaseDecoder().check(one.replace(operator=one.operator.replace(pupil=None)))
    DeepPhaseDecoder(aberrations=0).check(one.replace(operator=one.operator.replace(pupil=None)))
    assert DeepPhaseDecoder().label == "Deep phase decoder" and DeepPhaseDecoder(aberrations=0).label == "Deep phase decoder, lens as told"
    assert DeepPhaseDecoder(network=FreePixels()).label == "Free pixels of a phase"
    method = DeepPhaseDecoder(network=DeepDecoder(depth=2), absorbs=True, steps=2)
    state, _ = solve(method, jax.random.key(0), one.only(()))
    assert np.ptp(np.abs(method.reconstruct(jax.random.key(0), state, one))) > 1e-3


@pytest.mark.parametrize("microscope", [HolographicMicroscope(), FourierPtychographicMicroscope(leds=3, coarser=2)], ids=lambda m: m.name)
def test_methods_are_not_told_the_aberrations(microscope):
    x = jax.random.uniform(jax.random.key(0), (16, 16, 1), maxval=100.0)
    plain, aberrated = (jax.jit(replace(microscope, aberrations=a).measure)(jax.random.key(1), x) for a in (0.0, 0.5))
    jax.tree.map(np.testing.assert_array_equal, plain.operator, aberrated.operator)
    assert jnp.abs(plain.y - plain.operator(plain.truth)).std() < 0.02 < jnp.abs(aberrated.y - plain.operator(plain.truth)).std()


def test_off_axis_a_lens_passes_one_order():
    """The mean intensity is that of the object's light and of the reference, which do not overlap on the average."""
    microscope = HolographicMicroscope(reference=2.0, carrier=(0.4, 0.4), numerical_aperture=0.2, distances_um=(3.0,))
    one = jax.jit(microscope.measure)(jax.random.key(0), jnp.ones((16, 16, 1)))
    assert isinstance(one.operator, Hologram) and abs(jnp.square(one.y).mean() - 5) < 0.1


@pytest.mark.parametrize("settings, words", [
    ({"distances_um": ()}, "needs a distance"), ({"wavelength_um": 0.0}, "positive wavelength_um"), ({"pixel_size_um": 0.6}, "0.5 um at most"),
    ({"numerical_aperture": None, "aberrations": 0.1}, "without a lens"), ({"aberrations": -1.0}, "aberrations and modes of 0 or more"),
])
def test_a_holographic_microscope_that_cannot_be(settings, words):
    with pytest.raises(InputError, match=words):
        HolographicMicroscope(**settings)


def test_phases_are_compared_but_for_a_constant_and_a_tilt():
    rows, columns = np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 15), indexing="ij")
    rng = np.random.default_rng(0)
    truth, noise = np.exp(2j * rows * columns)[..., None], 0.1 * rng.normal(size=(20, 15))
    estimate = 3 * truth[..., 0] * np.exp(1j * (noise + 2.5 + 0.8 * rows - 0.6 * columns))
    assert abs(phase_error(estimate[..., None], truth) - 0.1) < 0.01 and phase_error(2j * truth, truth) < 1e-6
    one = Measurement(truth, Identity(), truth=truth)
    assert Phase().scores([2j * truth], [one], []) == {"phase error (rad)": pytest.approx(0, abs=1e-6)}
    assert Phase().scores([truth], [one.replace(truth=None)], []) == {}
