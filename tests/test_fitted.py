"""Arrays in, arrays out: fitted methods, runs that are opened, and which axes an array has."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import unsup_jax
from unsup_jax.core import Adam, Measurement
from unsup_jax.data.arrays import as_images
from unsup_jax.errors import InputError
from unsup_jax.methods import GAN, SSDU, VAE, GaussianLaw, Noise2Noise, Noise2Void, ProximalGradient, Supervised
from unsup_jax.networks import Autoencoder, ConvCritic, ConvDecoder, ConvEncoder, DenseGenerator, DnCNN, ResNet, Unrolled
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Convolution, Fourier, Identity, gaussian_psf
from unsup_jax.priors import RED, PlugAndPlay, TotalVariation
from unsup_jax.train import solve
from unsup_jax.trained import Run

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

SMALL = DnCNN(depth=2, width=4)
ROOT = Path(__file__).resolve().parents[1]


def noisy(shape=(48, 40), seed=0):
    return np.random.default_rng(seed).poisson(40, shape).astype(np.uint16)


LAYOUTS = {
    "image": ((40, 30), 2, None, [(40, 30, 1)]),
    "colours": ((40, 30, 3), 2, None, [(40, 30, 3)]),
    "stack, channels last": ((5, 40, 30, 2), 2, None, [(40, 30, 2)] * 5),
    "stack that is said": ((5, 40, 30), 2, "NYX", [(40, 30, 1)] * 5),
    "channels that are said": ((5, 40, 30), 2, "CYX", [(40, 30, 5)]),
    "torch": ((2, 3, 40, 30), 2, "ncyx", [(40, 30, 3)] * 2),
    "two axes that count": ((2, 3, 40, 30), 2, "TZYX", [(40, 30, 1)] * 6),
    "transposed": ((30, 40), 2, "XY", [(40, 30, 1)]),
    "volume": ((9, 40, 30), 3, None, [(9, 40, 30, 1)]),
    "volume of two channels": ((2, 9, 40, 30), 3, "CZYX", [(9, 40, 30, 2)]),
    "volumes": ((2, 9, 40, 30, 1), 3, None, [(9, 40, 30, 1)] * 2),
}


@pytest.mark.parametrize("shape, dimensions, axes, wanted", LAYOUTS.values(), ids=LAYOUTS)
def test_images_of_an_array_go_back_to_where_they_came_from(shape, dimensions, axes, wanted):
    array = np.random.default_rng(0).normal(size=shape)
    images, back = as_images(array, dimensions, axes)
    assert [image.shape for image in images] == wanted and images[0].dtype == np.float32
    np.testing.assert_array_equal(back(images), array.astype(np.float32))


def test_lists_hold_images_of_any_shape():
    images, back = as_images([np.ones((20, 30)), np.ones((12, 16, 1), np.uint8)], 2)
    assert [image.shape for image in images] == [(20, 30, 1), (12, 16, 1)]
    assert [image.shape for image in back(images)] == [(20, 30), (12, 16, 1)]


AMBIGUOUS = {
    "stack or channels": ((5, 40, 30), 2, None, "axes='NYX' or 'YXC'"),
    "channels first": ((2, 3, 40, 30), 2, None, "axes='NYXC' or 'NCYX'"),
    "line": ((40,), 2, None, "2 axes of space"),
    "too many": ((1, 1, 1, 40, 30), 2, None, "2 axes of space"),
    "letters": ((40, 30), 2, "ZYX", "one letter an axis"),
    "no space": ((40, 30), 2, "NC", "YX among them"),
    "empty": ((0, 30), 2, None, "is empty"),
}


@pytest.mark.parametrize("shape, dimensions, axes, message", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_could_be_more_than_one_thing_is_refused_in_one_line(shape, dimensions, axes, message):
    with pytest.raises(InputError, match=message) as refused:
        as_images(np.zeros(shape), dimensions, axes)
    assert "\n" not in str(refused.value)


def test_nan_is_refused():
    with pytest.raises(InputError, match="NaN or infinite"):
        as_images(np.full((20, 20), np.nan), 2)


@pytest.fixture(scope="module")
def fitted():
    with jax.numpy_dtype_promotion("standard"):
        yield unsup_jax.fit(Noise2Void(network=SMALL), [noisy(), noisy((40, 56), 1)], steps=4, batch=4, patch=16, checkpoint_every=2)


def test_a_trained_method_reconstructs_arrays_like_the_given_ones(fitted, capfd):
    one = fitted.reconstruct(noisy())
    assert one.shape == (48, 40) and one.dtype == np.float32 and np.isfinite(one).all()
    several = fitted.reconstruct([noisy(), noisy((40, 56), 1)[..., None]])
    assert [x.shape for x in several] == [(48, 40), (40, 56, 1)]
    np.testing.assert_allclose(several[0], one, rtol=1e-5)
    stack = fitted.reconstruct(np.stack([noisy(), noisy(seed=2)]), axes="NYX")
    assert stack.shape == (2, 48, 40)
    assert [row["step"] for row in fitted.history if "validation_loss" in row] == [2, 4]
    assert capfd.readouterr() == ("", "")


def test_a_run_is_a_prior_in_its_own_grey_levels(fitted, tmp_path):
    """Plug-and-play of one step that goes all the way to y is the run's estimate of y, in whatever units the iteration counts."""
    fitted.save(tmp_path / "run")
    y, prior = noisy().astype(np.float32)[..., None], PlugAndPlay(Run(str(tmp_path / "run")))
    one, wanted = Measurement(jnp.asarray(y), Identity()), fitted.reconstruct(y)
    key = jax.random.key(0)
    method = ProximalGradient(prior=prior, steps=1, step_size=1.0)
    np.testing.assert_allclose(method.reconstruct(key, solve(method, key, one)[0], one), wanted, rtol=2e-4, atol=1e-2)
    method = ProximalGradient(prior=RED(prior.denoiser, weight=1.0, inner_iterations=1), steps=1, step_size=1.0)
    np.testing.assert_allclose(method.reconstruct(key, solve(method, key, one)[0], one), (y + wanted) / 2, rtol=2e-4, atol=1e-2)
    with pytest.raises(InputError, match="no run here"):
        Run(str(tmp_path / "none"))(one.y, 1.0)


