"""Conformance of every registered experiment, in a tiny version of itself."""

import dataclasses

import jax
import numpy as np
import pytest

import experiments
from unsup_jax import config
from unsup_jax.core import Method
from unsup_jax.data import Brain, FunctionalRun, Hinge, Phantoms
from unsup_jax.errors import InputError
from unsup_jax.evaluate import align
from unsup_jax.experiment import run
from unsup_jax.methods import Composed, GaussianFilter
from unsup_jax.networks import DnCNN
from unsup_jax.runs import load_trained, method_folder
from unsup_jax.train import Train
from unsup_jax.train.logging import read_metrics

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types


def tiny(experiment):
    """The same experiment on eight small phantoms, its method as small as it works, trained for two steps."""
    volume = experiment.data.dimensions == 3
    data = dataclasses.replace(
        experiment.data, source=Phantoms(count=8, shape=(16, 16, 16) if volume else (32, 32)),
        patch=None if experiment.data.patch is None else 16,
    )
    return dataclasses.replace(
        experiment, data=data, method=experiment.method.tiny(), modality=few_views(experiment.modality), references=(), analysis=None, trust=0.0,
        train=Train(steps=2, batch=4, checkpoint_every=1, validation_batches=1),
    )


def few_views(modality):
    """The instrument with no more than 20 images of a specimen."""
    most = min(getattr(modality, "projections", 0), 20)
    return dataclasses.replace(modality, projections=most) if most else modality


LONG = (
    "cyclegan_stains", "cyclegan_blur", "adain_cyclegan", "otcyclegan_volume",
    "ssdu_tomography", "self2self_camera", "ambientgan_blur", "cryocare_tomogram", "spatial_vae_particles", "structn2v_lines", "cosdd_lines", "ssdu_deconvolution",
    "tv_diffraction", "tv_cryo_em", "n2v_volume", "divnoising_camera", "multimask_mri", "ssdu_fmri", "dncnn_camera", "n2n_mri",
    "pix2pix_nuclei", "annapalm_filaments", "ptychography_gan", "ganrec_tomography", "tomogan_tomography",
    "cryogan_blobs", "multi_cryogan_hinge", "projectiongan_cells", "projectiongan_turning", "otcyclegan_mri", "ambientgan_inpainting", "cole_mri",
    "score_denoising", "score_inpainting", "score_mri", "score_deconvolution", "score_brain_mri", "deep_phase_decoder_ptychography",
    "ambient_inpainting", "em_inpainting", "dip_deconvolution", "dip_mri",
)


def driven(method):
    """What the drivers see of a method: how it is run, and which of the functions they ask for are its own."""
    own = [name for name in ("validate", "start_from", "posterior", "images", "sample") if getattr(type(method), name) is not getattr(Method, name)]
    return method.scope, method.steps > 0, method.reconstructs, method.sees, method.reads, *own


def cases():
    """Every experiment; slow where another one drives a method alike on data of its kind, or where it compiles long.

    That each method learns is for the tests of methods.
    """
    seen, result = set(), []
    for name in sorted(experiments.names(), key=lambda name: name != "n2v_tissue"):
        e = experiments.load(name)
        kind = (driven(e.method), type(e.modality), e.data.dimensions)
        result.append(pytest.param(name, marks=[pytest.mark.slow] * (kind in seen or name in LONG)))
        seen.add(kind)
    return result


@pytest.mark.parametrize("name", cases())
def test_conformance(name, tmp_path):
    experiment = tiny(experiments.load(name))
    (result,) = run(experiment, name, tmp_path, quiet=True)
    if experiment.method.reconstructs:
        assert all(np.isfinite(result.row[score]) for score in ("psnr", "ssim", "nmse", "psnr_affine"))
        assert all(np.isfinite(e).all() for e in result.estimates)
    else:
        assert np.isfinite(result.samples).all()
    assert (tmp_path / "report.html").stat().st_size > 10_000 and (tmp_path / "scores.json").exists()
    if experiment.method.scope == "dataset":
        rows = read_metrics(method_folder(tmp_path, experiment.method.label))
        assert rows[-1]["step"] == 2 and all(np.isfinite(v) for row in rows for v in row.values())
        state, _ = load_trained(experiment.method, experiment.train, tmp_path)
        if not experiment.method.reconstructs:
            return
        measured = experiment.data.measure(experiment.modality, experiment.train.seed)
        test = experiment.data.arrange(measured, experiment.method.sees, experiment.train.seed, views=experiment.method.single_views).test[0]
        again = jax.jit(experiment.method.reconstruct)(jax.random.key(0), state, jax.tree.map(jax.numpy.asarray, test.only(experiment.method.reads)))
        again = align(np.asarray(again), test.truth).apply(np.asarray(again)) if experiment.method.single_views else again
        np.testing.assert_allclose(again, result.estimates[0], rtol=1e-4, atol=0.2)  # of 255: truncated CG magnifies rounding
    elif result.history:
        assert [row["step"] for row in result.history] == list(range(1, experiment.method.steps + 1)) and (tmp_path / "curves.png").exists()
        watched = [row["validation_loss"] for row in result.history if "validation_loss" in row]
        if len(result.estimates) == 1:                              # of several the row is the mean, and the history that of the first
            assert result.row.get("held-out loss") == (min(watched) if watched else None)


