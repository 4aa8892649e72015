"""The style of the public API: documented, keys first, exported."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import typing

import jax
import pytest

import unsup_jax

MODULES = [
    importlib.import_module(m.name) for m in pkgutil.walk_packages(unsup_jax.__path__, "unsup_jax.")
]


def public(module):
    for name, thing in vars(module).items():
        if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__:
            yield name, thing


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_everything_public_is_documented(module):
    assert module.__doc__
    for name, thing in public(module):
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert thing.__doc__ and not thing.__doc__.startswith(f"{name}("), f"{module.__name__}.{name}"
        if inspect.isclass(thing):
            for method, function in vars(thing).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    assert inspect.getdoc(getattr(thing, method)), f"{module.__name__}.{name}.{method}"


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)
def test_keys_come_first(module):
    functions = [f for _, f in public(module) if inspect.isfunction(f)]
    functions += [f for _, c in public(module) if inspect.isclass(c) for f in vars(c).values() if inspect.isfunction(f)]
    for function in functions:
        names = [p for p in inspect.signature(function).parameters if p not in ("self", "method", "state")]
        if "key" in names and module.__name__ not in ("unsup_jax.experiment",):
            assert names[0] == "key", function


@pytest.mark.parametrize("module", [m for m in MODULES if hasattr(m, "__all__")], ids=lambda m: m.__name__)
def test_exports_exist(module):
    for name in module.__all__:
        assert hasattr(module, name)


def configurations():
    """Every class that a configuration can hold: those of the families, and what their fields and those of an experiment lead to."""
    from unsup_jax.core import Method, Optimizer
    from unsup_jax.evaluate import Analysis
    from unsup_jax.experiment import Experiment
    from unsup_jax.losses import Objective
    from unsup_jax.modalities import Modality
    from unsup_jax.networks import Network
    from unsup_jax.noise import NoiseModel
    from unsup_jax.priors import Prior

    families = (Method, Optimizer, Analysis, Objective, Modality, Network, NoiseModel, Prior)
    waiting = [Experiment, *(c for m in MODULES for _, c in public(m) if inspect.isclass(c) and issubclass(c, families))]
    found = set()
    while waiting:
        cls = waiting.pop()
        if cls in found or not dataclasses.is_dataclass(cls) or not cls.__module__.startswith("unsup_jax"):
            continue
        found.add(cls)
        for field in dataclasses.fields(cls):
            waiting += [t for t in (type(field.default), field.type, *typing.get_args(field.type)) if isinstance(t, type)]
    return sorted(found, key=lambda cls: f"{cls.__module__}.{cls.__name__}")


@pytest.mark.parametrize("cls", configurations(), ids=lambda cls: cls.__name__)
def test_every_field_of_a_configuration_is_explained(cls):
    """`--help` shows the text below each field; a field without one would be bare."""
    body = ast.parse(inspect.getsource(cls)).body[0].body
    for node, after in zip(body, [*body[1:], None]):
        if isinstance(node, ast.AnnAssign) and "ClassVar" not in ast.dump(node.annotation):
            explained = isinstance(after, ast.Expr) and isinstance(getattr(after.value, "value", None), str)
            assert explained, f"{cls.__name__}.{node.target.id}"


def test_what_a_configuration_can_hold_is_found():
    names = {cls.__name__ for cls in configurations()}
    assert {"Experiment", "Data", "Train", "Phantoms", "Adam", "UNet", "Noise2Void", "Camera", "Gaussian", "TotalVariation", "Split", "Rotations"} <= names


def test_methods_are_frozen_and_hashable():
    from unsup_jax import methods

    for name in methods.__all__:
        make = getattr(methods, name)
        given = {f.name: "a run" for f in dataclasses.fields(make) if f.init and f.default is dataclasses.MISSING}       # a prior is another run's
        method = make(**given)
        assert hash(method) == hash(make(**given)) and method.reference
        with pytest.raises(dataclasses.FrozenInstanceError):
            method.scope = "other"


def test_importing_computes_nothing_and_loads_little():
    """Backends start at the first computation, after `parallel.configure`; what takes long to import waits for its first use."""
    import subprocess
    import sys

    code = """
import sys, experiments, experiments._commands
assert all(e.method.label for _, e in experiments.every())
from jax._src import xla_bridge
assert not xla_bridge._backends
late = {"scipy", "optax", "orbax", "grain", "matplotlib", "skimage", "pywt", "tifffile", "h5py", "tensorstore"} & set(sys.modules)
assert not late, late
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert jax.device_count() == 4
