"""The report: what it says of good, of poor and of faulty estimates, and where it is found."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

import unsup_jax
from unsup_jax.apply import reconstruct_files
from unsup_jax.data import Data
from unsup_jax.errors import InputError
from unsup_jax.experiment import Experiment
from unsup_jax.files import write_image
from unsup_jax.methods import GaussianFilter
from unsup_jax.modalities import Camera
from unsup_jax.noise import Gaussian, PoissonGaussian
from unsup_jax.operators import Fourier

RNG = np.random.default_rng(0)
N = 96
GRID = np.indices((N, N))
X = 104 + 40 * sum(
    RNG.uniform(0.2, 1) * np.exp(-((GRID - RNG.uniform(0, N, (2, 1, 1))) ** 2).sum(0) / 2 / RNG.uniform(1.5, 7) ** 2) for _ in range(30))
NOISE = PoissonGaussian(2.0, 4.0, 100.0)
Y = (2 * RNG.poisson((X - 100) / 2) + 100 + 4 * RNG.normal(size=X.shape)).astype(np.float32)
smooth = lambda width: lambda y: ndimage.gaussian_filter(y, width)
lights = lambda report: {f.name: f.light for f in report.findings}


def test_a_good_estimate_is_green_and_its_error_is_known():
    report = unsup_jax.trust(Y, smooth(1.2)(Y), noise=NOISE, estimator=smooth(1.2))
    assert report.light == "green" and report.estimations == 9
    assert report.risk.value == pytest.approx(np.mean((smooth(1.2)(Y) - X) ** 2), abs=3 * report.risk.error)
    assert report.chi_square < 1 and all(line.startswith("GREEN") for line in report.summary().splitlines())


def test_poor_estimates_are_not_and_say_why():
    blurred = lights(unsup_jax.trust(Y, smooth(5)(Y), noise=NOISE, estimator=smooth(5)))
    assert blurred["scales"] == "red" and blurred["whiteness"] != "green" and blurred["structure"] == "green"
    noisy = lights(unsup_jax.trust(Y, Y, noise=NOISE, estimator=lambda y: y))
    assert noisy["structure"] == "red" and noisy["residual"] == "amber" and noisy["error"] == "amber"
    gone = lights(unsup_jax.trust(Y, np.full_like(Y, 200), noise=NOISE, estimator=lambda y: np.full_like(y, 200)))
    assert gone["error"] == "red" and gone["residual"] == "red"


def test_a_wrong_noise_model_is_seen():
    wrong = unsup_jax.trust(Y, smooth(1.2)(Y), noise=PoissonGaussian(0.2, 4.0, 100.0), estimator=smooth(1.2))
    assert lights(wrong)["residual"] != "green" and lights(wrong)["grey levels"] == "amber"


def test_without_an_estimator_and_without_noise_what_can_be_said_is_said():
    report = unsup_jax.trust(Y, X)
    assert report.estimations == 0 and report.risk is None and report.renoised is None
    assert report.chi_square == pytest.approx(1, abs=0.1) and report.light == "green"
    assert "estimated from the image" in report.findings[-1].words
    k = np.ones((16, 16, 1), np.complex64)
    assert [f.name for f in unsup_jax.trust(k, k, H=Fourier(jnp.ones((16, 16)))).findings] == ["noise model"]


def test_faults_of_the_input_are_told():
    faulty = Y.copy()
    faulty[10, 12] += 200
    pages = np.stack([faulty * (1 - 0.02 * k) for k in range(8)])
    found = lights(unsup_jax.trust(faulty, X, noise=NOISE, pages=pages))
    assert found["hot pixels"] == "amber" and found["drift"] == "amber" and "input" not in found


def test_complex_data_by_another_operator():
    mask = (np.random.default_rng(1).random((N, N)) < 0.6).astype(np.float32)
    H = Fourier(jnp.asarray(mask))
    k = Gaussian(jnp.float32(5.0)).sample(jax.random.key(0), H(jnp.asarray(X[..., None], jnp.complex64)))
    report = unsup_jax.trust(k, X[..., None].astype(np.complex64), H=H, noise=Gaussian(5.0), estimator=lambda k: np.asarray(H.adjoint(k)))
    assert report.risk is not None and report.held_out is None     # an estimator of arrays is not told what was held out
    assert report.chi_square == pytest.approx(1, abs=0.1)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="it is \\(96, 96, 1\\)"):
        unsup_jax.trust(Y, X[:50])
    with pytest.raises(InputError, match="repeats"):
        unsup_jax.trust(Y, X, pages=np.zeros((8, 5, 5)))


def test_reconstruct_writes_a_page(tmp_path, capsys):
    write_image(tmp_path / "y.tif", Y, "YX")
    experiment = Experiment(GaussianFilter(1.2), Camera(noise=NOISE), Data(path=str(tmp_path / "y.tif"), patch=None))
    reconstruct_files(experiment, tmp_path, tmp_path / "y.tif", tmp_path / "x.tif", report=tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "Can it be trusted?" in page and page.count("data:image/png;base64") == 2 and "http" not in page
    assert "whiteness" in capsys.readouterr().out
    with pytest.raises(InputError, match="html"):
        reconstruct_files(experiment, tmp_path, tmp_path / "y.tif", tmp_path / "z.tif", report=tmp_path / "page.pdf")


def test_a_fitted_method_is_asked_too():
    report = unsup_jax.fit(GaussianFilter(1.2), Y, noise=NOISE).trust(Y, estimations=3)
    assert report.estimations == 3 and report.risk is not None and report.halves is None
    with pytest.raises(InputError, match="one measurement"):
        unsup_jax.fit(GaussianFilter(1.2), [Y, Y]).trust([Y, Y])


def test_a_run_has_it_in_its_report(tmp_path):
    from unsup_jax.experiment import run

    write_image(tmp_path / "y.tif", Y, "YX")
    experiment = Experiment(GaussianFilter(1.2), Camera(), Data(path=str(tmp_path / "y.tif"), patch=None))
    (result,) = run(experiment, "mine", tmp_path / "run", quiet=True)
    assert result.trust.estimations == 9 and "Can it be trusted?" in (tmp_path / "run" / "report.html").read_text()
    told = json.loads((tmp_path / "run" / "trust.json").read_text())
    assert {f["name"] for f in told[result.label]} >= {"error", "residual", "whiteness", "structure", "resolution", "input", "noise model"}
