"""The plugin for napari: its manifest, and what its widgets make of arrays."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest

import unsup_jax
from unsup_jax import napari_plugin
from unsup_jax.choose import denoise
from unsup_jax.errors import InputError
from unsup_jax.methods import GaussianFilter
from unsup_jax.napari_plugin.widgets import denoised, reconstructed

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")

MANIFEST = Path(napari_plugin.__file__).with_name("napari.yaml")


def noisy(*shape):
    scene = np.add.outer(np.arange(48), np.arange(40)) + 50.0
    return (scene.reshape(*(1,) * (len(shape) - 2), 48, 40) + np.random.default_rng(0).normal(0, 8, shape)).astype(np.float32)


def test_a_stack_becomes_layers_like_it(monkeypatch):
    monkeypatch.setattr(denoise, "filters", lambda noise: [GaussianFilter(2.0)])
    y = noisy(2, 48, 40)
    (made, shown, kind), (bars, beside, _) = denoised(y, redraws=2, name="cells", scale=(1, 2, 2))
    assert made.shape == bars.shape == y.shape and kind == "image" and shown["scale"] == beside["scale"] == (1, 2, 2)
    assert shown["name"] == "cells, GaussianFilter (2.0)" and "taken: GaussianFilter" in shown["metadata"]["unsup_jax"]
    truth = noisy(2, 48, 40) - np.random.default_rng(0).normal(0, 8, y.shape)
    assert np.std(made - truth) < 0.5 * np.std(y - truth) and (bars > 0).all()


def test_colours_keep_their_type(monkeypatch):
    monkeypatch.setattr(denoise, "filters", lambda noise: [GaussianFilter(2.0)])
    y = np.clip(np.stack([noisy(48, 40)] * 3, -1), 0, 255).astype(np.uint8)
    ((made, shown, _),) = denoised(y, rgb=True, redraws=0)
    assert made.shape == y.shape and made.dtype == np.uint8 and shown["rgb"]


def test_a_run_reconstructs_a_layer(tmp_path):
    y = noisy(2, 48, 40)
    unsup_jax.fit(GaussianFilter(2.0), y, axes="IYX").save(tmp_path / "run")
    ((made, shown, _),) = reconstructed(y, tmp_path / "run")
    assert made.shape == y.shape and shown["name"] == "image, GaussianFilter"
    with pytest.raises(InputError, match="no run here"):
        reconstructed(y, tmp_path)
    with pytest.raises(InputError, match="2 axes or more"):
        reconstructed(y[0, 0], tmp_path / "run")


def test_the_manifest_names_what_there_is():
    names = re.findall(r"python_name: (\S+):(\S+)", MANIFEST.read_text())
    assert len(names) == 2 and all(callable(getattr(importlib.import_module(module), name)) for module, name in names)


def test_the_manifest_is_valid():
    npe2 = pytest.importorskip("npe2", reason="npe2, which checks manifests of napari, is not installed")
    manifest = npe2.PluginManifest.from_file(MANIFEST)
    assert manifest.name == "unsup_jax" and {w.display_name for w in manifest.contributions.widgets} == {"Denoise", "Load run"}
