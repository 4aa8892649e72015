"""Error bars without truth: what they must be in closed form, and how many errors they cover."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tifffile
from helpers import centred_kspace

from unsup_jax.apply import reconstruct_files
from unsup_jax.core import Measurement
from unsup_jax.data import Data, Phantoms
from unsup_jax.errors import InputError
from unsup_jax.experiment import Experiment
from unsup_jax.methods import GaussianFilter, ProximalGradient, WaveletShrinkage
from unsup_jax.modalities import Blurred, Camera, Scanner, Tomograph
from unsup_jax.noise import Gaussian, PoissonGaussian
from unsup_jax.operators import Identity
from unsup_jax.priors import TotalVariation
from unsup_jax.trust import error_bars, stein_risk

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")
KEY = jax.random.key(0)


def bars(F, one, **options):
    return error_bars(KEY, F, one, stein_risk(jax.random.key(1), F, one), **options)


def phantom(size=64):
    return jnp.asarray(Phantoms("nuclei", count=1, shape=(size, size), seed=3).images()[0])


def covered(estimate, truth, found):
    """The part of the errors within the 90 % interval of a normal law; of complex x, of the modulus of a circular one."""
    width = np.sqrt(np.log(10)) if np.iscomplexobj(estimate) else 1.645
    return np.mean(np.abs(np.asarray(estimate) - np.asarray(truth)) < width * found.deviation)


def test_of_the_measurement_itself_they_are_the_noise():
    noise = Gaussian(jnp.float32(7.0))
    one = Measurement(noise.sample(KEY, jnp.full((96, 80, 1), 50.0)), Identity(), noise)
    found = bars(lambda m: m.y, one, redraws=16)
    assert np.sqrt(np.mean(found.deviation**2)) == pytest.approx(7, rel=0.05)
    assert found.alpha + found.beta / 49 == pytest.approx(1, abs=0.1)


def test_of_a_blur_they_have_the_bias_that_no_redraw_shows():
    noise, x = Gaussian(jnp.float32(2.0)), phantom()
    one, blur = Measurement(noise.sample(KEY, x), Identity(), noise), GaussianFilter(2.5)
    F = jax.jit(lambda m: blur.answer(KEY, m))
    found = bars(F, one)
    assert found.alpha > 2
    assert np.sqrt(np.mean(found.deviation**2)) == pytest.approx(np.sqrt(np.mean((np.asarray(F(one)) - np.asarray(x)) ** 2)), rel=0.2)


TOTAL_VARIATION = ProximalGradient(prior=TotalVariation(3e-3, nonnegative=True), steps=40)
TAKEN = {
    "filter": (None, WaveletShrinkage(), 64),
    "blurred": (Blurred(noise=Gaussian(2.0), psf_sigma=1.5), TOTAL_VARIATION, 64),
    "sinogram": (Tomograph(), TOTAL_VARIATION, 64),
    "k-space": (Scanner(), ProximalGradient(prior=TotalVariation(4e-3), steps=60), 96),
}


@pytest.mark.parametrize(
    "modality, method, size", [pytest.param(*case, id=name, marks=[pytest.mark.slow] * ("s" in name)) for name, case in TAKEN.items()])
def test_nine_in_ten_errors_are_within_the_interval(modality, method, size):
    x, camera = phantom(size), PoissonGaussian(jnp.float32(3.0), jnp.float32(2.0), jnp.float32(0.0))
    one = Measurement(camera.sample(KEY, x), Identity(), camera, truth=x) if modality is None else modality.measure(KEY, x)
    shown = one.only(())
    F = jax.jit((lambda m: method.answer(KEY, m)) if modality is None else (lambda m: method.solved(KEY, m)))
    assert 0.85 <= covered(F(shown), one.truth, bars(F, shown)) < 0.97


def test_bars_of_another_image_are_scaled_alike():
    noise, blur = Gaussian(jnp.float32(2.0)), GaussianFilter(2.5)
    first, second = (Measurement(noise.sample(KEY, x), Identity(), noise) for x in (phantom(), phantom()[::-1]))
    F = jax.jit(lambda m: blur.answer(KEY, m))
    one = bars(F, first)
    other = error_bars(KEY, F, second, one)
    assert (other.alpha, other.beta) == (one.alpha, one.beta)
    assert np.mean(other.deviation) == pytest.approx(np.mean(one.deviation), rel=0.1)


def test_what_they_need_is_said():
    one = Measurement(jnp.ones((16, 16, 1)), Identity(), Gaussian(jnp.float32(1.0)))
    risk = stein_risk(KEY, lambda m: m.y, one)
    with pytest.raises(InputError, match="two redraws"):
        error_bars(KEY, lambda m: m.y, one, risk, redraws=1)
    with pytest.raises(InputError, match="noise model"):
        error_bars(KEY, lambda m: m.y, one.replace(noise=None), risk)


def experiment(method, modality=Camera(), **data):
    return Experiment(method, modality, Data(patch=None, **data), with_references=False)


def test_they_are_written_beside_the_estimate_with_its_axes(tmp_path):
    noise, x = Gaussian(jnp.float32(10.0)), phantom()
    y = np.stack([np.asarray(noise.sample(jax.random.key(k), x))[..., 0] for k in range(2)])
    tifffile.imwrite(tmp_path / "y.tif", y, metadata={"axes": "TYX"})
    reconstruct_files(experiment(GaussianFilter(1.0)), tmp_path, tmp_path / "y.tif", tmp_path / "x.tif", error_bars=4)
    made, found = (tifffile.imread(tmp_path / name) for name in ("x.tif", "x_error.tif"))
    assert found.shape == made.shape == y.shape and found.dtype == np.float32
    assert 0.85 < np.mean(np.abs(made - np.asarray(x)[..., 0]) < 1.645 * found) < 0.99


def test_of_an_instrument_they_are_in_the_format_of_its_field(tmp_path):
    k, _ = centred_kspace(coils=2, size=24)
    noisy = k + 2 * np.random.default_rng(0).normal(size=(*k.shape, 2)).view(complex)[..., 0]
    np.save(tmp_path / "y.npy", noisy.astype(np.complex64))
    method = ProximalGradient(prior=TotalVariation(4e-3), steps=5)
    reconstruct_files(experiment(method, Scanner()), tmp_path, tmp_path / "y.npy", tmp_path / "x.npy", error_bars=2)
    made, found = np.load(tmp_path / "x.npy"), np.load(tmp_path / "x_error.npy")
    assert found.shape == made.shape and found.dtype == np.float32 and np.all(found > 0)


def test_what_has_no_error_bars_is_said_before_the_work(tmp_path):
    tifffile.imwrite(tmp_path / "y.tif", np.ones((16, 16), np.float32))
    asked = {"source": tmp_path / "y.tif", "output": tmp_path / "x.tif"}
    for options, words in [({"error_bars": 1}, "--error-bars 1"), ({"error_bars": 4, "draws": 2}, "give one of them"),
                           ({"error_bars": 4, "output": tmp_path / "x.png"}, "float32")]:
        with pytest.raises(InputError, match=words):
            reconstruct_files(experiment(GaussianFilter(1.0)), tmp_path, **asked | options)
    assert not list(tmp_path.glob("x*"))