def test_a_prior_is_named_on_the_command_line(fitted, tmp_path, capsys):
    from experiments import load
    from experiments._commands import with_prior
    from experiments.__main__ import main

    fitted.save(tmp_path / "run")
    given, rest = with_prior(load("tv_tissue"), ["--prior", str(tmp_path / "run"), "--method.steps", "2"])
    assert given.method.prior == PlugAndPlay(Run(str(tmp_path / "run"))) and rest == ["--method.steps", "2"]
    np.save(tmp_path / "y.npy", noisy().astype(np.float32))
    command = ["run", "tv_tissue", "--prior", tmp_path / "run", "--data.path", tmp_path / "y.npy", "--method.steps", "2", "--with-references", "False"]
    made = subprocess.run([sys.executable, "-m", "experiments", *map(str, command), "--out", str(tmp_path / "out")], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr                          # of a process of its own, where JAX is not yet set up
    for arguments, said in (
        (["run", "tv_tissue", "--prior", str(tmp_path / "no")], "no run here"), (["run", "tv_tissue", "--prior"], "--prior needs the folder"),
        (["run", "n2v_tissue", "--prior", str(tmp_path / "run")], "Noise2Void has none"),
    ):
        assert main(arguments) == 2 and said in capsys.readouterr().err


def test_what_is_saved_is_opened_by_load_and_by_the_command_line(fitted, tmp_path):
    from experiments.__main__ import main

    fitted.save(tmp_path / "run")
    again = unsup_jax.load(tmp_path / "run")
    assert again.method == fitted.method
    np.testing.assert_array_equal(again.reconstruct(noisy()), fitted.reconstruct(noisy()))
    np.save(tmp_path / "y.npy", noisy().astype(np.float32))
    assert main(["reconstruct", str(tmp_path / "run"), str(tmp_path / "y.npy"), "-o", str(tmp_path / "x.npy")]) == 0
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), fitted.reconstruct(noisy()), rtol=1e-5)
    with pytest.raises(InputError, match="is there already"):
        fitted.save(tmp_path / "run")


