"""CSGM: the latents of a trained generator that fit a measurement."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from experiments._commands import with_prior
from test_score import Matrix

from unsup_jax.core import Adam, Measurement
from unsup_jax.data import Data, Phantoms
from unsup_jax.errors import InputError
from unsup_jax.experiment import Experiment, run
from unsup_jax.methods import CSGM, GAN, Noise2Void, ProximalGradient
from unsup_jax.methods.adversarial.gan import Generative
from unsup_jax.modalities import Inpainting
from unsup_jax.networks import ConvCritic, ConvGenerator
from unsup_jax.noise import Gaussian, Poisson
from unsup_jax.operators import Mask
from unsup_jax.runs import begin
from unsup_jax.train import Train, solve
from unsup_jax.trained import Run


pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types


@dataclasses.dataclass(frozen=True, eq=False)
class Linear:
    """G(z) = B z + b, of vectors."""

    B: np.ndarray
    b: np.ndarray

    def generative(self):
        return Generative(lambda z: jnp.float32(self.B) @ z + jnp.float32(self.b), self.B.shape[1], (len(self.b),))


@pytest.mark.parametrize("weight", [None, 0.3])
def test_of_a_linear_generator_it_is_the_closed_form(weight):
    """z = (B* H* H B + lambda)^-1 B* H* (y - H b), of fewer measurements than there are latents too; lambda = sigma^2 where none is given."""
    g = np.random.default_rng(0)
    A, B, b = g.normal(size=(3, 7)), g.normal(size=(7, 4)), g.normal(size=7)
    y = A @ (B @ g.normal(size=4) + b)
    one = Measurement(jnp.float32(y), Matrix(jnp.float32(A)), Gaussian(jnp.float32(0.5)))
    method = CSGM(Linear(B, b), restarts=3, iterations=600, weight=weight, optimizer=Adam(0.1))
    method.check(one)
    AB, mu = A @ B, 0.25 if weight is None else weight
    wanted = B @ np.linalg.solve(AB.T @ AB + mu * np.eye(4), AB.T @ (y - A @ b)) + b
    state, trace = solve(method, jax.random.key(0), one)
    np.testing.assert_allclose(method.reconstruct(None, state, one), wanted, atol=2e-3)
    assert trace["objective"][-1] < trace["objective"][0]


def test_the_best_of_its_starts_is_taken():
    """G(z) = z^2 + z / 2 makes 5 of two z, and the objective has a valley at each."""
    class Valleys:
        def generative(self):
            return Generative(lambda z: z**2 + 0.5 * z, 1, (1,))

    y = jnp.float32([5.0])                                              # z = 2 or -2.5: the nearer one is the more probable
    one = Measurement(y, Mask(jnp.ones(1)), Gaussian(jnp.float32(0.3)))
    state, _ = solve(CSGM(Valleys(), restarts=16, iterations=300, optimizer=Adam(0.1)), jax.random.key(0), one)
    z = np.asarray(state.z.params).ravel()
    assert (z > 1.9).any() and (z < -2.3).any()
    best = CSGM(Valleys()).reconstruct(None, state, one)
    np.testing.assert_allclose(best, z.max() ** 2 + 0.5 * z.max(), atol=2e-3)


SMALL = GAN(generator=ConvGenerator(width=4), critic=ConvCritic(width=4, depth=2), latents=8)


@pytest.mark.slow
def test_a_run_of_a_gan_is_a_prior_of_any_instrument(tmp_path, quick_compilation):
    data = Data(source=Phantoms("nuclei", count=16, shape=(16, 16)), patch=None, test=1 / 16)
    train = Train(steps=2, batch=2, checkpoint_every=2, validation_batches=1, use="latest")
    instrument = Inpainting(noise=Gaussian(5.0), keep=0.5)
    with jax.numpy_dtype_promotion("standard"):
        run(Experiment(data=data, modality=instrument, method=SMALL, train=train), "gan", tmp_path / "gan", quiet=True)
        experiment = Experiment(data=data, modality=instrument, method=ProximalGradient())
        given = with_prior(experiment, ["--prior", str(tmp_path / "gan")])[0]
        given = dataclasses.replace(given, method=dataclasses.replace(given.method, iterations=5, restarts=2))
        (result,) = run(given, "mine", tmp_path / "out", quiet=True)
    assert result.label == "CSGM" and np.isfinite(result.row["psnr"]) and result.estimates[0].shape == (16, 16, 1)


def test_a_run_of_a_gan_takes_the_place_of_a_method_on_the_command_line(tmp_path):
    experiment = Experiment(ProximalGradient(), Inpainting(), references=(ProximalGradient(steps=7),))
    for name, method in (("gan", SMALL), ("n2v", Noise2Void())):
        (tmp_path / name).mkdir()
        begin(tmp_path / name, name, dataclasses.replace(experiment, method=method), {})
    prior = Run(str(tmp_path / "gan"))
    given, rest = with_prior(experiment, ["--prior", str(tmp_path / "gan"), "--method.restarts", "3"])
    assert given.method == CSGM(prior) and rest == ["--method.restarts", "3"] and given.references == experiment.references
    with pytest.raises(InputError, match="a run of Noise2Void, which makes no images of latents"):
        with_prior(dataclasses.replace(experiment, method=CSGM(prior)), ["--prior", str(tmp_path / "n2v")])
    with pytest.raises(InputError, match="Noise2Void, which makes no images of latents"):
        Run(str(tmp_path / "n2v")).generative()


def test_a_mistake_is_told_in_one_line():
    flat = Linear(np.ones((3, 1)), np.zeros(3))
    one = Measurement(jnp.ones(3), Matrix(jnp.eye(3)), Gaussian(jnp.float32(1.0)))
    for make, said in (
        (lambda: CSGM(flat, restarts=0), "restarts, iterations >= 1"), (lambda: CSGM(flat, weight=-1.0), "weight >= 0"),
        (lambda: CSGM(flat).check(one.replace(noise=None)), "none is known; give --method.weight"),
        (lambda: CSGM(flat).check(one.replace(noise=Poisson())), "not Poisson"),
        (lambda: CSGM(flat).check(Measurement(jnp.ones(2), Matrix(jnp.eye(2)), Gaussian(1.0))), r"images of shape \(3,\); those of the measurement are float32 of shape \(2,\)"),
    ):
        with pytest.raises(InputError, match=said) as error:
            make()
        assert "\n" not in str(error.value)
