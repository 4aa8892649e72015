"""A file of noisy images: what its noise is, which method is taken, and what is written."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

import unsup_jax
from unsup_jax.choose import denoise
from unsup_jax.choose.denoise import choose, denoise_files
from unsup_jax.choose.look import Noise
from unsup_jax.core import Adam, Measurement
from unsup_jax.data import Phantoms
from unsup_jax.errors import InputError
from unsup_jax.methods import GaussianFilter, Noise2Void, Stabilized, Stacked
from unsup_jax.methods.stabilized import _white
from unsup_jax.methods.stacked import best_weight
from unsup_jax.networks import DnCNN, UNet
from unsup_jax.noise import PoissonGaussian, anscombe_inverse
from unsup_jax.operators import Identity

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")

KEY = jax.random.key(0)
SHARED = Noise(PoissonGaussian(), np.array([0.6, 0.6]))


def micrograph(gain=4.0, sigma=2.0, size=128):
    """Nuclei in camera noise, and without."""
    x = np.asarray(Phantoms("nuclei", count=1, shape=(size, size), seed=3).images()[0]) + 20
    return np.asarray(PoissonGaussian(jnp.float32(gain), jnp.float32(sigma), jnp.float32(0)).sample(KEY, jnp.asarray(x))), x


def error(estimate, truth):
    return float(np.sqrt(np.mean((np.asarray(estimate, np.float64) - truth) ** 2)))


def test_the_choice_and_its_estimated_error_are_those_of_the_truth():
    y, x = micrograph()
    choice = choose([y], minutes=0)
    found = {c.label: np.sqrt(c.risk) for c in choice.candidates}
    one = Measurement(jnp.asarray(y), Identity())
    true = {c.label: error(c.method.answer(KEY, one), x) for c in choice.candidates}
    assert min(true, key=true.get) == choice.candidates[0].label
    assert all(abs(found[name] - true[name]) < 0.35 * true[name] for name in true)
    assert error(choice.fitted.reconstruct([y])[0], x) < 0.5 * error(y, x)


def test_where_neighbours_share_noise_it_blurs_and_says_so(monkeypatch):
    few = [c for c in denoise.filters(SHARED) if c.label == "BM3D" or getattr(c, "sigma", None) in (1.0, 2.0)]
    monkeypatch.setattr(denoise, "filters", lambda noise: few if noise.shared else [])
    _, x = micrograph(size=192)
    w = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=x.shape), (0.7, 0.7, 0))
    y = (x + 8 * w / w.std()).astype(np.float32)
    choice = choose([y], minutes=0)
    assert choice.noise.shared and "share it" in choice.words[0]
    bm3d = next(c for c in choice.candidates if c.label == "BM3D")
    estimate = choice.fitted.reconstruct([y])[0]
    assert error(estimate, x) < 0.8 * error(bm3d.method.answer(KEY, Measurement(jnp.asarray(y), Identity())), x)


def test_an_image_without_noise_is_refused():
    with pytest.raises(InputError, match="no noise is seen"):
        choose([np.full((64, 64, 1), 7, np.float32)], minutes=0)


def test_a_file_comes_with_its_error_bars(tmp_path, capsys):
    y, x = micrograph()
    stack = np.clip(np.stack([y[..., 0], y[::-1, :, 0]]), 0, 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "my.tif", stack, metadata={"axes": "TYX"})
    choice = denoise_files(tmp_path / "my.tif", tmp_path / "out.tif", minutes=0, redraws=4, explain=True)
    said, made, bars = capsys.readouterr().out, tifffile.imread(tmp_path / "out.tif"), tifffile.imread(tmp_path / "out_error.tif")
    assert made.shape == bars.shape == stack.shape and made.dtype == stack.dtype and bars.dtype == np.float32
    truth = np.stack([x[..., 0], x[::-1, :, 0]])
    assert 0.85 < np.mean(np.abs(made - truth) < 1.645 * bars) < 0.99
    assert error(made, truth) < 0.5 * error(stack, truth)
    assert "the residual" in (tmp_path / "out_report.html").read_text()
    assert f"taken: {choice.candidates[0].label}" in said and "the input as it is" in said


def test_a_folder_of_colours_goes_into_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(denoise, "filters", lambda noise: [GaussianFilter()])
    y = np.clip(np.concatenate([micrograph(size=64)[0]] * 3, -1), 0, 255).astype(np.uint8)
    (tmp_path / "raw").mkdir()
    for k in range(2):
        Image.fromarray(np.roll(y, k, 0)).save(tmp_path / "raw" / f"{k}.png")
    denoise_files(tmp_path / "raw", tmp_path / "out", minutes=0, redraws=0)
    assert [np.asarray(Image.open(tmp_path / "out" / f"{k}.png")).shape for k in range(2)] == [y.shape] * 2


def test_what_cannot_be_written_or_done_is_said_before_anything_is_computed(tmp_path):
    tifffile.imwrite(tmp_path / "my.tif", micrograph()[0][..., 0])
    for arguments, words in [({"minutes": -1}, "--minutes"), ({"redraws": 1}, "--redraws")]:
        with pytest.raises(InputError, match=words):
            denoise_files(tmp_path / "my.tif", tmp_path / "out.tif", **arguments)
    with pytest.raises(InputError):
        denoise_files(tmp_path / "my.tif", tmp_path / "my.tif", minutes=0)
    with pytest.raises(InputError):
        denoise_files(tmp_path / "my.tif", tmp_path / "out.xyz", minutes=0)


def test_the_stacked_weight_is_that_of_least_squares():
    a, b, y = np.random.default_rng(0).normal(size=(3, 500))
    data = 0.3 * a + 0.7 * b + 0.1 * y
    weights = np.linspace(0, 1, 1001)
    least = weights[np.argmin([np.sum((w * a + (1 - w) * b - data) ** 2) for w in weights])]
    assert best_weight(a, b, data) == pytest.approx(least, abs=1e-3)
    assert best_weight(a, b, data, kept=10 * (a - b) ** 2) == 0                   # a keeps that much more of the noise
    assert best_weight(a, b, 3 * a) == 1 and best_weight(a, a, data) == 0.5


def test_stabilized_shows_its_denoiser_white_noise_and_comes_back_unbiased():
    class Same(Noise2Void):
        def reconstruct(self, key, state, measurement):
            return measurement.y

    camera = PoissonGaussian(jnp.float32(3.0), jnp.float32(5.0), jnp.float32(10.0))
    x = jnp.linspace(30, 300, 64)[:, None, None] * jnp.ones((64, 512, 1))
    one = Measurement(camera.sample(KEY, x), Identity(), camera)
    method = Stabilized(Same(network=DnCNN(depth=2, width=4)))
    state = method.init(KEY, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], one))
    z = _white(state.cameras, one)
    np.testing.assert_allclose(np.asarray(z.y).std(1), 1, atol=0.12)
    assert z.noise.sigma == 1
    mean = np.asarray(jnp.mean(z.y, 1, keepdims=True) * jnp.ones_like(z.y))       # what a perfect denoiser makes of z
    back = method.reconstruct(KEY, state, one.replace(y=one.y))
    assert back.shape == x.shape
    unbiased = anscombe_inverse(jnp.asarray(mean), 3.0, 5.0) + 10.0
    np.testing.assert_allclose(np.asarray(unbiased)[:, 0, 0], np.asarray(x)[:, 0, 0], rtol=0.03)


def test_stabilized_learns_where_noise_grows_with_the_signal():
    y, x = micrograph(gain=6.0)
    network = UNet(depth=1, width=8)
    fitted = unsup_jax.fit(Stabilized(Noise2Void(network=network, fraction=0.0625, kappa="mean", radius=1, optimizer=Adam(3e-3))), y, steps=150,
                           batch=8, patch=32, use="latest", axes="YXC")
    assert error(fitted.reconstruct(y, axes="YXC"), x) < 0.6 * error(y, x)
    both = fitted.method
    assert both.label == "Noise2Void + VST" and Stacked(both).label == "Noise2Void + VST & BM3D"


@pytest.mark.slow
def test_a_network_is_stacked_with_the_best_filter():
    y, x = micrograph(size=256)
    choice = choose([y], minutes=4)
    filters = [error(c.method.answer(KEY, Measurement(jnp.asarray(y), Identity())), x) for c in choice.candidates if not isinstance(c.method, Stacked)]
    assert not choice.left_out and error(choice.fitted.reconstruct([y])[0], x) < 1.03 * min(filters)
