"""Filters of images: complex values, constants, photon noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.data
from scipy.ndimage import gaussian_filter

from unsup_jax.apply import reconstruct_files
from unsup_jax.core import Measurement
from unsup_jax.data import Data
from unsup_jax.evaluate import psnr
from unsup_jax.experiment import Experiment, run
from unsup_jax.methods import GaussianFilter, MedianFilter, Noise2Void, NonLocalMeans, RichardsonLucy, WaveletShrinkage, Wiener
from unsup_jax.modalities import Blurred, Camera
from unsup_jax.noise import Gaussian, PoissonGaussian
from unsup_jax.operators import Convolution, Identity, gaussian_psf
from unsup_jax.train import solve

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)


def estimate(method, measurement):
    return method.reconstruct(KEY, solve(method, KEY, measurement)[0], measurement)


def test_filters_of_the_two_parts_of_a_complex_image():
    """Turned in phase, the estimate is turned; and both parts come nearer to the truth."""
    truth = 100 * jnp.exp(1.2j) * jnp.ones((32, 31, 1), jnp.complex64)
    y = Gaussian(5.0).sample(KEY, truth)
    for method in (GaussianFilter(1.0), MedianFilter(3), NonLocalMeans(strength=0.8), WaveletShrinkage(shifts=1)):
        for noise in (None, Gaussian(5.0)):
            found = estimate(method, Measurement(y, Identity(), noise))
            assert found.dtype == y.dtype and abs(complex(found.mean()) - complex(truth[0, 0, 0])) < 0.5, method.label
            assert float(jnp.std(found)) < 0.6 * float(jnp.std(y)), method.label
    linear = estimate(GaussianFilter(1.0), Measurement(1j * y, Identity()))
    np.testing.assert_allclose(linear, 1j * estimate(GaussianFilter(1.0), Measurement(y, Identity())), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("level", [0.0, 100.0, -3.0])
def test_filters_leave_a_constant_plane_as_it_is(level):
    y = jnp.full((24, 19, 2), level)
    for method in (GaussianFilter(1.0), MedianFilter(3), NonLocalMeans(), WaveletShrinkage(shifts=1)):
        np.testing.assert_allclose(estimate(method, Measurement(y, Identity())), y, atol=1e-4)


def test_photon_noise_is_filtered_where_it_is_bright():
    """On a dark background the deviation of the background would leave the bright part as noisy as it was."""
    rows, columns = np.mgrid[:128, :96]
    truth = (2 + 150.0 * np.exp(-((rows - 64) ** 2 + (columns - 48) ** 2) / (2 * 18.0**2))).astype(np.float32)[..., None]
    noise = PoissonGaussian(4.0, 1.0)
    y = noise.sample(KEY, jnp.asarray(truth))
    for method in (NonLocalMeans(), WaveletShrinkage(shifts=1)):
        blind, known = (psnr(np.asarray(estimate(method, Measurement(y, Identity(), model))), truth) for model in (None, noise))
        assert min(blind, known) > psnr(np.asarray(y), truth) + 8 and abs(blind - known) < 1, method.label


def test_noise_that_neighbours_share_is_seen_whole():
    """Of a smoothed camera's noise the highest frequencies have little, and a filter that went by them would do nothing."""
    rows, columns = np.mgrid[:256, :320]
    truth = 100 + 40 * np.sin(rows / 25) * np.cos(columns / 30)
    noise = gaussian_filter(np.random.default_rng(0).normal(size=truth.shape), 0.8)
    y = jnp.asarray((truth + 20 * noise / noise.std())[..., None], jnp.float32)
    assert psnr(np.asarray(estimate(Wiener(), Measurement(y, Identity()))), truth[..., None]) > psnr(np.asarray(y), truth[..., None]) + 2


def test_the_strength_of_non_local_means_is_near_the_best():
    """Chosen from the image alone, within 0.3 dB of the best by the truth, in weak noise and in strong."""
    clean = skimage.data.camera()[120:216, 200:296, None].astype(np.float32)
    for sigma in (8.0, 40.0):
        m = Measurement(Gaussian(sigma).sample(KEY, jnp.asarray(clean)), Identity(), Gaussian(sigma))
        chosen, *each = [psnr(np.asarray(estimate(NonLocalMeans(strength), m)), clean) for strength in (None, 0.4, 0.6, 0.8, 1.0, 1.3)]
        assert chosen > max(each) - 0.3


def test_richardson_lucy_of_nothing_is_nothing():
    H = Convolution(gaussian_psf((5, 5), 1.0))
    found = estimate(RichardsonLucy(steps=3, weight=0.01), Measurement(jnp.zeros((16, 12, 1)), H))
    assert jnp.isfinite(found).all() and float(jnp.abs(found).max()) < 1e-6


def test_a_user_hears_of_noise_that_neighbours_share(tmp_path, capsys):
    """At the start of a run and of a reconstruction, in one line, by the methods that take pixels for independent alone."""
    white = np.random.default_rng(0).normal(size=(160, 144))
    for name, image in (("white", white), ("smooth", gaussian_filter(white, 0.65))):
        np.save(tmp_path / f"{name}.npy", (100 + 20 * image / image.std()).astype(np.float32))
        blurred = Experiment(RichardsonLucy(steps=2, held_out=0.05), Blurred(), Data(path=str(tmp_path / f"{name}.npy"), axes="YX"))
        run(blurred, name, tmp_path / f"{name}_blurred", quiet=True)
        report = (tmp_path / f"{name}_blurred" / "report.html").read_text()
        assert ("taken for independent by RichardsonLucy" in report) == (name == "smooth")
        experiment = Experiment(GaussianFilter(), Camera(), Data(path=str(tmp_path / f"{name}.npy"), axes="YX"), references=(MedianFilter(3),))
        run(experiment, name, tmp_path / name)
        said = [capsys.readouterr().out]
        reconstruct_files(experiment, tmp_path / name, tmp_path / f"{name}.npy", tmp_path / f"{name}.tif", axes="YX")
        said.append(capsys.readouterr().out)
        for words in said:
            lines = [line for line in words.splitlines() if "is correlated" in line]
            assert bool(lines) == (name == "smooth") and all("structN2V" in line and "GaussianFilter" in line and "MedianFilter" not in line for line in lines)
    assert Noise2Void().independent_noise and not Noise2Void(structure=(0, 4)).independent_noise and not GaussianFilter(1.0).independent_noise
    assert not RichardsonLucy().independent_noise
