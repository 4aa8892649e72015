"""What a run writes of methods that make images from nothing, and what an analysis is shown."""

import json
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Measurement, Method
from unsup_jax.data import Data, Phantoms
from unsup_jax.errors import InputError
from unsup_jax.evaluate import Analysis
from unsup_jax.experiment import compare
from unsup_jax.inference import estimator
from unsup_jax.methods import GaussianFilter
from unsup_jax.modalities import Camera
from unsup_jax.operators import Identity
from unsup_jax.train import Train

pytestmark = pytest.mark.usefixtures("standard_promotion")


@dataclass(frozen=True)
class Normal(Method):
    """White images of the mean and the deviation of the images of the target distribution."""

    sees: ClassVar[frozenset[str]] = frozenset({"unpaired"})
    reference: ClassVar[str] = "Gauss 1809"

    def init(self, key, example):
        return {"mean": jnp.mean(example.unpaired), "deviation": jnp.std(example.unpaired), "frame": jnp.zeros(example.unpaired.shape[1:])}

    def update(self, key, state, batch):
        return state, {"loss": jnp.std(batch.unpaired)}

    def sample(self, key, state, count):
        return state["mean"] + state["deviation"] * jax.random.normal(key, (count, *state["frame"].shape))

    def images(self, state, measurement):
        return {"the mean": jnp.broadcast_to(state["mean"], (1, 2, *state["frame"].shape))}


@dataclass(frozen=True)
class Means(Analysis):
    """Mean grey values of what a run made, and of what it is compared with."""

    draws: ClassVar[int] = 50

    def scores(self, estimates, test, reference):
        np.testing.assert_array_equal(test[0].truth, reference[0])
        return {"mean of y": float(np.mean([m.y for m in test])), "mean": float(np.mean(estimates))}

    def sample_scores(self, samples, reference):
        return {"samples": len(samples), "distance": float(abs(samples.mean() - np.mean(reference)))}


def test_a_model_of_images_alone_is_trained_shown_and_scored(tmp_path):
    data, train = Data(source=Phantoms(count=16, shape=(32, 32)), test=0.125, patch=None), Train(steps=2, batch=4, validation_batches=1)
    entries = [(m.label, m, train) for m in (GaussianFilter(), Normal())]
    blurred, normal = compare(entries, "normal", tmp_path, data, Camera(), 0, analysis=Means(), quiet=True)
    assert blurred.samples is None and len(blurred.estimates) == 2
    assert normal.samples.shape == (50, 32, 32, 1) and not normal.estimates
    rows = {row["method"]: row for row in json.loads((tmp_path / "scores.json").read_text())}
    assert "psnr" not in rows["Normal"] and "mean" not in rows["Normal"] and rows["Normal"]["samples"] == 50 and rows["Normal"]["distance"] < 40
    assert rows["GaussianFilter"]["psnr"] > rows["noisy"]["psnr"] and "samples" not in rows["GaussianFilter"] and "mean of y" in rows["GaussianFilter"]
    report = (tmp_path / "report.html").read_text()
    assert "Normal: samples" in report and "Normal: the mean" in report
    alone = compare(entries[1:], "normal", tmp_path / "alone", data, Camera(), 0, quiet=True)
    assert alone[0].samples.shape == (36, 32, 32, 1) and (tmp_path / "alone" / "report.html").exists()
    assert not Normal().reconstructs and GaussianFilter().reconstructs
    with pytest.raises(InputError, match="Normal makes images from nothing"):
        next(estimator(Normal(), None, jax.random.key(0))([Measurement(np.zeros((8, 8, 1), np.float32), Identity())]))
