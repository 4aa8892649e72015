"""Draws of x given y and their deviation, in files beside the estimate."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tifffile
from test_cli import cli

from unsup_jax.apply import reconstruct_files
from unsup_jax.core import ANYTHING, Direct, Measurement, Method
from unsup_jax.data import Data
from unsup_jax.errors import InputError
from unsup_jax.evaluate.uncertainty import deviation
from unsup_jax.experiment import Experiment
from unsup_jax.files import open_image
from unsup_jax.inference import sampler
from unsup_jax.modalities import DiffractionTomograph, LocalizationMicroscope, Scanner, TiltSeries, Tomograph
from unsup_jax.operators import Identity

TINY = ["--method.network.encoder.width", "4", "--method.network.encoder.latents", "2", "--method.network.decoder.width", "4",
        "--method.likelihood", "learned", "--method.samples", "2", "--train.steps", "4", "--train.batch", "2",
        "--train.checkpoint-every", "4", "--data.patch", "16", "--with-references", "False"]


@dataclass(frozen=True)
class Normal(Method):
    """p(x|y) = N(y, state^2)."""

    draws: int = 8

    def posterior(self, key, state, measurement):
        return measurement.y[None] + state * jax.random.normal(key, (self.draws, *measurement.y.shape))


def test_draws_are_of_the_posterior_and_others_of_each_measurement():
    y = np.full((40, 50, 1), 30000, np.float32)
    draw = sampler(Normal(), jnp.float32(0.3), jax.random.key(0), 30)
    first, second = (np.stack(list(draw(Measurement(y, Identity())))) for _ in range(2))
    assert first.shape == (30, 40, 50, 1) and len(np.unique(first[:, 3, 4])) > 20       # spacing of float32: 0.002
    np.testing.assert_allclose(first.std(0, ddof=1).mean(), 0.3, rtol=0.02)
    each = np.stack([first, second]) - 30000
    correlation = np.corrcoef(each.reshape(60, -1))
    assert np.abs(correlation - np.eye(60)).max() < 0.12                                # none is another one again
    assert len(list(sampler(Normal(), jnp.float32(1), jax.random.key(0), 1)(Measurement(y, Identity())))) == 1


def test_deviation_is_that_of_all_draws_at_once():
    draws = np.random.default_rng(0).normal(50000, 0.3, (11, 6, 7, 1)).astype(np.float32)
    np.testing.assert_allclose(deviation(iter(draws)), draws.std(0, ddof=1, dtype=np.float64), rtol=1e-10)
    with pytest.raises(InputError, match="1 draw has no deviation"):
        deviation(draws[:1])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of DivNoising on a stack of integers, and the stack."""
    folder = tmp_path_factory.mktemp("draws")
    stack = np.random.default_rng(0).poisson(40, (2, 40, 30)).astype(np.uint16)
    tifffile.imwrite(folder / "stack.tif", stack, imagej=True, metadata={"axes": "TYX", "unit": "um"}, resolution=(5, 5))
    done = cli("run", "divnoising_tissue", *TINY, "--data.path", folder / "stack.tif", "--out", folder / "run")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.parametrize("end", [".tif", ".ome.tif", ".ome.zarr", ".npy", ".h5"])
