"""A run's folder is self-contained: types, program, command, data; and an experiment may live in a file of the user's."""

import dataclasses
import json
import os
import sys
import textwrap

import jax
import numpy as np
import pytest

import experiments
import unsup_jax
from unsup_jax import config, provenance, runs
from unsup_jax.errors import InputError
from unsup_jax.methods import ProximalGradient
from unsup_jax.noise import Histogram
from unsup_jax.priors import PlugAndPlay
from unsup_jax.type_names import load_file

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")

OWN = '''
"""My method."""
from dataclasses import dataclass
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import GaussianFilter
from unsup_jax.modalities import Camera
from unsup_jax.noise import Gaussian
from beside import LEVEL

@dataclass(frozen=True)
class MyFilter(GaussianFilter):
    """A filter of mine."""
    strength: int = 1
    """How strong."""

DATA = Data(source=Phantoms(count=4, shape=(32, 32)), patch=None)
experiment = Experiment(method=MyFilter(), modality=Camera(noise=Gaussian(LEVEL)), data=DATA)
'''


def command(*arguments):
    from experiments.__main__ import main

    return main([str(a) for a in arguments])


@pytest.fixture
def own(tmp_path):
    """A run of an experiment in the user's own file, which imports what lies beside it: (file, run)."""
    file = tmp_path / "lab" / "my_filter.py"
    file.parent.mkdir()
    file.write_text(textwrap.dedent(OWN))
    (file.parent / "beside.py").write_text("LEVEL = 10.0\n")
    assert command("run", file, "--method.strength", "3", "--out", tmp_path / "run") == 0
    return file, tmp_path / "run"


def test_every_registered_experiment_comes_back_from_its_types_alone():
    for name, experiment in experiments.every():
        stored = json.loads(json.dumps(config.to_json(experiment)))
        assert config.from_json(None, stored) == experiment, name


def test_functions_and_arrays_come_back():
    arrays = {}
    denoise = jax.numpy.asarray([1.0, 2.0])
    noise = Histogram(*[denoise] * len(dataclasses.fields(Histogram)))
    stored = json.loads(json.dumps(config.to_json({"noise": noise, "f": PlugAndPlay(denoiser=provenance.commit)}, arrays)))
    back = config.from_json(None, stored, arrays)
    assert back["f"].denoiser is provenance.commit and isinstance(back["noise"], Histogram)
    np.testing.assert_array_equal(jax.tree.leaves(back["noise"])[0], denoise)


FOREIGN = (
    "os.system", "subprocess.Popen", "unsup_jax.type_names.importlib.import_module", "unsup_jax.runs.shutil", "unsup_jax.nothing.Here",
    "print", "",
)


@pytest.mark.parametrize("name", FOREIGN)
def test_nothing_outside_of_the_package_is_instantiated(name):
    for stored in ({"type": name}, {"function": name}):
        with pytest.raises(InputError):
            config.from_json(None, stored)
    with pytest.raises(InputError, match="no configuration"):
        config.from_json(None, {"type": "unsup_jax.config.to_json"})


def test_a_class_of_a_program_is_named_and_refused(tmp_path):
    class Mine(ProximalGradient):
        """Defined where no file is named."""

    stored = config.to_json(Mine())
    assert stored["type"].endswith("Mine")
    with pytest.raises(InputError, match="neither of unsup_jax nor in the file"):
        config.from_json(None, stored)


def test_a_run_tells_where_it_comes_from(own):
    content = json.loads((own[1] / "config.json").read_text())
    assert content["experiment"] == "my_filter" and content["settings"]["method"]["strength"] == 3
    assert content["made"]["version"] == unsup_jax.__version__ and content["made"]["command"] and content["made"]["date"]
    assert content["made"]["commit"] is None or len(content["made"]["commit"].removesuffix("+changes")) == 40
    assert content["data"]["source"]["of"] == "content" and len(content["data"]["source"]["sha256"]) == 64


