"""The command line in the terminals there are: Ctrl-C, a reader that leaves, ASCII alone, no home, a cache that cannot be written."""

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import experiments
from experiments.__main__ import main

ROOT = Path(__file__).resolve().parents[1]


def start(*arguments, cwd=None, program=("-m", "experiments"), **environment):
    """The command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, *program, *map(str, arguments)], cwd=cwd or ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),    # a job in the background of a script ignores it
    )


@pytest.mark.parametrize("said", ["", "compiling"])
def test_an_interrupt_is_one_line_and_exit_code_130(tmp_path, said):
    """While modules are imported, and while the training step is compiled; what is there can be gone on with."""
    np.save(tmp_path / "a.npy", np.random.default_rng(0).poisson(40, (64, 64)).astype(np.uint16))
    began = 'import sys; from unsup_jax import terminal; terminal.end_quietly_on_interrupt(); print("begun", flush=True)\n'
    process = start(
        "run", "n2v_tissue", "--data.path", tmp_path / "a.npy", "--train.steps", "100000", "--data.patch", "16", "--method.network.width", "4",
        "--method.network.depth", "1", "--with-references", "False", "--out", tmp_path / "run",
        program=("-c", began + "from experiments.__main__ import main; sys.exit(main(sys.argv[1:]))"),
    )
    next(line for line in process.stdout if said in line)
    process.send_signal(signal.SIGINT)
    _, erred = process.communicate(timeout=240)
    assert (process.returncode, erred) == (130, "interrupted\n")
    assert not said or (tmp_path / "run" / "config.json").exists()


def test_a_reader_that_leaves_ends_it_quietly():
    process = start("list")
    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=240)) == ("", 0)


def test_ascii_alone_and_nobody_s_home_and_no_cache(tmp_path):
    """As in a container started for a user whom it does not know: the run ends with its report."""
    np.save(tmp_path / "a.npy", np.random.default_rng(0).poisson(40, (64, 48)).astype(np.uint16))
    nobody = 'import os, pwd, sys; os.environ.pop("HOME"); pwd.getpwuid = lambda uid: {}[uid]\n'
    process = start(
        "run", "gaussian_tissue", "--data.path", "a.npy", "--with-references", "False", "--out", "run", cwd=tmp_path, PYTHONIOENCODING="ascii",
        XDG_CACHE_HOME="", program=("-c", nobody + "from experiments.__main__ import main; sys.exit(main(sys.argv[1:]))"),
    )
    said, erred = process.communicate(timeout=240)
    assert process.returncode == 0, erred
    assert "report: run/report.html" in said and said.isascii() and (tmp_path / "run" / "report.html").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npy", "run"]


@pytest.mark.parametrize("arguments", [["list"], ["compare", "gaussian_tissue", "median_tissue", "--data.path", "a.npy", "--out", "run"]], ids=lambda a: a[0])
def test_a_terminal_of_ascii(tmp_path, monkeypatch, arguments):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).poisson(40, (64, 48)).astype(np.uint16))
    monkeypatch.chdir(tmp_path)
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    assert main(arguments) == 0
    said = shown.buffer.getvalue().decode("ascii")
    assert ("report: run" in said) if arguments[0] == "compare" else len(said.splitlines()) == len(experiments.names())


def test_what_cannot_be_written_or_read_is_one_line(tmp_path, monkeypatch, capsys):
    """An --out below a file, below a folder of the system's, and an input folder that is not there."""
    np.save(tmp_path / "a.npy", np.random.default_rng(0).poisson(40, (64, 48)).astype(np.uint16))
    monkeypatch.chdir(tmp_path)
    filtered = ["run", "gaussian_tissue", "--with-references", "False", "--data.path"]
    for arguments, message in (
        (["a.npy", "--out", "a.npy/run"], "error: a.npy/run: cannot be written"), (["a.npy", "--out", "/proc/no/run"], "error: /proc/no/run: cannot be written"),
        (["no/folder", "--out", "run"], "error: no/folder: no such file"), (["no/*.tif", "--out", "run"], "error: no/[*].tif: no file matches"),
    ):
        assert main([*filtered, *arguments]) == 2
        said = capsys.readouterr().err
        assert re.match(message, said) and said.count("\n") == 1, said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npy"]
