"""The site: its tutorials run, its experiments and links exist, and every method has a page."""

import json
import re
import sys
from pathlib import Path

import pytest

from unsup_jax import methods

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = {str(path.relative_to(DOCS)): path.read_text() for path in sorted(DOCS.rglob("*.md"))}
sys.path.insert(0, str(DOCS))

import literate  # noqa: E402


@pytest.mark.tutorial
@pytest.mark.usefixtures("standard_promotion")
@pytest.mark.parametrize("page", [
    pytest.param(name, marks=[pytest.mark.slow] * ("cryogan" in name))     # two minutes of reconstructing 4096 projections
    for name, text in PAGES.items() if any(language == "python" for language, _ in literate.blocks(text))
])
def test_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    literate.perform(PAGES[page], steps=2)
    assert all((tmp_path / name).exists() for name in literate.pictures(PAGES[page]))


def test_a_command_that_fails_is_no_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError, match="denoise nothing.tif"):
        literate.perform("```sh\nunsup-jax denoise nothing.tif -o out.tif\n```\n")


def test_steps_are_cut_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    literate.perform("```python\nopen('made', 'w').write(repr((dict(steps=300, batch=8), '--train.steps 1', 'footsteps=9')))\n```\n", steps=2)
    assert (tmp_path / "made").read_text() == "({'steps': 2, 'batch': 8}, '--train.steps 1', 'footsteps=9')"


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_points_to_exists(page):
    for name in re.findall(r"^\{experiment: (\w+)\}$", PAGES[page], re.M):
        assert (ROOT / "experiments" / f"{name}.py").exists(), name
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)", PAGES[page]):
        assert ((DOCS / page).parent / target).exists(), target
    for name in re.findall(r"`(\w+_(?:tissue|camera|mri|tomography|deconvolution|nuclei|blobs|particles|lines))\b", PAGES[page]):
        assert (ROOT / "experiments" / f"{name}.py").exists(), name


def test_every_method_has_a_page():
    text = "".join(PAGES.values())
    absent = [name for name in methods.__all__ if not re.search(rf"\b{name}\b", text)]
    assert not absent


def test_every_figure_is_of_an_experiment_and_says_of_which_run():
    runs = json.loads((DOCS / "gallery" / "runs.json").read_text())
    assert {path.stem for path in (DOCS / "gallery").glob("*.webp")} == set(runs)
    assert all((ROOT / "experiments" / f"{name}.py").exists() and run["command"].startswith("unsup-jax run") for name, run in runs.items())
