"""Draws of x given y by what another run has learnt: their law, their place in runs, and what is refused."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from experiments._commands import with_prior
from test_score import Matrix, compared, gaussian_law

from unsup_jax import inference
from unsup_jax.core import Adam, Measurement
from unsup_jax.data import Data, Phantoms
from unsup_jax.errors import InputError
from unsup_jax.evaluate import correlation, coverage
from unsup_jax.experiment import Experiment, run
from unsup_jax.methods import Noise2Void, PosteriorSampling, ProximalGradient, Score
from unsup_jax.methods.score import DDS, MMPS, Denoiser, Denoising, DiffPIR, Heun
from unsup_jax.modalities import Inpainting
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Identity
from unsup_jax.priors import TotalVariation
from unsup_jax.runs import begin, load_trained
from unsup_jax.train import Train, solve
from unsup_jax.trained import Run


class Known:
    """A prior that nobody had to train."""

    def __init__(self, D, shape):
        self._D = dataclasses.replace(D, mean=jnp.zeros(shape))

    def denoiser(self):
        return self._D


def vectors():
    """(C, its exact prior of 8 numbers, a measurement of 5 products, the mean and covariance of x given it)."""
    g, (C, D) = np.random.default_rng(1), gaussian_law()
    A = g.normal(size=(5, 8)) / np.sqrt(8)
    y = A @ (np.linalg.cholesky(C) @ g.normal(size=8)) + 0.1 * g.normal(size=5)
    gain = C @ A.T @ np.linalg.inv(A @ C @ A.T + 0.01 * np.eye(5))
    return Known(D, (8,)), Measurement(jnp.float32(y), Matrix(jnp.float32(A)), Gaussian(0.1)), gain @ y, C - gain @ A @ C


def test_its_draws_are_those_of_the_posterior_of_gaussian_images():
    prior, one, mean, covariance = vectors()
    method = PosteriorSampling(prior, MMPS(levels=200, iterations=5), draws=4000)
    state, trace = solve(method, jax.random.key(0), one)
    of_mean, of_covariance, _ = compared(method.posterior(None, state, one), mean, covariance)
    assert of_mean < 0.03 and of_covariance < 0.1
    np.testing.assert_allclose(method.reconstruct(None, state, one), method.posterior(None, state, one).mean(0), rtol=1e-5, atol=1e-6)
    assert trace["fidelity"].shape == (200,) and trace["fidelity"][-1] < trace["fidelity"][0]


def test_draws_of_a_file_are_new_ones_each():
    """However many are wanted at a time: what is solved for a few of them would be the same few again."""
    prior, one, mean, covariance = vectors()
    method = PosteriorSampling(prior, MMPS(levels=50, iterations=5), draws=2)
    draws = np.stack([*inference.sampler(method, None, jax.random.key(0), 22)(one)])
    assert draws.shape == (22, 8) and len(np.unique(draws[:, 0])) == 22


def test_the_mean_of_an_image_in_white_noise_takes_no_draws():
    C, D = gaussian_law()
    one = Measurement(jnp.float32(np.random.default_rng(2).normal(size=8)), Identity(), Gaussian(0.5))
    method = PosteriorSampling(Known(D, (8,)), MMPS(levels=2), draws=1)
    wanted = C @ np.linalg.inv(C + 0.25 * np.eye(8)) @ one.y
    np.testing.assert_allclose(method.reconstruct(None, solve(method, jax.random.key(0), one)[0], one), wanted, rtol=1e-4, atol=1e-5)


TINY = Score(network=ScoreUNet(width=4, depth=1), optimizer=Adam(1e-3), sampler=DiffPIR(levels=3), unconditional=Heun(3), draws=2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a score model's run, with a row of another sampler, and its results."""
    folder = tmp_path_factory.mktemp("prior") / "run"
    experiment = Experiment(
        data=Data(source=Phantoms("nuclei", count=16, shape=(16, 16)), patch=16, test=1 / 16), modality=Inpainting(noise=Gaussian(5.0), keep=0.5),
        method=TINY, train=Train(steps=2, batch=2, checkpoint_every=2, validation_batches=1),
        references=(ProximalGradient(prior=TotalVariation(0.01), steps=2), dataclasses.replace(TINY, sampler=DDS(levels=4))),
    )
    jax.config.update("jax_disable_most_optimizations", True)
    with jax.numpy_dtype_promotion("standard"):
        yield folder, experiment, run(experiment, "mine", folder, quiet=True)
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.slow
def test_samplers_of_one_model_share_its_training(trained):
    folder, experiment, results = trained
    assert [r.label for r in results] == ["FISTA-TotalVariation", "Score (sampler DDS, levels 4)", "Score"]
    assert [r.row["train_seconds"] is None for r in results] == [True, True, False] and [bool(r.history) for r in results] == [False, False, True]
    assert not (folder / "score_sampler_dds_levels_4" / "checkpoints").exists()
    for r in results[1:]:
        assert {"PSNR of one draw (dB)", "coverage of 90 %", "deviation against error"} <= r.row.keys()
    assert not np.array_equal(results[1].estimates[0], results[2].estimates[0])
    load_trained(experiment.method, experiment.train, folder)


