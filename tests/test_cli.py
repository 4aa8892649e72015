"""The command line as a user types it: run, resume, reconstruct, compare, and one line for each mistake."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import tifffile

from experiments.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
TINY = ["--method.network.width", "4", "--method.network.depth", "1", "--train.steps", "6", "--train.batch", "4",
        "--train.checkpoint-every", "3", "--data.patch", "16", "--with-references", "False", "--method.augment", "False"]


def process(*arguments, cwd=None):
    """The command in a process of its own, as a user starts it but for XLA's passes: what it says and writes is looked at."""
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "PYTHONPATH": str(ROOT), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "experiments", *map(str, arguments)], cwd=cwd or ROOT, env=environment,
        capture_output=True, text=True, timeout=240,
    )


def cli(*arguments, cwd=ROOT, quick=True):
    """The same command line, its words and its exit code, without the start of another process; without XLA's passes where it is `quick`."""
    said, erred, passes = io.StringIO(), io.StringIO(), jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", quick)
    with contextlib.chdir(cwd), contextlib.redirect_stdout(said), contextlib.redirect_stderr(erred), jax.numpy_dtype_promotion("standard"):
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as stop:
            code = stop.code or 0
        finally:
            jax.config.update("jax_disable_most_optimizations", passes)
    return SimpleNamespace(returncode=code, stdout=said.getvalue(), stderr=erred.getvalue())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on a user's own noisy stack, and the stack."""
    folder = tmp_path_factory.mktemp("cli")
    stack = np.random.default_rng(0).poisson(40, (2, 120, 90)).astype(np.uint16)
    tifffile.imwrite(folder / "stack.tif", stack, imagej=True, metadata={"axes": "TYX", "unit": "um"}, resolution=(5, 5))
    done = process("run", "n2v_tissue", *TINY, "--data.path", folder / "stack.tif", "--out", folder / "run")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_run_on_the_users_own_file(trained):
    folder, said = trained
    assert "compiling" in said and f"report: {folder / 'run' / 'report.html'}" in said
    assert said.index(f"reading {folder / 'stack.tif'} ...") < said.index("read 2 measurements, the first of shape (120, 90, 1)") < said.index("compiling")
    assert "no truth to score against" in said
    stored = json.loads((folder / "run" / "config.json").read_text())
    assert stored["settings"]["method"]["network"]["width"] == 4 and stored["settings"]["train"]["steps"] == 6
    page = (folder / "run" / "report.html").read_text()
    assert "src='data:image/png;base64" in page and "src='http" not in page and "href" not in page


def test_reconstruct_keeps_type_axes_and_metadata(trained):
    folder, _ = trained
    done = process("reconstruct", folder / "run", folder / "stack.tif", "-o", folder / "out.tif", "--tile", 64)
    assert done.returncode == 0, done.stderr
    with tifffile.TiffFile(folder / "stack.tif") as a, tifffile.TiffFile(folder / "out.tif") as b:
        assert b.series[0].shape == (2, 120, 90) and b.series[0].dtype == np.uint16 and b.series[0].axes == "TYX"
        assert a.imagej_metadata["unit"] == b.imagej_metadata["unit"]
        assert b.asarray().std() < a.asarray().std()
    whole = cli("reconstruct", folder / "run", folder / "stack.tif", "-o", folder / "whole.npy", "--tile", 512)
    assert whole.returncode == 0, whole.stderr
    difference = np.load(folder / "whole.npy").astype(int) - tifffile.imread(folder / "out.tif").astype(int)
    assert np.abs(difference).max() <= 1 and (difference != 0).mean() < 1e-3  # rounding of ties alone


def test_reconstruct_refuses_before_the_work(trained, tmp_path):
    folder, _ = trained
    two = tmp_path / "two.tif"
    tifffile.imwrite(two, np.zeros((2, 40, 40), np.uint16), metadata={"axes": "CYX"}, photometric="minisblack")
    (tmp_path / "d.tif").mkdir()
    (tmp_path / "link.tif").symlink_to(folder / "stack.tif")
    np.save(tmp_path / "k.npy", np.zeros((1, 4, 32, 32), np.complex64))
    for source, output, message in (
        (two, "o.tif", "two.tif: 2 channels; the run was trained on 1"),
        (folder / "stack.tif", "missing/o.tif", "does not exist"),
        (folder / "stack.tif", "d.tif", "is a folder"),
        (folder / "stack.tif", "link.tif", "is the input"),
        (folder / "stack.tif", "o.xyz", "accepted are"),
        (folder / "stack.tif", "o.jpg", "uint16"),
        (tmp_path / "k.npy", "o.h5", "holds k-space, which MRI reads; the instrument of this experiment is denoising"),
        (tmp_path / "k.npy", "k.npy", "is the input"),
        (tmp_path / "*.tif", "o.tif", "names a file"),
    ):
        before = sorted(tmp_path.iterdir())
        done = cli("reconstruct", folder / "run", source, "-o", tmp_path / output)
        lines = done.stderr.strip().splitlines()
        assert done.returncode == 2 and len(lines) == 1 and message in lines[0], done.stderr
        assert sorted(tmp_path.iterdir()) == before


