"""The classical solvers against closed forms, each other, and what they are known to recover."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_physics import blobs, coil_maps

from unsup_jax.core import Measurement
from unsup_jax.core.linear import conjugate_gradient
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.methods import (
    ADMM, GRAPPA, BM3D, ConjugateGradient, FilteredBackProjection, GerchbergPapoulis, GradientDescent, ProximalGradient,
    RichardsonLucy, SliceGRAPPA, VariableSplitting, Wiener,
)
from unsup_jax.noise import Gaussian, Poisson
from unsup_jax.operators import (
    SENSE, Convolution, Diffraction, FanBeam, Fourier, FourierPtychography, Hologram, Identity, Mask, Multislice, Radon,
    flat_fan, gaussian_psf, parallel_angles,
)
from unsup_jax.operators.pupil import circular_pupil
from unsup_jax.operators.trajectories import equispaced_lines, gaussian_points
from unsup_jax.priors import RED, NonNegative, PlugAndPlay, Tikhonov, TotalVariation, Wavelet, Zero
from unsup_jax.train import iterate, solve

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)


def squares(size=32):
    image = np.zeros((size, size, 1), np.float32)
    image[size // 4:size // 2, size // 4:3 * size // 4] = 1
    image[size // 8:size // 5, size // 8:size // 2] = 0.6
    return jnp.asarray(image)


def blurred(sigma=0.01, size=32, boundary="circular"):
    x = squares(size)
    H = Convolution(gaussian_psf((9, 9), 1.3).astype(jnp.float32), boundary=boundary)
    clean = H(x)
    return Measurement(clean + sigma * jax.random.normal(KEY, clean.shape, jnp.float32), H, truth=x)


def estimate(method, measurement):
    return method.reconstruct(KEY, solve(method, KEY, measurement)[0], measurement)


def test_conjugate_gradients_solve_complex_systems(double):
    A = jax.lax.complex(*jax.random.normal(KEY, (2, 12, 12)))
    A = A @ A.conj().T + jnp.eye(12, dtype=A.dtype)
    b = jax.lax.complex(*jax.random.normal(jax.random.key(1), (2, 12)))
    np.testing.assert_allclose(conjugate_gradient(lambda x: A @ x, b, iterations=40), jnp.linalg.solve(A, b), rtol=1e-8)
    once = conjugate_gradient(lambda x: A @ x, b, iterations=60)      # many steps past convergence
    assert jnp.isfinite(once).all()


def test_conjugate_gradients_leave_alone_what_is_rounding():
    """Of half a spectrum one step tells all there is: further ones change nothing, and neither does their derivative."""
    mask = (jnp.arange(16)[None] % 2).astype(jnp.complex64)
    half = lambda x: jnp.fft.ifft2(mask * jnp.fft.fft2(x))
    b = half(100 * jax.lax.complex(*jax.random.normal(KEY, (2, 16, 16))))
    np.testing.assert_allclose(conjugate_gradient(half, b, iterations=12), b, atol=1e-3)
    energy = lambda b: jnp.sum(jnp.abs(conjugate_gradient(lambda x: half(x) + jnp.complex64(0.1) * x, half(b), start=b, iterations=12)) ** 2)
    np.testing.assert_allclose(jnp.conj(jax.grad(energy)(b)), 2 * b / jnp.complex64(1.21), rtol=1e-3, atol=1e-3)


TIKHONOV = {
    "GradientDescent": GradientDescent(prior=Tikhonov(0.05), steps=400, relative=False),
    "ISTA": ProximalGradient(prior=Tikhonov(0.05), steps=400, accelerated=False, relative=False),
    "FISTA": ProximalGradient(prior=Tikhonov(0.05), steps=150, relative=False),
    "ADMM": ADMM(prior=Tikhonov(0.05), steps=200, relative=False),
    "ConjugateGradient": ConjugateGradient(weight=0.05, steps=60, relative=False),
}


@pytest.mark.parametrize("name", TIKHONOV)
@pytest.mark.parametrize("boundary", ["circular", "zero"])
def test_least_squares_has_one_solution(name, boundary, double):
    """argmin 1/2 ||y - Hx||^2 + w/2 ||x||^2 = (H*H + w)^-1 H*y."""
    m = jax.tree.map(lambda a: a.astype(jnp.float64), blurred(size=16, boundary=boundary))
    H = m.operator
    matrix = jax.jit(jax.vmap(lambda e: H(e.reshape(16, 16, 1)).ravel()))(jnp.eye(256)).T
    exact = jnp.linalg.solve(matrix.T @ matrix + 0.05 * jnp.eye(256), matrix.T @ m.y.ravel())
    np.testing.assert_allclose(estimate(TIKHONOV[name], m).ravel(), exact, atol=2e-4)


TV = TotalVariation(3e-3, iterations=40)
DECONVOLUTION = {
    "FISTA": ProximalGradient(prior=TV, steps=150), "ISTA": ProximalGradient(prior=TV, steps=600, accelerated=False),
    "ADMM": ADMM(prior=TV, steps=150), "splitting": VariableSplitting(prior=TV, steps=80),
    "gradient": GradientDescent(prior=TotalVariation(3e-3, smoothing=0.02), steps=800),
    "FISTA-wavelet": ProximalGradient(prior=Wavelet(1e-3, "haar", 3, cycle_spin=True), steps=150),
    "PnP-FISTA": ProximalGradient(prior=PlugAndPlay(weight=1e-5), steps=100),
    "PnP-ADMM": ADMM(prior=PlugAndPlay(weight=2e-5), steps=100), "PnP-HQS": VariableSplitting(prior=PlugAndPlay(weight=2e-5), steps=50),
    "RED": GradientDescent(prior=RED(weight=0.02), steps=300), "RED-ADMM": ADMM(prior=RED(weight=0.02), steps=60),
}


VARIANTS = {"ISTA", "PnP-ADMM", "RED-ADMM", "gradient"}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in VARIANTS)) for name in DECONVOLUTION])
def test_deconvolution_recovers_detail(name):
    """At least 3 dB over the blurred image, and 1 dB over unregularised least squares; the misfit falls."""
    m = blurred()
    method = DECONVOLUTION[name]
    state, trace = solve(method, KEY, m)
    score = lambda x: psnr(np.asarray(x), np.asarray(m.truth))
    plain = score(estimate(ConjugateGradient(steps=100), m))
    assert score(method.reconstruct(KEY, state, m)) > max(score(m.y) + 3, plain + 1)
    assert trace["fidelity"].shape == (method.steps,) and trace["fidelity"][-1] < trace["fidelity"][0]


def test_total_variation_solvers_agree():
    m = blurred(0.03)
    values = {}
    for name in ("FISTA", "ISTA", "ADMM"):
        method = replace(DECONVOLUTION[name], prior=TotalVariation(0.01, iterations=100), relative=False)
        x = estimate(method, m)
        residual = m.operator(x) - m.y
        values[name] = float(0.5 * jnp.sum(residual**2) + TotalVariation(0.01)(x))
    assert max(values.values()) < 1.01 * min(values.values()), values


def test_units_do_not_matter():
    m = blurred()
    """Neither those of the image nor those of the instrument."""
    tall = m.replace(y=1e4 * m.y, operator=m.operator.replace(psf=10 * m.operator.psf))
    for method in (ProximalGradient(prior=TV, steps=20), ADMM(prior=TV, steps=20), ConjugateGradient(steps=5)):
        np.testing.assert_allclose(estimate(method, tall), 1e3 * estimate(method, m), rtol=1e-3, atol=0.3)


def test_solvers_vmap_and_differentiate(double):
    m = jax.tree.map(lambda a: jnp.stack([a, 2 * a]).astype(jnp.float64), blurred(size=16))
    both = jax.vmap(lambda m: estimate(ProximalGradient(prior=TV, steps=5), m))(m)
    np.testing.assert_allclose(both[1], estimate(ProximalGradient(prior=TV, steps=5), jax.tree.map(lambda a: a[1], m)), rtol=1e-6, atol=1e-8)
    one = jax.tree.map(lambda a: a[0], m)

    def loss(weight):
        method = ADMM(prior=TotalVariation(weight, iterations=5), steps=10, relative=False)
        state, _ = iterate(method, KEY, one)
        return jnp.sum((method.reconstruct(KEY, state, one) - one.truth) ** 2)

    slope = (loss(3e-3 + 1e-6) - loss(3e-3 - 1e-6)) / 2e-6
    np.testing.assert_allclose(jax.jit(jax.grad(loss))(3e-3), slope, rtol=1e-3)


def test_inpainting_by_total_variation():
    x = squares()
    mask = jax.random.bernoulli(KEY, 0.5, x.shape).astype(jnp.float32)
    m = Measurement(mask * x, Mask(mask))
    found = psnr(np.asarray(estimate(ADMM(prior=TotalVariation(1e-2), steps=200), m)), np.asarray(x))
    assert found > psnr(np.asarray(m.y), np.asarray(x)) + 8


def test_richardson_lucy():
    x = 400 * squares() + 20
    H = Convolution(gaussian_psf((9, 9), 1.3))
    m = Measurement(Poisson().sample(KEY, H(x)), H)
    state, trace = solve(RichardsonLucy(steps=60), KEY, m)
    assert (state.x >= 0).all() and (jnp.diff(trace["deviance"]) < 1e-2).all()
    np.testing.assert_allclose(state.x.sum(), m.y.sum(), rtol=1e-4)
    regular = estimate(RichardsonLucy(steps=60, weight=0.01), m)
    score = lambda image: psnr(np.asarray(image), np.asarray(x))
    assert score(state.x) > score(m.y) + 0.5 and score(regular) > score(state.x) + 0.5
    late, (stopped, watched) = estimate(RichardsonLucy(steps=400), m), solve(RichardsonLucy(steps=400, held_out=0.1), KEY, m)
    assert watched["held_out"].argmin() < 399 and score(stopped.x) > score(late)
    with pytest.raises(InputError, match="a part in"):
        RichardsonLucy(held_out=1.0)
    with pytest.raises(InputError, match="real data"):
        estimate(RichardsonLucy(), m.replace(y=m.y.astype(jnp.complex64)))


def test_wiener_is_better_when_told_the_true_spectrum():
    x = squares()
    m = Measurement(Gaussian(jnp.float32(0.05)).sample(KEY, x), Identity(), Gaussian(jnp.float32(0.05)), truth=x)
    oracle, blind = (estimate(Wiener(oracle=told), m) for told in (True, False))
    assert psnr(np.asarray(oracle), np.asarray(x)) > psnr(np.asarray(blind), np.asarray(x))
    assert Wiener(oracle=True).sees == {"truth"} and not Wiener().sees


def test_limited_angle_tomography():
    x = squares(48)
    H = Radon(parallel_angles(20, extent=0.75 * np.pi), 48)
    m = Measurement(H(x), H)
    score = lambda method: psnr(np.asarray(estimate(method, m)), np.asarray(x))
    back, regular = score(FilteredBackProjection()), score(ProximalGradient(prior=TotalVariation(1e-2), steps=150))
    assert regular > back + 6
    with pytest.raises(InputError, match="takes data of Radon, FanBeam, Diffraction or another operator that projects, not .* by Identity"):
        estimate(FilteredBackProjection(), Measurement(x, Identity()))


def test_back_projection_of_a_fan_beam():
    x = jnp.asarray(blobs(48))
    H = FanBeam(parallel_angles(120, extent=2 * np.pi), flat_fan(96, pitch=1.0, distance=120.0), jnp.float32(80.0), 48)
    m = Measurement(H(x), H)
    assert psnr(np.asarray(estimate(FilteredBackProjection(), m)), np.asarray(x)) > 40
    with pytest.raises(InputError, match="evenly over the whole turn"):
        FilteredBackProjection().check(m.replace(operator=H.replace(angles=parallel_angles(120))))


def test_gerchberg_papoulis_fills_the_missing_cone():
    size = 48
    x = jnp.asarray(blobs(size, centres=((3, -6, 4.0, 1.0), (-7, 2, 3.0, 0.5)))).astype(jnp.complex64)
    H = Diffraction(parallel_angles(60, extent=np.pi), jnp.float32(1.5), size)
    spectrum, sampled = jax.jit(lambda H, x: H.on_grid(H(x)))(H, x)
    m = Measurement(spectrum, Fourier(sampled))
    filled = estimate(GerchbergPapoulis(steps=60), m)
    zero_filled = m.operator.adjoint(m.y)
    error = lambda image: float(jnp.linalg.norm((image - x).ravel()))
    assert error(filled) < 0.9 * error(zero_filled) and filled.real.min() >= 0
    steps = solve(GerchbergPapoulis(prior=Zero(), steps=3, relative=False), KEY, m)[0].x     # without a constraint nothing is added
    np.testing.assert_allclose(steps, zero_filled, atol=1e-3)


def parallel_imaging(coils=8, size=48, acceleration=2, noise=1e-3, offset=0):
    maps = jnp.asarray(coil_maps(coils, size))
    rows, columns = np.mgrid[:size, :size] - size // 2
    body = ((rows**2 / 20**2 + columns**2 / 17**2 < 1) * (1 + 0.4 * np.sin(rows / 3) * np.cos(columns / 4))).astype(np.complex64)
    H = SENSE(maps[None], equispaced_lines(size, acceleration, centre=16, offset=offset))
    x = jnp.asarray(body)[..., None]
    y = H(x)
    real, imaginary = jax.random.normal(KEY, (2, *y.shape))
    return Measurement(y + noise * jax.lax.complex(real, imaginary) * H.mask.astype(jnp.complex64)[None], H, truth=x)


@pytest.mark.parametrize("acceleration", [2, 3])
def test_parallel_imaging(acceleration):
    m = parallel_imaging(acceleration=acceleration)
    error = lambda x: float(jnp.linalg.norm((x - m.truth).ravel()) / jnp.linalg.norm(m.truth.ravel()))
    zero_filled = error(m.operator.adjoint(m.y))
    assert error(estimate(ConjugateGradient(steps=15), m)) < 0.2 * zero_filled
    assert error(estimate(GRAPPA(acceleration=acceleration, damping=1e-3), m)) < 0.25 * zero_filled
    assert error(estimate(ProximalGradient(prior=Wavelet(1e-4), steps=60), m)) < 0.1 * zero_filled


def test_grappa_keeps_what_was_measured():
    m = parallel_imaging()
    filled = GRAPPA().fill(m.y, m.operator.mask)
    np.testing.assert_array_equal(np.where(m.operator.mask[None] > 0, filled, 0), m.y)
    with pytest.raises(InputError, match="does not hold a kernel"):
        GRAPPA(calibration=2).fill(m.y, m.operator.mask)
    with pytest.raises(InputError, match="takes k-space of SENSE"):
        estimate(GRAPPA(), blurred())


def test_grappa_is_fitted_to_acquired_lines_alone():
    """A wider calibration than the centre changes nothing; nor does the line that the sampling starts from harm."""
    m = parallel_imaging(acceleration=3)
    fill = lambda lines: np.asarray(GRAPPA(acceleration=3, calibration=lines).fill(m.y, m.operator.mask))
    np.testing.assert_allclose(fill(16), fill(20), atol=1e-3 * np.abs(m.y).max())
    error = lambda one: float(jnp.linalg.norm((estimate(GRAPPA(acceleration=3), one) - one.truth).ravel()))
    first, shifted = error(m), error(parallel_imaging(acceleration=3, offset=1))
    assert abs(shifted / first - 1) < 0.3


def test_grappa_says_what_it_lacks():
    lines = lambda R, centre: Measurement(jnp.ones((2, 48, 48), jnp.complex64), SENSE(jnp.ones((1, 2, 48, 48)), equispaced_lines(48, R, centre=centre)))
    with pytest.raises(InputError, match="every 2. line; this one holds .*acceleration"):
        estimate(GRAPPA(), lines(4, 8))
    with pytest.raises(InputError, match="fits a kernel of 5 lines.*hold 11"):
        estimate(GRAPPA(acceleration=4), lines(4, 4))


def test_random_sampling_by_compressed_sensing():
    m = parallel_imaging()
    H = SENSE(m.operator.sensitivity_maps, gaussian_points(KEY, (48, 48), 4))
    m = Measurement(H(m.truth), H, truth=m.truth)
    with pytest.raises(InputError, match="whole lines"):
        estimate(GRAPPA(), m)
    error = lambda x: float(jnp.linalg.norm((x - m.truth).ravel()))
    assert error(estimate(ProximalGradient(prior=TotalVariation(3e-3), steps=80), m)) < 0.5 * error(H.adjoint(m.y))


@pytest.mark.parametrize("sign", [-1, 1])
def test_slices_are_separated(sign):
    size, coils = 48, 12
    base = coil_maps(coils, size)
    maps = jnp.asarray(np.stack([base, np.roll(base, 4, 0) * np.exp(0.5j)]).astype(np.complex64))
    body = np.asarray(parallel_imaging(size=size).truth)[..., 0]
    x = jnp.asarray(np.stack([body, body[::-1, ::-1] ** 2]))[..., None]
    H = Multislice(maps, jnp.ones((size, size)), jnp.array([0.0, 1 / 3]), sign=sign)
    single = jnp.stack([H(x * (jnp.arange(2) == s).reshape(2, 1, 1, 1).astype(x.dtype)) for s in range(2)])
    middle = slice(size // 2 - 16, size // 2 + 16)
    H = H.replace(reference=jnp.fft.fftshift(single, (2, 3))[:, :, middle, middle])
    m = Measurement(H(x), H, truth=x)
    error = lambda image: float(jnp.linalg.norm((image - x).ravel()) / jnp.linalg.norm(x.ravel()))
    for split in (False, True):
        assert error(estimate(SliceGRAPPA(split=split), m)) < 0.12
    assert error(estimate(ConjugateGradient(steps=30), m)) < 0.05
    with pytest.raises(InputError, match="with a reference"):
        estimate(SliceGRAPPA(), m.replace(operator=H.replace(reference=None)))


def test_phase_retrieval_from_many_illuminations():
    size, low = 48, 24
    phase = 0.8 * blobs(size, centres=((6, -5, 4.0, 1.0), (-8, 7, 3.0, -0.7)))[..., 0]
    x = jnp.asarray((1 - 0.3 * np.abs(phase)) * np.exp(1j * phase), jnp.complex64)[..., None]
    shifts = jnp.asarray([(i, j) for i in range(-9, 10, 3) for j in range(-9, 10, 3)], jnp.int32)
    H = FourierPtychography(circular_pupil(low, 7), shifts, size, amplitude=True)
    m = Measurement(H(x), H)
    found = estimate(GradientDescent(steps=200), m)
    turn = jnp.vdot(found, x)
    found = found * turn / jnp.abs(turn).astype(turn.dtype)
    start = H.guess(m.y)
    assert jnp.linalg.norm((found - x).ravel()) < 0.3 * jnp.linalg.norm((start - x).ravel())


def test_hologram_by_gradient_descent():
    x = jnp.asarray(np.exp(-0.5 * blobs(32, centres=((3, -4, 3.0, 1.0),))), jnp.complex64)
    H = Hologram(jnp.array([30.0]), jnp.float32(3.0))
    m = Measurement(H(x), H)
    np.testing.assert_allclose(H(H.guess(m.y)), m.y, atol=1e-4)         # the twin image: data alone do not decide
    found = estimate(GradientDescent(prior=TotalVariation(1e-2, smoothing=0.01), steps=300), m)
    aligned = lambda image: image * jnp.vdot(image, x) / jnp.abs(jnp.vdot(image, x)).astype(x.dtype)
    error = lambda image: float(jnp.linalg.norm((aligned(image) - x).ravel()))
    assert error(found) < 0.8 * error(H.guess(m.y))
    with pytest.raises(InputError, match="takes data of a linear operator, not .* by Hologram"):
        solve(ADMM(), KEY, m)


@dataclass(frozen=True)
class Halving:
    """A denoiser that anyone could write."""

    def __call__(self, x, sigma):
        return x / (1 + jnp.asarray(sigma, x.dtype) ** 2)


def test_any_denoiser_plugs_in():
    """With D the proximal map of Tikhonov, plug-and-play is Tikhonov regularisation."""
    m = blurred(size=16)
    plugged = estimate(ProximalGradient(prior=PlugAndPlay(Halving(), weight=0.1), steps=100, relative=False), m)
    known = estimate(ProximalGradient(prior=Tikhonov(0.1), steps=100, relative=False), m)
    np.testing.assert_allclose(plugged, known, atol=1e-4)


def test_nonnegative_least_squares():
    m = blurred(0.05)
    x = estimate(ProximalGradient(prior=NonNegative(), steps=50), m)
    assert x.min() >= 0 and psnr(np.asarray(x), np.asarray(m.truth)) > psnr(np.asarray(m.y), np.asarray(m.truth))