@pytest.mark.slow
def test_a_run_of_a_score_model_is_a_prior_of_any_instrument(trained, tmp_path):
    folder, experiment, _ = trained
    given = with_prior(experiment, ["--prior", str(folder)])[0]
    with jax.numpy_dtype_promotion("standard"):
        (again,) = run(dataclasses.replace(given, references=()), "mine", tmp_path / "out", quiet=True)
    assert again.label == "DiffPIR by a run" and again.draws.shape == (2, 16, 16, 1) and np.isfinite(again.draws).all()


def test_a_run_stands_in_the_place_of_a_training_on_the_command_line(tmp_path):
    """Of that of the references of its kind too; and a run of another method is refused."""
    experiment = Experiment(TINY, Inpainting(), references=(ProximalGradient(), dataclasses.replace(TINY, sampler=DDS())))
    for name, method in (("score", TINY), ("n2v", Noise2Void())):
        (tmp_path / name).mkdir()
        begin(tmp_path / name, name, dataclasses.replace(experiment, method=method), {})
    given, rest = with_prior(experiment, ["--prior", str(tmp_path / "score"), "--method.draws", "3"])
    prior = Run(str(tmp_path / "score"))
    assert given.method == PosteriorSampling(prior, TINY.sampler, 2) and rest == ["--method.draws", "3"]
    assert given.references == (ProximalGradient(), PosteriorSampling(prior, DDS(), 2))
    with pytest.raises(InputError, match="a run of Noise2Void, which is told no level of noise"):
        with_prior(experiment, ["--prior", str(tmp_path / "n2v")])


def test_draws_of_a_method_that_is_solved_are_reported(tmp_path, quick_compilation):
    """Their deviation, coverage and figures, as of a method that is trained."""
    white = Known(Denoiser(lambda x, sigma: 30 + 400 / (400 + sigma**2) * (x - 30), deviation=20.0), (1, 1, 1))
    experiment = Experiment(
        PosteriorSampling(white, DiffPIR(levels=3), draws=3), Inpainting(noise=Gaussian(5.0), keep=0.5),
        Data(source=Phantoms("nuclei", count=2, shape=(16, 16)), patch=None),
    )
    (result,) = run(experiment, "mine", tmp_path, quiet=True)
    assert result.label == "DiffPIR by a run" and result.draws.shape == (3, 8, 16, 1) and np.isfinite(result.draws).all()
    row = next(row for row in json.loads((tmp_path / "scores.json").read_text()) if row["method"] == "DiffPIR by a run")
    assert {"psnr", "PSNR of one draw (dB)", "coverage of 90 %", "deviation against error"} <= row.keys()
    assert (tmp_path / "diffpir_by_a_run" / "diversity.png").exists() and (tmp_path / "calibration.png").exists()


def test_what_is_no_prior_is_told_in_one_line(tmp_path):
    D = Known(Denoiser(lambda x, sigma: x), (1, 1, 1))
    y = jnp.ones((8, 8, 1))
    for make, said in (
        (lambda: PosteriorSampling(D, draws=0), "draws >= 1"),
        (lambda: PosteriorSampling(D).check(Measurement(y, Identity())), "MMPS takes white Gaussian noise"),
        (lambda: PosteriorSampling(D, Denoising()).check(Measurement(jnp.ones((8, 8, 2)), Identity(), Gaussian(1.0))), "those of the measurement are 2-D ones of 2"),
        (lambda: PosteriorSampling(Run(str(tmp_path))).check(Measurement(y, Identity(), Gaussian(1.0))), "no run here"),
    ):
        with pytest.raises(InputError, match=said) as error:
            make()
        assert "\n" not in str(error.value)


def test_deviation_and_error_correlate_where_the_draws_know_their_error():
    """Of pixels whose deviation is known to be s, |error| of a normal draw has the mean s sqrt(2 / pi): the correlation is that of s and s |n|."""
    g = np.random.default_rng(0)
    s = g.uniform(0.5, 2.0, (150, 150, 1))
    n = np.abs(g.normal(size=s.shape))
    wanted = np.corrcoef(s.ravel(), (s * n).ravel())[0, 1]
    draws = s * g.normal(size=(64, *s.shape))
    assert correlation(draws, s * g.normal(size=s.shape)) == pytest.approx(wanted, abs=0.03)
    both = lambda *shape: s * (g.normal(size=shape) + 1j * g.normal(size=shape))
    draws, truth = both(64, *s.shape), both(*s.shape)                      # a complex pixel counts as its two parts
    assert correlation(draws, truth) == pytest.approx(wanted, abs=0.03)
    np.testing.assert_allclose(coverage(draws, truth, [0.9]), 0.9, atol=0.01)