def test_a_run_leaves_the_house_as_a_program(fitted, tmp_path, capsys):
    from experiments.__main__ import main

    fitted.save(tmp_path / "run")
    np.save(tmp_path / "y.npy", noisy())
    assert main(["export", str(tmp_path / "run"), "-o", str(tmp_path / "m.jax"), "--example", str(tmp_path / "y.npy")]) == 0
    assert "Noise2Void (DnCNN)" in capsys.readouterr().out
    program = jax.export.deserialize(bytearray((tmp_path / "m.jax").read_bytes()))
    y = noisy((41, 36), 3).astype(np.float32)
    np.testing.assert_allclose(program.call(y[None, None])[0, 0], fitted.reconstruct(y), rtol=1e-4)
    for more, said in ((["-o", "m.pth"], "accepted are .jax, .onnx, .zip"), (["-o", str(tmp_path / "n.jax")], "give one as an example")):
        assert main(["export", str(tmp_path / "run"), *more]) == 2
        assert said in (line := capsys.readouterr().err) and len(line.splitlines()) == 1


def test_a_run_on_arrays_is_not_gone_on_with(fitted, tmp_path, capsys):
    from experiments.__main__ import main

    fitted.save(tmp_path / "run")
    assert main(["resume", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert "arrays of a program" in said and len(said.splitlines()) == 1


def test_the_temporary_folder_goes_with_its_object():
    folder = unsup_jax.fit(ProximalGradient(steps=1), noisy()).folder
    assert not folder.exists()


def test_other_channels_are_refused(fitted):
    with pytest.raises(InputError, match="of 2 channels .* trained on .* 1 channels"):
        fitted.reconstruct(np.ones((48, 40, 2)))
    with pytest.raises(InputError, match="no draws"):
        fitted.draws(noisy(), 3)
    with pytest.raises(InputError, match="no images without a measurement"):
        fitted.samples(2)


def test_a_solver_takes_an_operator_and_keeps_it(tmp_path):
    """Deconvolution: nearer to the truth than what was measured, whole and after saving, in the axes of what is given."""
    x = np.zeros((32, 24), np.float32)
    x[8:20, 6:18] = 100
    H = Convolution(gaussian_psf((9, 9), 1.5))
    y = np.asarray(H(x[..., None]))[..., 0]
    method = ProximalGradient(prior=TotalVariation(1e-4, nonnegative=True), steps=100)
    fitted = unsup_jax.fit(method, y, operator=H)
    estimate = fitted.reconstruct(y)
    assert estimate.shape == x.shape and np.linalg.norm(estimate - x) < 0.7 * np.linalg.norm(y - x)
    fitted.save(tmp_path / "run")
    np.testing.assert_array_equal(unsup_jax.load(tmp_path / "run").reconstruct(y), estimate)
    with pytest.raises(InputError, match="several measurements are a list"):
        fitted.reconstruct(np.stack([y] * 5))
    with pytest.raises(InputError, match="2 entries for 1"):
        fitted.reconstruct(y, operator=[H, H])


def test_training_with_an_operator_for_each_measurement():
    """SSDU of k-space whose masks differ; what is complex comes back complex."""
    generator = np.random.default_rng(0)
    operators = [Fourier(jax.numpy.asarray(generator.random((16, 16)) < 0.6, jax.numpy.float32)) for _ in range(4)]
    y = [np.asarray(H(jax.numpy.asarray(generator.normal(size=(16, 16, 1)), jax.numpy.complex64))) for H in operators]
    network = Unrolled(regularizer=ResNet(depth=1, width=4), unrolls=1, iterations=2)
    fitted = unsup_jax.fit(SSDU(network=network, optimizer=Adam(1e-3)), y, operator=operators, steps=2, batch=2)
    estimates = fitted.reconstruct(y[:2], operator=operators[:2])
    assert [x.shape for x in estimates] == [(16, 16, 1)] * 2 and estimates[0].dtype == np.complex64
    with pytest.raises(InputError, match="of its own; here, give `operator=`"):
        fitted.reconstruct(np.ones((16, 16)))


def test_pairs_truths_and_volumes():
    y = [noisy((12, 16, 16), seed) for seed in range(2)]
    pairs = unsup_jax.fit(Noise2Noise(network=SMALL, symmetric=True), y, pair=y[::-1], dimensions=3, patch=8, steps=1, batch=2)
    assert pairs.reconstruct(y[0], pair=y[1]).shape == (12, 16, 16)
    with pytest.raises(InputError, match="give `pair=`"):
        pairs.reconstruct(y[0])
    taught = unsup_jax.fit(Supervised(network=SMALL), noisy(), truth=np.full((48, 40), 40.0), patch=16, steps=1, batch=2)
    assert taught.reconstruct(noisy()).shape == (48, 40)


def test_samples_are_of_what_unpaired_images_are_of():
    unpaired = 50 + np.random.default_rng(0).normal(0, 5, (64, 8, 8)).astype(np.float32)
    fitted = unsup_jax.fit(
        GaussianLaw(), np.stack([noisy((16, 16))] * 4), axes="NYX", unpaired=unpaired, patch=None, augment=False, steps=16, batch=8)
    samples = fitted.samples(200)
    assert samples.shape == (200, 8, 8, 1) and abs(samples.mean() - 50) < 1 and abs(samples.std() - 5) < 1
    with pytest.raises(InputError, match="none from a measurement"):
        fitted.reconstruct(noisy((16, 16)))


def test_a_game_on_unpaired_images_of_another_shape_than_the_measurements(tmp_path):
    """A run's folder knows the shape of each field that its method saw."""
    game = GAN(generator=DenseGenerator(width=4, depth=1), critic=ConvCritic(width=4, depth=1), latents=2)
    unpaired = list(np.random.default_rng(0).normal(50, 5, (4, 12, 10, 2)).astype(np.float32))
    fitted = unsup_jax.fit(game, noisy((16, 20)), unpaired=unpaired, patch=None, augment=False, steps=1, batch=4)
    fitted.save(tmp_path / "run")
    drawn = unsup_jax.load(tmp_path / "run").samples(3)
    assert drawn.shape == (3, 12, 10, 2)
    np.testing.assert_array_equal(drawn, fitted.samples(3))


def test_draws_have_the_axes_of_the_array():
    method = VAE(network=Autoencoder(ConvEncoder(latents=2, width=4, depth=1), ConvDecoder(width=4, depth=1)), likelihood="noise")
    y = np.stack([noisy((16, 16), seed) for seed in range(4)])
    fitted = unsup_jax.fit(method, y, axes="NYX", noise=Gaussian(6.0), patch=None, augment=False, steps=1, batch=2)
    drawn = fitted.draws(y[0], 3)
    assert drawn.shape == (3, 16, 16) and drawn.dtype == np.float32 and (drawn[0] != drawn[1]).any()
    np.testing.assert_array_equal(drawn, fitted.draws(y[0], 3))
    with pytest.raises(InputError, match="one measurement"):
        fitted.draws(y, 3)


WRONG = {
    "pair": (Noise2Noise(), {}, "sees pair: give `pair=`"),
    "shape of a pair": (Noise2Noise(), {"pair": np.ones((48, 39))}, "pair has the shape"),
    "field": (Noise2Void(), {"stepz": 3}, "fit has no 'stepz'"),
    "operator": (Noise2Void(), {"operator": Convolution(gaussian_psf((5, 5), 1.0))}, "takes real images of every pixel"),
    "noise": (VAE(likelihood="noise"), {}, "needs a noise model"),
}


@pytest.mark.parametrize("method, given, message", WRONG.values(), ids=WRONG)
def test_mistakes_are_one_line(method, given, message):
    with pytest.raises(InputError, match=message) as refused:
        unsup_jax.fit(method, noisy(), **given)
    assert "\n" not in str(refused.value)


def test_importing_is_light_and_figures_leave_the_backend_alone(tmp_path):
    code = f"""
import sys, unsup_jax
assert "jax" not in sys.modules and "numpy" not in sys.modules
import matplotlib
before = matplotlib.rcParams._get("backend")
import numpy as np
from unsup_jax.evaluate import figures
figures.comparison(__import__("pathlib").Path({str(tmp_path / "a.png")!r}), {{"noisy": np.eye(16)[..., None]}}, {{}}, np.eye(16)[..., None])
assert matplotlib.rcParams._get("backend") is before and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    assert (tmp_path / "a.png").stat().st_size > 1000