def test_files_beside_the_estimate_are_like_it_in_float32(trained, tmp_path, end):
    done = cli("reconstruct", trained / "run", trained / "stack.tif", "-o", tmp_path / f"out{end}", "--draws", 3, "--deviation")
    assert done.returncode == 0, done.stderr
    words = ["draw01", "draw02", "draw03", "deviation"]
    assert {p.name for p in tmp_path.iterdir()} == {f"out{end}", *(f"out_{word}{end}" for word in words)}
    axes = "TYX" if end == ".npy" else None
    estimate, *others = (open_image(tmp_path / name, axes) for name in (f"out{end}", *(f"out_{word}{end}" for word in words)))
    assert estimate.array.dtype == np.uint16
    for picture in others:
        assert (picture.axes, picture.array.shape, picture.array.dtype) == (estimate.axes, estimate.array.shape, np.float32)
        assert picture.metadata.scales == estimate.metadata.scales
    *draws, spread = (np.asarray(picture.array[...]) for picture in others)
    np.testing.assert_allclose(spread, np.std(draws, 0, ddof=1, dtype=np.float64), rtol=1e-5)
    assert 0 < spread.mean() < 0.1 * np.mean(draws) and len(np.unique(spread)) > 500
    assert np.abs(np.mean(draws, 0) - estimate.array[...]).mean() < 1 + spread.mean()   # the estimate is a mean of draws, rounded
    assert not np.allclose(draws[0][0] - draws[1][0], draws[0][1] - draws[1][1])


def test_the_deviation_alone_and_a_folder(trained, tmp_path):
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.random.default_rng(1).poisson(40, (20, 30)).astype(np.float32))
    done = cli("reconstruct", trained / "run", tmp_path / "*.npy", "-o", tmp_path / "out", "--deviation")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.npy", "a_deviation.npy", "b.npy", "b_deviation.npy"]
    assert np.load(tmp_path / "out" / "a_deviation.npy").max() > 0


def test_what_cannot_be_written_is_said_before_the_work(trained, tmp_path):
    run, stack = trained / "run", trained / "stack.tif"
    (tmp_path / "o_draw02.tif").mkdir()
    for name in ("a", "a_deviation"):
        np.save(tmp_path / f"{name}.npy", np.ones((20, 30), np.float32))
    for options, output, message in (
        (["--draws", 2], "o.png", "draws and deviations are in float32, which a .png does not hold"),
        (["--draws", 2], "o.tif", "o_draw02.tif: is a folder"),
        (["--draws", 0], "p.tif", "--draws 0: accepted are 1 to 500"),
        (["--draws", 1, "--deviation"], "p.tif", "--draws 1: accepted are"),
    ):
        before = sorted(tmp_path.iterdir())
        done = cli("reconstruct", run, stack, "-o", tmp_path / output, *options)
        lines = done.stderr.strip().splitlines()
        assert done.returncode == 2 and len(lines) == 1 and message in lines[0], done.stderr
        assert sorted(tmp_path.iterdir()) == before
    done = cli("reconstruct", run, tmp_path / "*.npy", "-o", tmp_path / "out", "--deviation")
    assert done.returncode == 2 and "a_deviation.npy: would be written twice" in done.stderr


@dataclass(frozen=True)
class Around(Direct):
    """The best fit by H* y, and draws about it."""

    takes = ANYTHING
    draws: int = 4

    def answer(self, key, one):
        return one.operator.guess(one.y)

    def posterior(self, key, state, one):
        spread = 0.1 * jnp.abs(state).max().astype(state.dtype)
        return state[None] + spread * jax.random.normal(key, (self.draws, *state.shape), state.dtype)


def kspace(folder):
    rng = np.random.default_rng(0)
    scans = np.exp(-np.hypot(*np.mgrid[-8:8, -8:8]) / 3) * (rng.normal(size=(2, 1, 16, 16)) + 2j)
    np.save(folder / "in.npy", scans.astype(np.complex64))
    return folder / "in.npy", Scanner()


def projections(folder):
    views = np.random.default_rng(0).uniform(1, 2, (12, 2, 16)).astype(np.float32)     # angle, row, detector
    tifffile.imwrite(folder / "in.tif", views)
    return folder / "in.tif", Tomograph(angles="even", centre=8.0)


def tilts(folder):
    views = np.random.default_rng(0).uniform(1, 2, (12, 3, 16)).astype(np.float32)
    with pytest.importorskip("mrcfile").new(folder / "in.mrc") as file:
        file.set_data(views)
        file.voxel_size = 4.2
    np.savetxt(folder / "in.rawtlt", np.linspace(-55, 55, 12))
    return folder / "in.mrc", TiltSeries()


