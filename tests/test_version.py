"""The version is that of the tag, of the source distribution, or of the package, whichever is there."""

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import unsup_jax

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def version_of():
    """The rule of setup.py."""
    pytest.importorskip("setuptools")
    spec = importlib.util.spec_from_file_location("setup_of_unsup_jax", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.version_of


@pytest.fixture
def sources(tmp_path):
    """A folder with what the rule reads, and no history."""
    (tmp_path / "unsup_jax").mkdir()
    shutil.copy(ROOT / "unsup_jax" / "__init__.py", tmp_path / "unsup_jax")
    return tmp_path


def git(folder, *words):
    name = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *name, *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_tag_and_the_commits_after_it(sources, version_of):
    assert version_of(sources) == unsup_jax.RELEASE                  # a tarball
    git(sources, "init", "-q"), git(sources, "add", "."), git(sources, "commit", "-qm", "one")
    assert version_of(sources) == unsup_jax.RELEASE                  # a checkout without tags
    git(sources, "tag", "v1.2.3")
    assert version_of(sources) == "1.2.3"
    for message in ("two", "three"):
        git(sources, "commit", "-q", "--allow-empty", "-m", message)
    assert re.fullmatch(r"1\.2\.4\.dev2\+g[0-9a-f]+", version_of(sources))
    inside = sources / "copy"
    inside.mkdir()
    shutil.copytree(sources / "unsup_jax", inside / "unsup_jax")
    assert version_of(inside) == unsup_jax.RELEASE                   # the tags of a repository around it are not its own


def test_a_source_distribution_says_its_own(sources, version_of):
    (sources / "PKG-INFO").write_text("Metadata-Version: 2.4\nName: unsup_jax\nVersion: 7.8.9\n")
    assert version_of(sources) == "7.8.9"


def test_what_is_published_agrees():
    """The newest heading of the changelog, the citation and Zenodo's record are of the release; licences are one."""
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[1] == unsup_jax.RELEASE
    assert f"\nversion: {unsup_jax.RELEASE}\n" in (ROOT / "CITATION.cff").read_text() and "\nlicense: Apache-2.0\n" in (ROOT / "CITATION.cff").read_text()
    record = json.loads((ROOT / ".zenodo.json").read_text())
    assert record["version"] == unsup_jax.RELEASE and record["license"] == "Apache-2.0" and record["upload_type"] == "software" and record["creators"]
