"""Functional MRI: statistics against closed forms and nilearn, simultaneous slices, and the maps of a run."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import linregress

from unsup_jax.core import Measurement
from unsup_jax.data import FunctionalRun
from unsup_jax.errors import InputError
from unsup_jax.evaluate import Functional, psnr, report, retinotopy, t_statistic, temporal_snr
from unsup_jax.evaluate.fmri import polynomials
from unsup_jax.methods import ConjugateGradient, SliceGRAPPA
from unsup_jax.modalities import MultisliceScanner, Paradigm
from unsup_jax.modalities.paradigm import response
from unsup_jax.noise import Gaussian
from unsup_jax.train import solve

pytestmark = pytest.mark.usefixtures("quick_compilation")

RNG = np.random.default_rng(0)


def test_temporal_snr_follows_its_law():
    """Mean over deviation, whatever the drift and however short the run."""
    noise, frames = RNG.normal(size=(200, 500)), 200
    drift = np.linspace(0, 30, frames)[:, None]
    flat = temporal_snr(100 + 2 * noise)
    assert abs(np.median(flat) / 50 - 1) < 0.02
    removed = temporal_snr(100 + 2 * noise + drift - drift.mean(), drift=1)
    assert abs(np.median(removed) / 50 - 1) < 0.02 and np.median(temporal_snr(100 + 2 * noise + drift)) < 15
    short = temporal_snr(100 + 2 * RNG.normal(size=(12, 20_000)), drift=2)
    assert abs(np.mean(short**-2.0) * 50**2 - 1) < 0.03     # the variance is unbiased
    assert temporal_snr(np.ones((5, 3))).tolist() == [0, 0, 0]


def test_t_is_that_of_a_regression():
    x, series = RNG.normal(size=40), RNG.normal(size=(40, 2, 3))
    series += 0.5 * x.reshape(-1, 1, 1)
    found = t_statistic(series, np.column_stack([x, np.ones(40)]), np.array([1.0, 0.0]))
    for index in np.ndindex(2, 3):
        fit = linregress(x, series[(slice(None), *index)])
        np.testing.assert_allclose(found[index], fit.slope / fit.stderr, rtol=1e-10)


def test_a_wedge_is_found_with_its_phase():
    paradigm = Paradigm(frames=96, repetition_s=1.0, cycle_s=16.0)
    angle = np.linspace(-3, 3, 7)
    drift = np.linspace(0, 0.5, 96)[:, None]
    phase, coherence = retinotopy(10 + paradigm.wedge(angle) + drift, paradigm.cycles)
    np.testing.assert_allclose(phase, angle, atol=0.02)
    assert coherence.min() > 0.99
    _, noise = retinotopy(RNG.normal(size=(96, 20_000)), 6)
    assert abs(np.mean(noise**2) * 93 / 2 - 1) < 0.03       # white noise has its power spread over what the drift leaves evenly


@pytest.mark.parametrize("frames, repetition_s, cycle_s", [(100, 1.0, 16.0), (102, 1.0, 16.0), (110, 1.0, 16.0), (96, 1.0, 15.0), (97, 1.9, 23.3)])
def test_a_wedge_is_found_in_a_run_that_is_not_whole_cycles(frames, repetition_s, cycle_s):
    paradigm = Paradigm(frames=frames, repetition_s=repetition_s, cycle_s=cycle_s)
    angle = np.linspace(-3, 3, 64).reshape(8, 8)
    series = 100 + 2 * paradigm.wedge(angle) + np.linspace(0, 3, frames).reshape(-1, 1, 1)
    phase, coherence = retinotopy(series, paradigm.cycles)
    np.testing.assert_allclose(phase, angle, atol=1e-9)
    assert coherence.min() > 1 - 1e-9
    found = Functional(paradigm=paradigm).maps(list(series[:, None, ..., None]))
    np.testing.assert_allclose(found["phase"][0], angle, atol=1e-9)


def test_the_response_to_a_block():
    times = np.arange(0, 60, 0.5)
    impulse = response(lambda t: (t < 0.1).astype(float), times)
    assert 4.5 <= times[impulse.argmax()] <= 5.5 and 14 <= times[impulse.argmin()] <= 17
    plateau = Paradigm(frames=80, block_s=40.0).task()
    assert abs(plateau[-1] - 1) < 0.01 and abs(plateau[:40]).max() < 1e-6


@pytest.mark.parametrize("wrong, message", [
    (lambda: Paradigm(frames=4), "a run of one cycle"), (lambda: MultisliceScanner(coils=0), "1 or more"),
    (lambda: MultisliceScanner().specimen(jnp.ones((8, 8, 1))), re.escape("(8, 8, 1)")), (lambda: FunctionalRun(slices=1), "2 slices"),
])
def test_bad_runs_are_named(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()


def test_statistics_agree_with_nilearn_on_real_bold(shared_data):
    """t of a real run, by block design and canonical response, against nilearn's ordinary least squares."""
    first_level = pytest.importorskip("nilearn.glm.first_level")
    contrasts = pytest.importorskip("nilearn.glm.contrasts")
    runs = np.load(shared_data / "mri" / "haxby_bold_1slice_12runs.npz")["bold"].astype(float)
    series = np.moveaxis(runs[0], -1, 0)
    events = np.genfromtxt(shared_data / "mri" / "haxby_run001_events.tsv", names=True, dtype=None, encoding="utf8")
    times = 2.5 * np.arange(len(series))
    on = lambda t: np.any([(t >= e["onset"]) & (t < e["onset"] + e["duration"]) for e in events], 0).astype(float)
    blocks = (events["onset"], events["duration"], np.ones(len(events)))
    theirs, _ = first_level.compute_regressor(np.array(blocks), "spm", times)
    task = response(on, times)
    assert np.corrcoef(task, theirs[:, 0])[0, 1] > 0.995
    design = np.column_stack([task, polynomials(len(series), 2)])
    inside = series.mean(0) > 300
    labels, results = first_level.run_glm(series[:, inside], design, noise_model="ols")
    expected = contrasts.compute_contrast(labels, results, np.array([1.0, 0, 0, 0])).stat().ravel()
    found = t_statistic(series, design, np.array([1.0, 0, 0, 0]))[inside]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    from nilearn.signal import clean
    residual = clean(series[:, inside], detrend=True, standardize=None)
    np.testing.assert_allclose(temporal_snr(series, drift=1)[inside], series.mean(0)[inside] / residual.std(0, ddof=2), rtol=1e-6)