def test_an_own_file_is_found_again_by_its_path(own, capsys):
    file, run = own
    assert (run / "my_filter.py").read_text() == file.read_text()
    assert command("resume", run) == 0
    y = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    loaded = unsup_jax.load(run)
    assert type(loaded.method).__name__ == "MyFilter" and loaded.method.strength == 3 and loaded.reconstruct(y).std() < y.std()
    assert len(json.loads((run / "config.json").read_text())["resumed"]) == 1
    file.write_text(file.read_text() + "\n")
    capsys.readouterr()
    assert command("resume", run) == 0
    assert "is not as it was when this run began" in " ".join(capsys.readouterr().out.split())
    for name in [name for name in sys.modules if name.startswith("unsup_jax_own_file:")]:
        del sys.modules[name]
    file.unlink()
    capsys.readouterr()
    assert command("resume", run) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and f"MyFilter is defined in a file of its own: {file}: no such file; put it back from {run / 'my_filter.py'}" in said


def test_a_run_needs_no_experiment_of_its_name(tmp_path, monkeypatch):
    phantoms = ["--data.source", "phantoms", "--data.source.shape", "32", "32"]
    assert command("run", "tv_tissue", "--method.steps", "1", *phantoms, "--out", tmp_path / "run") == 0
    monkeypatch.setattr(experiments, "load", None)
    _, found = runs.experiment_of(tmp_path / "run")
    assert found.method.steps == 1 and found.data.source.shape == (32, 32)


def test_a_run_of_old_is_opened_by_the_registry(tmp_path):
    def untyped(value):
        if isinstance(value, list):
            return [untyped(v) for v in value]
        return {k: untyped(v) for k, v in value.items() if k != "type"} if isinstance(value, dict) else value

    wanted = experiments.load("tv_tissue")
    (tmp_path / "config.json").write_text(json.dumps({"experiment": "tv_tissue", "settings": untyped(config.to_json(wanted))}))
    assert runs.experiment_of(tmp_path, experiments.load) == ("tv_tissue", wanted)
    assert unsup_jax.load(tmp_path, experiment=wanted).method == wanted.method
    with pytest.raises(InputError, match="named no types"):
        unsup_jax.load(tmp_path)


def test_other_data_are_told_of(tmp_path, capsys):
    np.save(tmp_path / "y.npy", np.random.default_rng(0).poisson(40, (32, 32)).astype(np.float32))
    assert command("run", "gaussian_tissue", "--data.path", tmp_path / "y.npy", "--out", tmp_path / "run") == 0
    capsys.readouterr()
    assert command("resume", tmp_path / "run") == 0
    assert "not those" not in capsys.readouterr().out
    np.save(tmp_path / "y.npy", np.random.default_rng(1).poisson(40, (32, 32)).astype(np.float32))
    assert command("resume", tmp_path / "run") == 0
    assert [line for line in capsys.readouterr().out.splitlines() if "not those that this run began with: path differs" in line]


def test_fingerprints_are_of_content_or_of_samples(tmp_path, monkeypatch):
    paths = [tmp_path / f"{i}.npy" for i in range(3)]
    for path in paths:
        path.write_bytes(bytes(range(256)) * 2000)
    first = provenance.of_files(str(tmp_path))
    os.utime(paths[0], (1, 1))
    assert provenance.of_files(str(tmp_path)) == first and first["files"] == 3 and first["of"] == "content"
    monkeypatch.setattr(provenance, "SMALL", 1000)
    sampled = provenance.of_files(str(tmp_path))
    assert sampled["of"] == "sizes, times and samples of the content" and provenance.of_files(str(tmp_path)) == sampled
    os.utime(paths[0], (2, 2))
    assert provenance.of_files(str(tmp_path)) != sampled
    assert provenance.of_files("mnist") == {"of": "the name mnist"}
    assert provenance.of_arrays([np.zeros(3)]) != provenance.of_arrays([np.zeros((3, 1))])


BROKEN = {
    "missing": (None, "no such file"),
    "syntax": ("x = (\n", "broken.py, line 1: SyntaxError"),
    "an error": ("\nimport no_such_module\n", "broken.py, line 2: ModuleNotFoundError"),
    "nothing": ("x = 1\n", "defines no experiment"),
}


@pytest.mark.parametrize("text, message", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_experiment_is_one_line(text, message, tmp_path, capsys):
    if text is not None:
        (tmp_path / "broken.py").write_text(text)
    assert command("run", tmp_path / "broken.py") == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and message in said, said


def test_two_files_of_one_name_are_two_modules(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text(f"VALUE = {folder!r}\n")
    assert [load_file(tmp_path / folder / "same.py").VALUE for folder in ("a", "b")] == ["a", "b"]
