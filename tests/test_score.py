"""Score models: samplers against the closed-form posterior of Gaussian images."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Diagonal, LinearOperator, Measurement
from unsup_jax.errors import InputError
from unsup_jax.methods import Score
from unsup_jax.methods.score import (
    DDIM, DDRM, DDS, DPS, MMPS, Denoiser, Denoising, DiffPIR, Heun, Langevin, LangevinInpainting, Observed, PiGDM, PredictorCorrector, SplitGibbs,
)
from unsup_jax.methods.score.sampler import falling
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian, Poisson
from unsup_jax.operators import SENSE, FourierPtychography, Identity, Mask, Radon

SMALL = ScoreUNet(width=4, depth=1)
SAMPLERS = (
    MMPS(), PiGDM(), DPS(), DiffPIR(), DDRM(), DDS(), PredictorCorrector(), LangevinInpainting(inner=1), SplitGibbs(inner=2), Denoising(),
)


class Matrix(LinearOperator):
    """H of vectors."""

    A: jax.Array

    def __call__(self, x):
        return self.A @ x

    def domain(self, y):
        return jax.ShapeDtypeStruct((self.A.shape[1],), y.dtype)

    def diagonal(self, y):
        U, gain, Vt = jnp.linalg.svd(self.A)
        more = lambda v: jnp.pad(v, (0, len(Vt) - len(v)))
        return Diagonal(more(gain), lambda x: Vt @ x, lambda X: Vt.T @ X, lambda y: more(U.T @ y))


def gaussian_law():
    """C of 8 numbers of mean variance 1, and its exact D."""
    g = np.random.default_rng(0)
    C = (root := g.normal(size=(8, 8))) @ root.T
    C /= np.mean(np.diag(C))
    values, vectors = (jnp.float32(part) for part in np.linalg.eigh(C))
    return C, Denoiser(lambda x, sigma: vectors @ (values / (values + sigma**2) * (vectors.T @ x)), 0.0, 1.0)


def errors(sampler, count=4000):
    """Relative errors of the draws' mean and covariance, and their trace, of 5 products of 8 numbers in noise of deviation 0.1; of 5 of the
    numbers themselves, where the sampler takes no other products.
    """
    g, (C, D) = np.random.default_rng(1), gaussian_law()
    A = g.normal(size=(5, 8)) / np.sqrt(8)
    if masked := isinstance(sampler, LangevinInpainting):
        A = np.eye(8)[[0, 2, 3, 5, 6]]
    y = A @ (np.linalg.cholesky(C) @ g.normal(size=8)) + 0.1 * g.normal(size=5)
    gain = C @ A.T @ np.linalg.inv(A @ C @ A.T + 0.01 * np.eye(5))
    mean, covariance = gain @ y, C - gain @ A @ C
    y, H = (A.T @ y, Mask(jnp.float32(A.sum(0)))) if masked else (y, Matrix(jnp.float32(A)))
    seen = Observed.of(Measurement(jnp.float32(y), H, Gaussian(0.1)))
    return compared(jax.jit(lambda key: sampler.draw_many(key, D, seen, count))(jax.random.key(1)), mean, covariance)


def compared(draws, mean, covariance):
    found = np.cov(np.asarray(draws).T)
    relative = lambda a, b: np.linalg.norm(a - b) / np.linalg.norm(b)
    return relative(np.asarray(draws).mean(0), mean), relative(found, covariance), np.trace(found) / np.trace(covariance)


@pytest.mark.parametrize("levels, of_mean, of_covariance", [(25, 0.03, 0.4), (200, 0.02, 0.1), (800, 0.02, 0.04)])
def test_mmps_converges_to_the_posterior_of_gaussian_images(levels, of_mean, of_covariance):
    mean, covariance, _ = errors(MMPS(levels=levels, iterations=5))
    assert mean < of_mean and covariance < of_covariance


@pytest.mark.parametrize("levels, inner, of_mean, of_covariance", [(40, 6, 0.2, 0.35), (100, 20, 0.08, 0.14)])
def test_split_gibbs_converges_to_the_posterior_of_gaussian_images(levels, inner, of_mean, of_covariance):
    mean, covariance, _ = errors(SplitGibbs(levels=levels, inner=inner))
    assert mean < of_mean and covariance < of_covariance


@pytest.mark.parametrize("sampler, of_mean, of_covariance, of_trace", [
    (PiGDM(levels=100), (0.1, 0.3), (0.2, 0.6), (1.0, 1.4)), (DiffPIR(levels=200), (0.0, 0.1), (0.4, 0.6), (0.4, 0.6)),
    (DDRM(), (0.1, 0.3), (0.2, 0.5), (0.6, 1.0)), (LangevinInpainting(inner=10), (0.1, 0.35), (0.3, 0.8), (1.2, 1.7)),
    (DPS(), (0.15, 0.6), (50, 200), (30, 120)), (DDS(), (0.5, 0.8), (0.8, 1.3), (1.3, 2.0)), (PredictorCorrector(), (0.2, 0.4), (0.8, 1.3), (1.4, 2.1)),
], ids=lambda value: type(value).__name__)
def test_the_bias_of_the_other_samplers_is_the_known_one(sampler, of_mean, of_covariance, of_trace):
    """DiffPIR finds the mean and half of the variance; what guides by one number, or has no model of the noise, does not find the spread."""
    for found, (least, most) in zip(errors(sampler), (of_mean, of_covariance, of_trace)):
        assert least <= found < most


def test_denoising_is_exact_of_gaussian_images():
    C, D = gaussian_law()
    y, gain = np.random.default_rng(2).normal(size=8), C @ np.linalg.inv(C + 0.25 * np.eye(8))
    seen = Observed.of(Measurement(jnp.float32(y), Identity(), Gaussian(0.5)))
    np.testing.assert_allclose(Denoising().estimate(None, D, seen, 1), gain @ y, rtol=1e-4, atol=1e-5)
    draws = jax.jit(lambda key: Denoising(levels=60).draw_many(key, D, seen, 4000))(jax.random.key(0))
    mean, covariance, _ = compared(draws, gain @ y, C - gain @ C)
    assert mean < 0.03 and covariance < 0.1


@pytest.mark.parametrize("walk, of_covariance", [(Heun(), 0.16), (Heun(60), 0.08), (DDIM(levels=200), 0.1), (Langevin(inner=20), 0.15)], ids=lambda v: type(v).__name__)
def test_images_from_noise_alone_are_of_the_law_of_gaussian_images(walk, of_covariance):
    C, D = gaussian_law()
    shifted = Denoiser(lambda x, sigma: 3 + D(x - 3, sigma), 3.0, 1.0)
    draws = jax.jit(jax.vmap(lambda key: walk.sample(key, shifted, (8,))))(jax.random.split(jax.random.key(0), 4000))
    mean, covariance, _ = compared(draws, np.full(8, 3.0), C)
    assert mean < 0.02 and covariance < of_covariance


def test_levels_are_those_of_karras():
    sigmas = np.asarray(falling(18, 80.0, 0.002))
    np.testing.assert_allclose(sigmas[[0, 1, 17]], [80, 57.586, 0.002], rtol=1e-3)
    i = np.arange(18)
    np.testing.assert_allclose(sigmas, (80 ** (1 / 7) + i / 17 * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7, rtol=1e-4)


def test_complex_measurements_are_those_of_their_parts():
    g = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(g.normal(size=shape) + 1j * g.normal(size=shape), jnp.complex64)
    H = SENSE(draw(1, 3, 6, 5), jnp.float32(g.random((1, 5)) > 0.4))
    seen = Observed.of(Measurement(draw(3, 6, 5), H, Gaussian(2.0)))
    assert float(seen.variance) == 2.0 and seen.y.shape == (3, 6, 10)                        # E|w|^2 = 4, half in each part
    x = jnp.asarray(g.normal(size=seen.H.domain(seen.y).shape), jnp.float32)
    np.testing.assert_allclose(jnp.vdot(seen.H(x), seen.y), jnp.vdot(x, seen.H.adjoint(seen.y)), rtol=1e-4)
    (transposed,) = jax.linear_transpose(seen.H, x)(seen.y)
    np.testing.assert_allclose(transposed, seen.H.adjoint(seen.y), rtol=1e-4, atol=1e-4)
    solved = seen.H.inverse(x, 0.3, iterations=60)
    np.testing.assert_allclose(seen.H.normal(solved) + 0.3 * solved, x, rtol=1e-3, atol=1e-3)


def state_of(method, images):
    """An untrained state of images [N, *S, C]."""
    return jax.jit(method.init)(jax.random.key(0), Measurement(images, Identity(), Gaussian(jnp.ones(len(images))), unpaired=images))


def smooth(count=64, shape=(8, 8), seed=0):
    """Gaussian images of a smooth periodic law, of mean 100, and the spectrum of their covariance."""
    frequency = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij"))
    spectrum = np.exp(-((frequency / 0.15) ** 2))
    spectrum *= 400 / spectrum.mean()
    white = np.fft.fft2(np.random.default_rng(seed).normal(size=(count, *shape)))
    return np.float32(100 + np.fft.ifft2(np.sqrt(spectrum) * white).real)[..., None], spectrum


QUICK = (DiffPIR, Denoising)


@pytest.mark.parametrize("sampler", [
    pytest.param(s, marks=[pytest.mark.slow] * (type(s) not in QUICK)) for s in SAMPLERS
], ids=lambda sampler: type(sampler).__name__)
def test_every_sampler_draws_by_a_network(sampler, quick_compilation):
    """Of an image of odd sizes, other than those of the training; the estimate is the mean of the draws."""
    method = Score(network=SMALL, sampler=dataclasses.replace(sampler, levels=4), draws=3, unconditional=Heun(3))
    state = state_of(method, jnp.asarray(smooth(6)[0]))
    mask = Mask(jnp.ones((7, 9, 1)).at[::2].set(0))
    one = Measurement(100 + jnp.ones((7, 9, 1)), Identity() if isinstance(sampler, Denoising) else mask, Gaussian(jnp.float32(5.0)))
    draws = jax.jit(method.posterior)(jax.random.key(0), state, one)
    assert draws.shape == (3, 7, 9, 1) and jnp.isfinite(draws).all() and float(jnp.abs(draws[0] - draws[1]).max()) > 0
    if not isinstance(sampler, Denoising):
        np.testing.assert_allclose(jax.jit(method.reconstruct)(jax.random.key(0), state, one), draws.mean(0), rtol=1e-3, atol=0.05)


def test_it_draws_complex_images_and_images_from_nothing(quick_compilation):
    method = Score(network=SMALL, sampler=DiffPIR(levels=3), draws=2, unconditional=Heun(3))
    g = np.random.default_rng(0)
    images = jnp.asarray(g.normal(size=(4, 8, 8, 1)) + 1j * g.normal(size=(4, 8, 8, 1)), jnp.complex64)
    state = state_of(method, images)
    drawn = jax.jit(lambda state: method.sample(jax.random.key(0), state, 3))(state)
    assert drawn.shape == (3, 8, 8, 1) and drawn.dtype == jnp.complex64 and float(jnp.abs(drawn[0] - drawn[1]).max()) > 0
    scan = Measurement(jnp.ones((2, 8, 8), jnp.complex64), SENSE(jnp.ones((1, 2, 8, 8), jnp.complex64), jnp.ones((1, 8))), Gaussian(jnp.float32(1.0)))
    draws = jax.jit(method.posterior)(jax.random.key(0), state, scan)
    assert draws.shape == (2, 8, 8, 1) and draws.dtype == jnp.complex64 and jnp.isfinite(draws).all()
    with pytest.raises(InputError, match="2-D ones of 2 real numbers a pixel; those of the measurement are 2-D ones of 1"):
        jax.eval_shape(method.posterior, jax.random.key(0), state, Measurement(jnp.ones((8, 8, 1)), Identity(), Gaussian(1.0)))


@pytest.mark.parametrize("make, said", [
    (lambda: MMPS(levels=1), "MMPS needs 2 levels"), (lambda: MMPS(smallest=90.0), "smallest < largest"), (lambda: DPS(zeta=0.0), "zeta of DPS is 0.0"),
    (lambda: DiffPIR(zeta=2.0), "zeta in"), (lambda: DDS(gamma=0.0), "gamma > 0"), (lambda: PredictorCorrector(ratio=0.0), "ratio"),
    (lambda: DDRM(eta=2.0), "eta and eta_b"), (lambda: LangevinInpainting(inner=0), "inner >= 1"), (lambda: SplitGibbs(inner=1), "2 inner levels"),
    (lambda: DDIM(eta=-1.0), "eta in"), (lambda: Langevin(size=0.0), "size > 0"),
    (lambda: Score(draws=0), "draws >= 1"), (lambda: ScoreUNet(width=0), "ScoreUNet needs"), (lambda: Heun(1), "Heun needs"),
])
def test_a_mistake_is_told_in_one_line(make, said):
    with pytest.raises(InputError, match=said) as error:
        make()
    assert "\n" not in str(error.value)


def test_a_sampler_says_what_it_cannot_take():
    y = jnp.ones((8, 8, 1))
    intensities = Measurement(jnp.ones((4, 8, 8)), FourierPtychography(jnp.ones((8, 8)), jnp.zeros((4, 2), jnp.int32), 16), Gaussian(1.0))
    for one, said in (
        (Measurement(y, Identity()), "MMPS takes white Gaussian noise of a known deviation; none is known; give --method.sampler.noise"),
        (Measurement(y, Identity(), Poisson()), "not Poisson"), (intensities, "Score takes data of a linear operator"),
    ):
        with pytest.raises(InputError, match=said):
            Score().check(one)
    unknown = Measurement(y, Identity())
    Score(sampler=MMPS(noise=2.0)).check(unknown)
    assert float(MMPS(noise=2.0).observed(unknown).variance) == 4 and MMPS(noise=2.0).told(intensities).noise.sigma == 1    # what is known stands
    with pytest.raises(InputError, match="0 or more"):
        MMPS(noise=-1.0)
    Score(sampler=DPS()).check(intensities)                                       # it has a derivative
    Score(sampler=DDS()).check(Measurement(y, Identity()))                        # asks for no noise model
    turned = Measurement(jnp.ones((3, 8, 1)), Radon(jnp.arange(3.0), 8), Gaussian(1.0))
    uneven = Measurement(jnp.ones((1, 8, 8), jnp.complex64), SENSE(jnp.full((1, 1, 8, 8), 0.5, jnp.complex64), jnp.ones((1, 8))), Gaussian(1.0))
    for sampler, one, said in (
        (DDRM(), turned, "an operator whose singular value decomposition is known"), (DDRM(), uneven, "map has the modulus 1 everywhere"),
        (LangevinInpainting(), turned, "samples orthonormal coordinates"),
    ):
        with pytest.raises(InputError, match=said):
            Score(sampler=sampler).check(one)
    with pytest.raises(InputError, match="images of every pixel"):
        Score(sampler=Denoising()).check(Measurement(y, Mask(y), Gaussian(1.0)))