SCANNER = MultisliceScanner(noise=Gaussian(1e-3), coils=16, calibration=32)


def stack(slices=3, size=48):
    """Different smooth shapes in every slice [slice, size, size, 1]."""
    y, x = np.meshgrid(*[np.linspace(-1, 1, size)] * 2, indexing="ij")
    return np.stack([100.0 * (x**2 + (1 + 0.3 * k) * y**2 < 0.4) + 60 * np.exp(-((x - 0.2 * k) ** 2 + y**2) / 0.05) for k in range(slices)])[
        ..., None].astype(np.float32)


def test_slices_are_excited_at_once():
    """Every second line of the sum over slices of the spectra of coil images, each shifted by thirds of the field of view."""
    one = jax.jit(SCANNER.measure)(jax.random.key(0), stack())
    H, shifted = one.operator, 0
    for s, maps in enumerate(np.asarray(H.sensitivity_maps)):
        shifted = shifted + np.roll(maps * np.asarray(one.truth)[s, None, ..., 0], 16 * s, 1)
    expected = np.fft.fft2(shifted, norm="ortho")
    expected[:, 1::2] = 0
    np.testing.assert_allclose(one.y[:, ::2], expected[:, ::2], atol=0.02)
    assert H.reference.shape == (3, 16, 32, 32)
    np.testing.assert_allclose(np.sum(np.abs(H.sensitivity_maps) ** 2, 1), 1, rtol=1e-5)


