"""The default experiment at its full length, about four minutes."""

import pytest

import experiments
from unsup_jax.experiment import run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("standard_promotion")]


def test_the_default_experiment_keeps_its_promise(tmp_path):
    rows = {r.label: r.row["psnr"] for r in run(experiments.load("n2v_tissue"), "n2v_tissue", tmp_path)}
    import json

    noisy = json.loads((tmp_path / "scores.json").read_text())[0]["psnr"]
    n2v = rows["Noise2Void"]
    assert n2v > noisy + 6
    assert n2v > max(rows["GaussianFilter"], rows["MedianFilter"], rows["BM3D"])
    assert abs(n2v - rows["Supervised"]) < 1
