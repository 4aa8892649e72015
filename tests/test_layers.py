"""Imports point one way, modules do no work on import, and device axes live in one file."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEVELS = [
    {"errors", "huge_pages", "lazy", "terminal", "type_names", "user_folders"},
    {"files"},
    {"core"},
    {"operators", "noise", "priors", "losses", "networks", "onnx"},
    {"modalities", "methods"},
    {"data", "train", "evaluate", "trust"},
    {"config", "inference", "provenance", "runs", "trained"},
    {"experiment"},
    {"bars", "draws"},
    {"apply", "export", "fitted"},
    {"choose"},
    {"napari_plugin"},
    {"experiments", "benchmarks"},
]
LEVEL = {name: level for level, names in enumerate(LEVELS) for name in names}
FILES = sorted(p for folder in ("unsup_jax", "experiments", "benchmarks") for p in (ROOT / folder).rglob("*.py"))


def part(module):
    """The part of the house that a module belongs to; None outside of it."""
    names = module.split(".")
    return names[1] if names[0] == "unsup_jax" and len(names) > 1 else names[0] if names[0] in LEVEL else None


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ([f"{node.module}.{a.name}" for a in node.names] if node.module in ("unsup_jax", "flax") else [node.module])
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_down(path):
    own = part(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if own is None or own == "__init__":
        return
    for module in imported(path):
        other = part(module)
        if other is not None:
            assert LEVEL[other] <= LEVEL[own], f"{path} imports {module}"


def test_every_part_has_a_level():
    parts = {p.stem if p.is_file() else p.name for p in (ROOT / "unsup_jax").iterdir() if not p.name.startswith("__")}
    assert parts <= set(LEVEL)


@pytest.mark.parametrize("path", [p for p in FILES if p.is_relative_to(ROOT / "unsup_jax")], ids=lambda p: p.stem)
def test_devices_are_named_in_one_file(path):
    if path.name != "parallel.py":
        text = path.read_text()
        for word in ("pmap", "jax.devices", "local_devices", "NamedSharding", "shard_map"):
            assert f"{word}(" not in text, f"{path} uses {word}"


def test_flax_is_confined():
    """Its modules stand in networks/, and beside peers; elsewhere its `struct` alone, and the error that it raises."""
    for path in FILES:
        modules = [m for m in imported(path) if m.split(".")[0] == "flax" and not m.startswith(("flax.struct", "flax.errors"))]
        assert not modules or {"networks", "benchmarks"} & set(path.parts), f"{path} imports {modules}"


def test_what_is_imported_is_declared():
    """Nothing reaches us through another package alone, and what is imported with a module is no extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name = lambda text: re.sub("[-_.]+", "-", re.match(r"[\w.-]+", text)[0]).lower()
    declared = {name(text) for text in project["dependencies"]}
    distributions = packages_distributions()
    for path in FILES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0):
                modules = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
                for module in (m.split(".")[0] for m in modules):
                    ours = module == "unsup_jax" or module in LEVEL or module in sys.stdlib_module_names
                    assert ours or declared & {name(d) for d in distributions[module]}, f"{path} imports {module}"
