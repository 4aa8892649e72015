"""The README's five-minute tasks run as they are written there, and its table names every method."""

import re
from pathlib import Path

import pytest

from unsup_jax import methods

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types


def test_the_blocks_run_as_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 6
    scope = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, "README.md", "exec", dont_inherit=True), scope)
    noisy, result = (float(line.split()[i]) for line, i in zip(_rows(capsys.readouterr().out), (2, 2)))
    assert result > noisy + 3 and (tmp_path / "runs" / "filaments" / "report.html").exists()


def _rows(text):
    return [line for line in text.splitlines() if line.startswith(("noisy", "L1Noise2Noise  "))]


def test_every_method_is_in_the_table():
    for name in methods.__all__:
        assert f"`{name}`" in README


def test_every_command_of_the_readme_exists():
    text = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\S+)", README, re.M):
        assert f"\n{target}:" in text
    from experiments.__main__ import USAGE

    for command in re.findall(r"python -m experiments (\w+)", README):
        assert f"  {command} " in USAGE
