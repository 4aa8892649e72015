"""Grey levels that float32 would lose are kept by what is taken from all of them, in files and in arrays; others are left as they are."""

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import made_of

import unsup_jax
import unsup_jax.files
from unsup_jax.apply import reconstruct_files
from unsup_jax.data import Data
from unsup_jax.experiment import Experiment, run
from unsup_jax.files import grey_offset, open_image, stored
from unsup_jax.methods import GaussianFilter, Noise2Void
from unsup_jax.modalities import Blurred, Camera
from unsup_jax.networks import DnCNN
from unsup_jax.noise import Gaussian, Poisson
from unsup_jax.train import Train

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

Y = np.random.default_rng(0).normal(0, 1, (3, 37, 40)) + 3 * np.sin(np.arange(40) / 5)
TRUTH = np.broadcast_to(3 * np.sin(np.arange(40) / 5), Y.shape)
HIGH = 1e8
SMALL = Noise2Void(network=DnCNN(depth=2, width=4))


def test_a_trained_run_of_high_grey_levels_is_that_of_low_ones(tmp_path):
    made, scored = {}, {}
    for name, level in (("low", 0.0), ("high", HIGH)):
        source, truth, place = (tmp_path / f"{kind}_{name}" for kind in ("y", "x", "run"))
        np.save(source.with_suffix(".npy"), Y + level)
        np.save(truth.with_suffix(".npy"), TRUTH + level)
        source, data = source.with_suffix(".npy"), {"axes": "IYX", "patch": 16}
        experiment = Experiment(
            SMALL, Camera(), Data(path=str(source), truth=str(truth.with_suffix(".npy")), **data), Train(steps=4, batch=4, validation_batches=1))
        (result,) = run(experiment, name, place, quiet=True)
        scored[name] = result.row["psnr"]
        output = tmp_path / f"out_{name}.npy"
        reconstruct_files(experiment, place, source, output, axes="IYX", tile=20)
        made[name] = np.load(output)
    assert made["high"].dtype == np.float64 and np.abs(made["low"] - Y).max() > 0.1
    np.testing.assert_allclose(made["high"] - HIGH, made["low"], atol=1e-3)
    assert abs(scored["high"] - scored["low"]) < 1e-3
    assert f"{HIGH:g} was taken" in (tmp_path / "run_high" / "report.html").read_text()
    assert "was taken" not in (tmp_path / "run_low" / "report.html").read_text()


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.uint32])
def test_a_filter_of_high_grey_levels(tmp_path, dtype):
    y = (Y * (1 if dtype == np.float64 else 100)).astype(dtype if dtype == np.float64 else np.int64)
    level = HIGH if dtype == np.float64 else 2_000_000_000
    np.save(tmp_path / "low.npy", y.astype(np.float64))
    np.save(tmp_path / "high.npy", (y + level).astype(dtype))
    low, high = (made_of(GaussianFilter(1.5), Camera(), tmp_path / f"{name}.npy", tmp_path / f"{name}_out.npy", axes="IYX")
                 for name in ("low", "high"))
    assert high.dtype == dtype
    np.testing.assert_allclose(high.astype(np.float64) - level, low, atol=1e-3 if dtype == np.float64 else 0.501)


def test_files_on_the_disk_their_pairs_and_truths_lose_one_number(tmp_path, monkeypatch):
    for name, array in (("y", Y), ("z", Y[::-1]), ("x", TRUTH)):
        np.save(tmp_path / f"{name}.npy", array + HIGH)
    data = Data(**{name: str(tmp_path / f"{file}.npy") for name, file in (("path", "y"), ("pair", "z"), ("truth", "x"))}, axes="IYX")
    in_memory, _ = data.measure(Camera(), 0)
    monkeypatch.setattr(unsup_jax.files, "IN_MEMORY", 100)
    for measured in (in_memory, data.measure(Camera(), 0)[0]):
        assert {one.offset for one in measured} == {float(np.median((Y + HIGH).min((1, 2))))}
        for k, one in enumerate(measured):
            for part, wanted in ((one.y, Y[k]), (one.pair, Y[2 - k]), (one.truth, TRUTH[k])):
                assert part.dtype == np.float32
                np.testing.assert_allclose(np.asarray(part)[..., 0].astype(np.float64) + one.offset, wanted + HIGH, atol=1e-5, rtol=0)
    assert data.measure(Blurred(psf_sigma=1.0), 0)[0][0].offset == 0      # H(x + c) is not H(x) + c at the borders


def test_arrays(tmp_path):
    low, high = (unsup_jax.fit(SMALL, Y + level, axes="NYX", patch=16, steps=4, batch=4, validation_batches=1) for level in (0, HIGH))
    high.save(tmp_path / "run")
    wanted = low.reconstruct(Y)
    assert wanted.dtype == np.float32
    for fitted in (high, unsup_jax.load(tmp_path / "run")):
        made = fitted.reconstruct(Y + HIGH)
        assert made.dtype == np.float64
        np.testing.assert_allclose(made - HIGH, wanted, atol=1e-3)


def test_ordinary_images_lose_nothing(tmp_path):
    rng = np.random.default_rng(1)
    images = [
        rng.poisson(4000, (40, 30)).astype(np.uint16), rng.poisson(10**6, (40, 30)).astype(np.uint32), rng.normal(100, 1, (40, 30)),
        np.zeros((40, 30)), np.full((40, 30), 1 / 3), np.pad(np.ones((300, 300)), 1), rng.normal(0, 1e-9, (40, 30)),
    ]
    for image in images:
        assert grey_offset([image]) == 0
    np.save(tmp_path / "y.npy", np.stack(images[2:5]))
    picture = open_image(tmp_path / "y.npy", "IYX")
    assert Camera().offset([picture], 2) == 0
    np.testing.assert_array_equal(np.stack(stored(picture, 2))[..., 0], np.stack(images[2:5]).astype(np.float32))
    assert grey_offset([rng.normal(0, 1, (40, 30)) + HIGH, np.full((40, 30), np.nan), np.zeros((40, 30))]) > HIGH - 10


def test_noise_models_are_of_what_is_left():
    clean = jnp.linspace(1000.0, 1100.0, 5)
    for model in (Poisson(2.0, 100.0), Gaussian(3.0)):
        np.testing.assert_allclose(model.shifted(900.0).variance(clean - 900), model.variance(clean), rtol=1e-6)