def few(experiment):
    """The experiment on few of its own images, of their own size; skips where what they come from is not installed."""
    source = experiment.data.source
    if isinstance(source, (Brain, FunctionalRun)):
        pytest.importorskip("nilearn")
    if isinstance(source, Phantoms):
        enough = 8 if "unpaired" in experiment.method.sees else 2       # half of those that are not scored are unpaired
        source = dataclasses.replace(source, count=min(source.count, enough))
    if isinstance(source, Hinge):
        source = dataclasses.replace(source, count=2)
        experiment = dataclasses.replace(experiment, data=dataclasses.replace(experiment.data, test=0.0))
    experiment = dataclasses.replace(experiment, modality=few_views(experiment.modality))
    if isinstance(source, Brain):
        source = dataclasses.replace(source, count=4 * len(source.planes), scored=len(source.planes))
    if isinstance(source, FunctionalRun):                           # one turn of the wedge
        paradigm = dataclasses.replace(source.paradigm, frames=int(source.paradigm.cycle_s / source.paradigm.repetition_s))
        source = dataclasses.replace(source, paradigm=paradigm)
        experiment = dataclasses.replace(experiment, analysis=dataclasses.replace(experiment.analysis, paradigm=paradigm))
    return dataclasses.replace(experiment, data=dataclasses.replace(experiment.data, source=source))


@pytest.mark.parametrize("name", experiments.names())
def test_an_experiment_and_its_references_take_its_own_measurements(name):
    """Each method, with its own hyperparameters, checks the first test measurement, and is traced on it, uncomputed."""
    experiment, key = few(experiments.load(name)), jax.random.key(0)
    measured = experiment.data.measure(experiment.modality, experiment.train.seed)
    for label, method, train in experiment.entries():
        dataset = experiment.data.arrange(measured, method.sees, train.seed, views=method.single_views)
        test = dataset.test[0] if dataset.unpaired is None else dataset.test[0].replace(unpaired=dataset.unpaired[0])
        one = jax.tree.map(jax.numpy.asarray, test.only(method.sees))
        method.check(one)
        example = one if method.scope == "measurement" else jax.tree.map(lambda leaf: jax.numpy.stack([leaf] * 2), one)

        def solved(example, one, method=method.planned(method.steps)):
            state = method.init(key, example)
            if method.steps:  # what a training's update does is traced by the tests of conformance
                state, _ = method.update(key, state, example)
            return method.reconstruct(key, state, one) if method.reconstructs else method.sample(key, state, 1)[0]

        estimate = jax.eval_shape(solved, example, one)
        assert estimate.shape[-1] == test.truth.shape[-1], label


@pytest.mark.slow
@pytest.mark.parametrize("name", experiments.names())
def test_an_experiment_runs_with_its_references(name, tmp_path):
    """Its own instrument, sizes, method and references, trained for two steps: every one has a row, and none a NaN."""
    experiment = few(experiments.load(name))
    train = dataclasses.replace(experiment.train, steps=2, checkpoint_every=1, validation_batches=1)
    results = run(dataclasses.replace(experiment, train=train), name, tmp_path, quiet=True)
    assert [r.label for r in results] == [label for label, _, _ in experiment.entries()]
    assert all(np.isfinite(r.row["psnr"]) if r.estimates else np.isfinite(r.samples).all() for r in results)


@pytest.mark.parametrize("name", experiments.names())
def test_configuration_survives_json(name):
    experiment = experiments.load(name)
    data = experiment.data if experiment.data.patch is None else dataclasses.replace(experiment.data, patch=(9,) * experiment.data.dimensions)
    changed = dataclasses.replace(experiment, data=data, train=dataclasses.replace(experiment.train, steps=7))
    import json

    stored = json.loads(json.dumps(config.to_json(changed)))
    assert config.from_json(experiment, stored) == changed


def test_docstrings_name_their_command():
    for name, _ in experiments.every():
        import sys

        assert f"python -m experiments run {name}" in sys.modules[f"experiments.{name}"].__doc__


def test_unknown_names_get_suggestions():
    with pytest.raises(InputError, match="did you mean n2v_tissue"):
        experiments.load("n2v_tisue")


def test_references_of_one_name_are_told_apart():
    """A row and a folder each; the same one twice is refused."""
    e = experiments.load("gaussian_tissue")
    both = dataclasses.replace(e, method=GaussianFilter(1.0), references=(GaussianFilter(2.0), GaussianFilter(3.0)))
    assert [label for label, _, _ in both.entries()] == ["GaussianFilter (sigma 2.0)", "GaussianFilter (sigma 3.0)", "GaussianFilter"]
    other = dataclasses.replace(Composed(), network=DnCNN(depth=3))
    assert [label for label, _, _ in dataclasses.replace(e, method=Composed(), references=(other,)).entries()][0] == "HoldOut (network DnCNN of depth 3)"
    with pytest.raises(InputError, match=r"GaussianFilter \(sigma 2.0\) is among the references twice"):
        dataclasses.replace(both, references=(GaussianFilter(2.0), GaussianFilter(2.0))).entries()