def fields(folder):
    np.save(folder / "in.npy", np.exp(0.3j * np.random.default_rng(0).random((12, 16))).astype(np.complex64))
    return folder / "in.npy", DiffractionTomograph(angles="even", wavelength_um=0.6, pixel_size_um=0.12, medium_index=1.335)


def frames(folder):
    stack = np.random.default_rng(0).poisson(30, (3, 10, 12)).astype(np.float32)
    tifffile.imwrite(folder / "in.tif", stack, imagej=True, resolution=(10, 10), metadata={"unit": "um", "axes": "TYX"})
    return folder / "in.tif", LocalizationMicroscope(finer=2)


def stored(path):
    """The pixels of a file of images, or of k-space's."""
    if path.name.endswith(".nii.gz"):
        return np.asarray(pytest.importorskip("nibabel").load(path).dataobj)
    if path.suffix == ".cfl":
        return np.fromfile(path, np.complex64)
    return np.load(path) if path.suffix == ".npy" else np.asarray(open_image(path).array[...])


@pytest.mark.parametrize("made, end", [
    (kspace, ".npy"), (kspace, ".cfl"), (kspace, ".nii.gz"), (projections, ".mrc"), (projections, ".tif"), (tilts, ".mrc"), (fields, ".tif"),
    (frames, ".tif"),
], ids=lambda value: getattr(value, "__name__", value))
def test_draws_of_instruments_are_in_the_format_of_their_field(tmp_path, made, end):
    """By a method that is solved for each measurement; the deviation is that of what the files hold, a refractive index or a sum."""
    source, modality = made(tmp_path)
    experiment = Experiment(Around(), modality, Data(path=str(source), patch=None, dimensions=3 if made is tilts else 2))
    reconstruct_files(experiment, tmp_path, source, tmp_path / f"x{end}", draws=3, deviation=True)
    estimate, *draws, spread = (stored(tmp_path / f"x{word}{end}") for word in ("", "_draw01", "_draw02", "_draw03", "_deviation"))
    assert estimate.shape == spread.shape == draws[0].shape and not np.array_equal(draws[0], draws[1])
    if end == ".nii.gz":                                                # the modulus of a draw varies less than the draw
        return
    expected = np.sqrt(np.square(np.abs(np.stack(draws) - np.mean(draws, 0))).sum(0) / 2)
    np.testing.assert_allclose(spread, expected, rtol=1e-3, atol=1e-5 * np.abs(estimate).max())
    if end in (".mrc", ".tif"):
        of = [open_image(tmp_path / f"x{word}{end}") for word in ("", "_draw01", "_deviation")]
        assert len({str((picture.axes, picture.metadata.scales)) for picture in of}) == 1


def test_a_deviation_is_no_table(tmp_path):
    source, modality = frames(tmp_path)
    experiment = Experiment(Around(), modality, Data(path=str(source), patch=None))
    with pytest.raises(InputError, match="a deviation is an image, which a .csv does not hold"):
        reconstruct_files(experiment, tmp_path, source, tmp_path / "x.csv", draws=2, deviation=True)
    reconstruct_files(experiment, tmp_path, source, tmp_path / "x.csv", draws=2)
    assert "frame" in (tmp_path / "x_draw02.csv").read_text()


def test_a_method_of_one_estimate_says_so(tmp_path):
    np.save(tmp_path / "y.npy", np.random.default_rng(0).poisson(40, (48, 48)).astype(np.float32))
    run = tmp_path / "run"
    assert cli("run", "gaussian_tissue", "--data.path", tmp_path / "y.npy", "--out", run).returncode == 0
    done = cli("reconstruct", run, tmp_path / "y.npy", "-o", tmp_path / "x.npy", "--draws", 4)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "GaussianFilter makes one estimate and draws nothing" in done.stderr
    assert not (tmp_path / "x.npy").exists()