@pytest.mark.parametrize("split", [True, False])
def test_slices_and_lines_are_filled_in(split):
    one = jax.jit(SCANNER.measure)(jax.random.key(0), stack())
    answer = np.asarray(jax.jit(lambda m: SliceGRAPPA(split=split, acceleration=2).answer(None, m))(one))
    blind = np.asarray(SliceGRAPPA(split=split).answer(None, one))
    quality = lambda image: psnr(np.abs(image), np.abs(np.asarray(one.truth)))
    assert quality(answer) > 35 and quality(answer) > quality(blind) + 10
    with pytest.raises(InputError, match="do not hold a kernel"):
        few = one.operator.replace(reference=one.operator.reference[:, :, :8, :8])
        SliceGRAPPA(acceleration=2).answer(None, one.replace(operator=few))


def test_slices_by_conjugate_gradients():
    one = jax.jit(SCANNER.measure)(jax.random.key(0), stack())
    method = ConjugateGradient(steps=40)
    estimate = method.reconstruct(None, solve(method, jax.random.key(0), one)[0], one)
    assert psnr(np.abs(np.asarray(estimate)), np.abs(np.asarray(one.truth))) > 40


def test_the_maps_of_a_run(tmp_path):
    """An active and a retinotopic voxel among noise are found, counted and drawn."""
    paradigm = Paradigm(frames=96)
    series = 100 + RNG.normal(size=(96, 2, 16, 16, 1))
    series[:, 0, 4, 4, 0] += 5 * paradigm.task()
    series[:, 1, 9, 9, 0] += 4 * paradigm.wedge(np.array(1.2))
    analysis = Functional(paradigm, coherence=0.6, statistic=6.0)
    found = analysis.maps(list(series))
    assert np.argwhere(found["t"] > 6).tolist() == [[0, 4, 4]] and np.argwhere(found["coherence"] > 0.6).tolist() == [[1, 9, 9]]
    assert abs(found["phase"][1, 9, 9] - 1.2) < 0.15 and 80 < np.median(found["tSNR"]) < 120
    scores = analysis.scores(list(series), [], [])
    assert scores["voxels, coherence > 0.6"] == scores["voxels, t > 6"] == 1
    assert "median tSNR" in report.text_table([{"method": "a", **scores}])
    made = analysis.figures(tmp_path, {"a": list(series), "truth": list(series)})
    assert all(path.stat().st_size > 5000 for path in made.values()) and len(made) == 5
    with pytest.raises(InputError, match="96 volumes of one shape"):
        analysis.check([(2, 16, 16)] * 8)


def test_a_simulated_run_holds_what_was_put_in():
    pytest.importorskip("nilearn")
    run = FunctionalRun(size=32, physiology_percent=0.0, drift_percent=0.0)
    anatomy, grey, places = run._head()
    task, angle, visual = run._active(grey, places)
    found = Functional(run.paradigm).maps(run.images())
    there = (visual > 0.5) & (task == 0)
    assert there.sum() > 10 and np.abs(np.exp(1j * found["phase"][there]) - np.exp(1j * angle[there])).max() < 0.05
    assert found["coherence"][there].min() > 0.95 and found["t"][task > 0.5].min() > 10


def test_equal_arrays_are_kept_once():
    from unsup_jax.data import Data, Phantoms
    data = Data(source=Phantoms(count=3, shape=(8, 16, 16)), dimensions=3, patch=None)
    measured, _ = data.measure(MultisliceScanner(coils=8, calibration=8), 0)
    assert isinstance(measured[0], Measurement) and not np.array_equal(measured[0].y, measured[1].y)
    assert measured[1].operator.sensitivity_maps is measured[0].operator.sensitivity_maps is measured[2].operator.sensitivity_maps
