"""What a wheel leaves in a user's environment: the package, the registry under a name of the project's own, and a command."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A wheel unpacked into a folder: (folder, names in it)."""
    pytest.importorskip("setuptools", minversion="77")
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in ("unsup_jax", "experiments", "benchmarks"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "results"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "from setuptools import build_meta; build_meta.build_wheel('wheels')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next((source / "wheels").glob("*.whl"))) as wheel:
        wheel.extractall(folder)
        return folder, wheel.namelist()


def test_only_names_of_the_projects_own(installed):
    folder, names = installed
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"unsup_jax", "unsup_jax_experiments"}
    ours = {str(path.relative_to(ROOT)) for end in ("py", "js", "css", "yaml") for path in (ROOT / "unsup_jax").rglob(f"*.{end}")}
    assert ours == {name for name in names if name.startswith("unsup_jax/")}
    assert len([name for name in names if name.startswith("unsup_jax_experiments/")]) == len(list((ROOT / "experiments").glob("*.py")))
    assert "unsup-jax = unsup_jax_experiments.__main__:start" in next(folder.glob("*.dist-info/entry_points.txt")).read_text()


def test_the_command_runs_from_anywhere(installed, tmp_path):
    folder, _ = installed
    script = tmp_path / "unsup-jax"
    script.write_text("import sys\nfrom unsup_jax_experiments.__main__ import start\nsys.exit(start())\n")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run([sys.executable, script, "list", "tissue"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "\ntv_tissue" in done.stdout, done.stderr
    code = "import unsup_jax, unsup_jax_experiments as e; print(unsup_jax.__file__, e.load('tv_tissue').method.label)"
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert str(folder) in found.stdout and "FISTA-TotalVariation" in found.stdout