def test_reconstruct_takes_a_pattern(trained, tmp_path):
    folder, _ = trained
    for i in (1, 2):
        np.save(tmp_path / f"a{i}.npy", np.full((120, 90), 40 * i, np.float32))
    done = cli("reconstruct", folder / "run", tmp_path / "a*.npy", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a1.npy", "a2.npy"]


def test_resume_of_a_complete_run_changes_nothing(trained):
    folder, _ = trained
    before = (folder / "run" / "noise2void" / "metrics.jsonl").read_text()
    done = cli("resume", folder / "run")
    assert done.returncode == 0, done.stderr
    assert (folder / "run" / "noise2void" / "metrics.jsonl").read_text() == before


def test_compare_makes_one_table(tmp_path):
    done = cli("compare", "gaussian_tissue", "median_tissue", "wiener_tissue", "--out", tmp_path / "c", quick=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads((tmp_path / "c" / "scores.json").read_text())
    assert [row["method"] for row in rows] == ["noisy", "GaussianFilter", "MedianFilter", "Wiener"]
    assert all(row["psnr"] > rows[0]["psnr"] + 4 for row in rows[1:])
    assert (tmp_path / "c" / "images.png").exists()
    (tmp_path / "c" / "scores.json").unlink()  # as if killed before the table
    assert cli("resume", tmp_path / "c", quick=False).returncode == 0
    again = json.loads((tmp_path / "c" / "scores.json").read_text())
    assert [row["psnr"] for row in again] == [row["psnr"] for row in rows]


def test_list_and_help():
    listed = cli("list", "pair")
    assert listed.returncode == 0 and "\nn2n_filaments" in listed.stdout and "sees pair" in listed.stdout
    assert len(cli("list").stdout.splitlines()) >= 10
    shown = cli("run", "n2v_tissue", "--help")
    assert shown.returncode == 0 and "--method.fraction" in shown.stdout and "Part of the pixels in J" in shown.stdout
    assert "reconstruct RUN INPUT" in cli("--help").stdout


MISTAKES = {
    "command": (["train"], "no command 'train'"),
    "experiment": (["run", "n2v_tisue"], "did you mean n2v_tissue"),
    "no experiment": (["run"], "needs the name"),
    "field": (["run", "n2v_tissue", "--method.network.widht", "3"], "--method.network.width"),
    "value": (["run", "n2v_tissue", "--method.fraction", "much"], "--method.fraction"),
    "out of range": (["run", "n2v_tissue", "--method.fraction", "0.9"], "0 < fraction <= 0.5"),
    "choice": (["run", "n2v_tissue", "--method.kappa", "mode"], "uniform"),
    "path": (["run", "n2v_tissue", "--data.path", "missing.tif"], "no such file"),
    "batch": (["run", "n2v_tissue", "--train.batch", "0"], "at least 1"),
    "run": (["resume", "nowhere"], "no run here"),
    "modality": (["compare"], "names"),
}


@pytest.mark.parametrize("arguments, message", MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_one_line_and_exit_code_2(arguments, message, tmp_path):
    done = cli(*arguments, cwd=tmp_path)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1 and lines[0].startswith("error: ") and message in lines[0], done.stderr


IMAGES = {
    "empty": (np.zeros((0, 5)), [], "is empty"),
    "NaN": (np.full((64, 64), np.nan), [], "NaN or infinite"),
    "small": (np.ones((20, 20), np.float32), [], "smaller than the patch"),
    "axes": (np.ones((64, 64), np.float32), ["--data.axes", "ZYX"], "'ZYX' given for an array of 2 axes"),
}


@pytest.mark.parametrize("array, more, message", IMAGES.values(), ids=IMAGES)
def test_bad_images_are_one_line_and_exit_code_2(array, more, message, tmp_path):
    np.save(tmp_path / "a.npy", array)
    done = cli("run", "n2v_tissue", "--data.path", tmp_path / "a.npy", *more, cwd=tmp_path)
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2 and len(lines) == 1 and message in lines[0], done.stderr


def test_an_existing_run_is_not_overwritten(trained):
    folder, _ = trained
    done = cli("run", "n2v_tissue", *TINY, "--out", folder / "run")
    assert done.returncode == 2 and "`resume` it" in done.stderr


@pytest.mark.slow
def test_two_halves_and_folders(tmp_path):
    """cryo-CARE from the command line: MRC halves in, one MRC out; a folder of inputs into a folder."""
    import mrcfile

    generator = np.random.default_rng(0)
    scene = 50 * np.ones((20, 24, 24), np.float32)
    for name in ("even", "odd"):
        with mrcfile.new(tmp_path / f"{name}.mrc", (scene + generator.normal(0, 5, scene.shape)).astype(np.float32)) as file:
            file.voxel_size = 2.0
    small = ["--method.network.width", 4, "--method.network.depth", 1, "--data.patch", 16, "--train.steps", 2,
             "--train.batch", 4, "--with-references", "False"]
    done = cli("run", "cryocare_tomogram", "--data.path", tmp_path / "even.mrc", "--data.pair", tmp_path / "odd.mrc", "--out", tmp_path / "run", *small)
    assert done.returncode == 0, done.stderr
    missing = cli("reconstruct", tmp_path / "run", tmp_path / "even.mrc", "-o", tmp_path / "out.mrc")
    assert missing.returncode == 2 and "give the other one by --pair" in missing.stderr
    done = cli("reconstruct", tmp_path / "run", tmp_path / "even.mrc", "--pair", tmp_path / "odd.mrc", "-o", tmp_path / "out.mrc")
    assert done.returncode == 0, done.stderr
    with mrcfile.open(tmp_path / "out.mrc") as file:
        assert file.data.shape == scene.shape and abs(file.voxel_size.x - 2) < 1e-6 and np.isfinite(file.data).all()
    (tmp_path / "in").mkdir(), (tmp_path / "in2").mkdir()
    (tmp_path / "even.mrc").rename(tmp_path / "in" / "a.mrc"), (tmp_path / "odd.mrc").rename(tmp_path / "in2" / "a.mrc")
    done = cli("reconstruct", tmp_path / "run", tmp_path / "in", "--pair", tmp_path / "in2", "-o", tmp_path / "outs")
    assert done.returncode == 0, done.stderr
    with mrcfile.open(tmp_path / "outs" / "a.mrc") as a, mrcfile.open(tmp_path / "out.mrc") as b:
        np.testing.assert_array_equal(a.data, b.data)


@pytest.mark.slow
def test_kspace_in_and_images_out(tmp_path):
    """SSDU trained on the user's own k-space, and applied to it: HDF5 and NIfTI with the scale kept."""
    import h5py
    import nibabel
    from helpers import centred_kspace

    kspace = np.stack([centred_kspace(seed)[0] for seed in range(4)])
    kspace[..., 1::2] *= np.abs(np.arange(32) - 16)[1::2] < 6
    np.save(tmp_path / "scan.npy", kspace)
    small = ["--method.network.regularizer.width", 4, "--method.network.regularizer.depth", 1, "--method.network.unrolls", 2,
             "--with-references", "False", "--data.path", tmp_path / "scan.npy"]
    done = cli("run", "ssdu_mri", "--train.steps", 4, "--train.batch", 4, "--out", tmp_path / "run", *small)
    assert done.returncode == 0, done.stderr
    for name in ("out.h5", "out.nii.gz"):
        done = cli("reconstruct", tmp_path / "run", tmp_path / "scan.npy", "-o", tmp_path / name)
        assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out.h5") as file:
        image = np.abs(file["image"][:])
    assert image.shape == (4, 32, 32, 1)
    np.testing.assert_allclose(nibabel.load(tmp_path / "out.nii.gz").get_fdata().transpose(2, 1, 0), image[..., 0], rtol=1e-5)
    truth = np.stack([centred_kspace(seed)[1] for seed in range(4)])
    assert 0.7 < float(np.vdot(image[..., 0], truth) / np.vdot(truth, truth)) < 1.3
    wrong = cli("reconstruct", tmp_path / "run", tmp_path / "scan.npy", "-o", tmp_path / "out.tif")
    assert wrong.returncode == 2 and "nothing is written as" in wrong.stderr
    one_step = ["zero_shot_mri", "--method.steps", 1, "--method.epoch", 1, "--start", tmp_path / "run"]
    done = cli("run", *one_step, "--out", tmp_path / "warm", *small)
    assert done.returncode == 0, done.stderr
    wrong = cli("run", *one_step, "--out", tmp_path / "other", *small, "--method.network.regularizer.width", 6)
    assert wrong.returncode == 2 and "cannot start from that run" in wrong.stderr
    wrong = cli("run", "zero_shot_mri", "--start", tmp_path / "warm", *small)
    assert wrong.returncode == 2 and "leaves no parameters" in wrong.stderr
