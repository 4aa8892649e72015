"""Molecules: drawn, found, matched with true ones, and learnt by Deep-STORM."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import experiments
from unsup_jax.core import Adam, Measurement
from unsup_jax.data import Phantoms
from unsup_jax.errors import InputError
from unsup_jax.evaluate import Localization, match, match_tables
from unsup_jax.experiment import run
from unsup_jax.files import thunderstorm
from unsup_jax.inference import estimator
from unsup_jax.methods import DeepStorm, PeakFinding
from unsup_jax.modalities import LocalizationMicroscope
from unsup_jax.modalities.localization import molecules
from unsup_jax.networks import UNet
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Emitters, Identity
from unsup_jax.runs import load_trained

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types


def test_pairs_are_as_many_as_can_be_and_as_near():
    true = np.array([[0.0, 0.0], [0.0, 3.0], [9.0, 9.0]])
    found = np.array([[0.0, 2.0], [0.0, 5.0], [5.0, 0.0]])
    matched = match(found, true, 2.5)                       # the nearest neighbour of both true ones is the first: one pair less
    assert matched == (2, 3, 3, pytest.approx(2.0**2 + 2.0**2)) and matched.jaccard == 2 / 4 and matched.rmse == pytest.approx(2.0)
    assert match(true, true, 1.0).jaccard == 1 and match(true[:0], true, 1.0) == (0, 0, 3, 0.0) and match(true[:0], true[:0], 1.0).jaccard == 1


def test_tables_are_matched_frame_by_frame(tmp_path):
    place = np.array([[100.0, 200.0], [300.0, 50.0], [300.0, 50.0]])
    thunderstorm.write(tmp_path / "true.csv", np.array([0, 0, 1]), place, np.ones(3))
    thunderstorm.write(tmp_path / "found.csv", np.array([0, 1, 2]), place + [[3.0, 4.0]], np.ones(3))
    matched = match_tables(tmp_path / "found.csv", tmp_path / "true.csv", 20.0)
    assert matched == (2, 3, 3, pytest.approx(50.0)) and matched.jaccard == 0.5 and matched.rmse == pytest.approx(5.0)


def test_molecules_of_one_patch_are_taken_apart():
    row, column = np.mgrid[:20, :31]
    spot = lambda r, c: np.exp(-((row - r) ** 2 + (column - c) ** 2) / 2)
    place, light = molecules(3 * spot(6, 8) + 2 * spot(6, 13) + spot(15.4, 24))
    np.testing.assert_allclose(place, [(6, 8), (6, 13), (15.4, 24)], atol=0.15)
    np.testing.assert_allclose(light, 2 * np.pi * (np.array([3, 2, 1]) - 0.15), rtol=0.06)      # what lies below a twentieth of the brightest
    assert len(molecules(np.zeros((8, 8)))[0]) == 0
    drawn = Phantoms("molecules", count=40, shape=(32, 48), peak=10.0).images()
    numbers = [np.count_nonzero(x) for x in drawn]
    assert 1 <= min(numbers) < 5 and 8 < max(numbers) <= 12 and 4 <= min(x[x > 0].min() for x in drawn) and max(x.max() for x in drawn) <= 10


@pytest.mark.parametrize("finer", [2, 5])
def test_peaks_of_single_molecules_are_found_where_they_are(finer):
    """Noise-free frames of the independent model, which integrates the PSF over each pixel: within a pixel of x."""
    place = np.float32([(4.3, 5.2), (5.0, 14.6), (14.9, 9.75)])
    y = Emitters(jnp.asarray(place), jnp.float32(1.2), (20, 23))(jnp.full((1, 3), 1000.0))[0]
    H = LocalizationMicroscope(finer=finer).operator(jax.random.key(0), jnp.zeros((20 * finer, 23 * finer, 1)))
    x = np.asarray(jax.jit(PeakFinding(window=9).answer)(jax.random.key(0), Measurement(y, H)))
    row, column, _ = np.nonzero(x)
    np.testing.assert_allclose(np.stack([row, column], 1), finer * (place + 0.5) - 0.5, atol=0.9)
    np.testing.assert_allclose(x[row, column, 0], 1000, rtol=0.02)


@pytest.fixture(scope="module")
def dense():
    """Frames of 8 x 8 pixels with up to eight molecules."""
    microscope = LocalizationMicroscope(sigma_nm=110.0, noise=Gaussian(6.0))
    images = Phantoms("molecules", count=160, shape=(32, 32), peak=2500.0).images()
    measure = jax.jit(microscope.measure)
    with jax.numpy_dtype_promotion("standard"):
        return [jax.tree.map(np.asarray, measure(jax.random.key(i), x)) for i, x in enumerate(images)]


def test_deep_storm_finds_more_than_peaks(dense, quick_compilation):
    """Trained on simulated frames for seconds, by Jaccard and by correlation on others."""
    train, test = dense[:128], dense[128:]
    method = DeepStorm(network=UNet(depth=1, width=8), optimizer=Adam(1e-2)).planned(120)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(one.only(method.sees) for one in train))
    batch = lambda k: jax.tree.map(lambda leaf: jnp.take(leaf, jnp.arange(8) + 8 * (k % 16), 0), stacked)
    state, update = jax.jit(method.init)(jax.random.key(0), batch(0)), jax.jit(method.update)
    for k in range(120):
        state, metrics = update(jax.random.key(k), state, batch(k))
    assert all(np.isfinite(value) for value in metrics.values())
    shown = [one.only(()) for one in test]
    score = lambda method, state: Localization().scores([x for x, *_ in estimator(method, state, jax.random.key(0))(shown)], test, [])
    learnt, peaks = score(method, state), score(PeakFinding(), None)
    assert learnt["Jaccard"] > peaks["Jaccard"] + 0.05 and learnt["correlation"] > peaks["correlation"] + 0.1


def test_what_localisation_refuses(dense):
    image = Measurement(jnp.zeros((16, 16, 1)), Identity(), truth=jnp.zeros((16, 16, 1)))
    for method in (DeepStorm(), PeakFinding()):
        with pytest.raises(InputError, match="pixels a whole number of times finer"):
            method.check(image)
        method.check(dense[0])
    for wrong, message in (
        (lambda: PeakFinding(threshold=1.0), "threshold between 0 and 1"), (lambda: DeepStorm(sparsity=-1.0), "it is zero or more"),
        (lambda: Localization(radius=0.0), "must be positive"), (lambda: Localization().check([(4, 8, 8)]), "of frames"),
    ):
        with pytest.raises(InputError, match=message):
            wrong()


def test_frames_of_one_scene_are_correlated_by_rings(dense):
    """The same molecules in all frames resolve two pixels; others in each, nothing."""
    score = lambda x: Localization(scene=True).scores(x, dense[: len(x)], [])["FRC 1/7 (px)"]
    assert score([dense[7].truth] * 4) == pytest.approx(2.0)
    assert score([one.truth for one in dense[:8]]) > 4


def test_the_report_shows_molecules_where_they_are(dense, tmp_path):
    truth = [one.truth for one in dense[:3]]
    analysis = Localization()
    assert analysis.scores(truth, dense[:3], []).keys() == {"molecules a frame", "Jaccard", "RMSE (px)", "correlation"}
    assert analysis.scores(truth, [one.only(()) for one in dense[:3]], []).keys() == {"molecules a frame"}
    (path,) = analysis.figures(tmp_path, {"own": truth, "truth": truth}).values()
    assert path.stat().st_size > 3000
    assert analysis.figures(tmp_path, {"own": [np.zeros((8, 8, 1))]})                         # none there, none found


@pytest.mark.slow
def test_deep_storm_of_published_frames(shared_data, tmp_path):
    """Trained on simulated frames alone, of Deep-STORM's own stack it finds more of ThunderSTORM's molecules than peak finding."""
    experiment = experiments.load("deepstorm_localization")
    experiment = replace(experiment, train=replace(experiment.train, steps=300))
    run(experiment, "deepstorm_localization", tmp_path, quiet=True)
    state, _ = load_trained(experiment.method, experiment.train, tmp_path)
    found = {"learnt": (experiment.method, state), "peaks": (PeakFinding(), None)}
    microscope = replace(experiment.modality, background=131.6, gain=2.065)
    (recording,) = microscope.read([shared_data / "smlm" / "deepstorm_artificial.tif"])
    for name, (method, state) in found.items():
        estimates = [x for x, *_ in estimator(method, state, jax.random.key(0))(recording.measurements)]
        microscope.write(tmp_path / f"{name}.csv", estimates, recording)
    learnt, peaks = (match_tables(tmp_path / f"{name}.csv", shared_data / "smlm" / "deepstorm_positions.csv", 100.0) for name in found)
    assert learnt.jaccard > peaks.jaccard + 0.1 and learnt.rmse < peaks.rmse
