"""Every proximal map against its definition, and each regulariser against its closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import pywt
from scipy import optimize
from skimage.restoration import denoise_tv_chambolle

from unsup_jax.errors import InputError
from unsup_jax.priors import L1, Box, Entropy, NonNegative, Tikhonov, TotalVariation, Wavelet, Zero
from unsup_jax.priors.total_variation import differences, divergence

pytestmark = pytest.mark.usefixtures("quick_compilation")

PRIORS = {
    "zero": Zero(), "nonnegative": NonNegative(), "box": Box(-0.3, 0.4), "tikhonov": Tikhonov(0.7), "l1": L1(0.4),
    "entropy": Entropy(0.5, default=0.8), "tv": TotalVariation(0.3, iterations=300),
    "tv, nonnegative": TotalVariation(0.3, iterations=300, nonnegative=True),
    "tv, anisotropic": TotalVariation(0.3, isotropic=False, iterations=300), "wavelet": Wavelet(0.3, levels=2, family="db2"),
}


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("shape", [(6, 8, 1), (4, 4, 6, 1)], ids=["2-D", "3-D"])
def test_prox_is_the_minimiser(name, shape, double):
    """No step from prox(x), small or large, in any of 300 directions, lowers 1/2 ||z - x||^2 + t R(z)."""
    prior, t = PRIORS[name], 0.6
    x = jax.random.normal(jax.random.key(0), shape, jnp.float64)
    z = jax.jit(prior.prox)(x, t)
    objective = jax.jit(jax.vmap(lambda z: 0.5 * jnp.sum((z - x) ** 2) + t * prior(z)))
    best = objective(z[None])[0]
    assert jnp.isfinite(best)
    directions = jax.random.normal(jax.random.key(1), (300, *shape), jnp.float64)
    directions = directions.at[:z.size].set(jnp.eye(z.size).reshape(-1, *shape)[:300]) if z.size <= 300 else directions
    for size in (1e-3, 1e-2, 0.1, 1.0):
        for sign in (-1, 1):
            assert objective(z[None] + sign * size * directions).min() >= best - 1e-4 * size


@pytest.mark.parametrize("name", ["l1", "entropy", "tikhonov", "box"])
def test_prox_of_one_pixel_by_search(name):
    prior, t = PRIORS[name], 0.6
    for value in (-8.0, -0.7, 0.01, 0.5, 3.0, 200.0):
        cost = lambda z: 0.5 * (z - value) ** 2 + t * float(prior(jnp.full((1, 1, 1), z)))
        low, high = {"entropy": (1e-9, 300), "box": (-0.3, 0.4)}.get(name, (-300, 300))
        found = optimize.minimize_scalar(cost, bounds=(low, high), method="bounded", options={"xatol": 1e-7}).x
        np.testing.assert_allclose(prior.prox(jnp.full((1, 1, 1), value), t).ravel()[0], found, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("prior", [L1(0.4), TotalVariation(0.3), Wavelet(0.3, levels=2), Tikhonov(0.5)], ids=lambda p: type(p).__name__)
def test_complex_images_turn_with_their_phase(prior):
    x = jax.lax.complex(*jax.random.normal(jax.random.key(0), (2, 8, 16, 1)))
    turn = np.complex64(np.exp(0.7j))
    np.testing.assert_allclose(prior.prox(turn * x, 0.5), turn * prior.prox(x, 0.5), atol=1e-5)
    np.testing.assert_allclose(prior(turn * x), prior(x), rtol=1e-5)


def test_total_variation_against_scikit_image():
    image = np.zeros((32, 32), np.float32)
    image[8:20, 10:24] = 1
    noisy = image + 0.2 * np.asarray(jax.random.normal(jax.random.key(0), (32, 32)))
    ours = TotalVariation(0.3, iterations=300).prox(jnp.asarray(noisy[..., None]), 1.0)[..., 0]
    theirs = denoise_tv_chambolle(noisy, weight=0.3, eps=1e-9, max_num_iter=3000)
    objective = lambda z: 0.5 * jnp.sum((z - noisy) ** 2) + TotalVariation(0.3)(jnp.asarray(z)[..., None])
    assert objective(ours) <= objective(theirs) * (1 + 1e-6) and np.sqrt(np.mean((ours - theirs) ** 2)) < 6e-3


@pytest.mark.parametrize("shape", [(7, 5, 2), (4, 5, 6, 1)])
def test_divergence_is_the_adjoint(shape, double):
    x = jax.random.normal(jax.random.key(0), shape, jnp.float64)
    q = jax.random.normal(jax.random.key(1), (len(shape) - 1, *shape), jnp.float64)
    np.testing.assert_allclose(jnp.vdot(differences(x), q), jnp.vdot(x, divergence(q)), rtol=1e-12)


@pytest.mark.parametrize("family", ["haar", "db2", "db4"])
@pytest.mark.parametrize("shape", [(32, 48, 1), (16, 8, 12, 1), (31, 20, 1)])
def test_wavelets_are_orthogonal(family, shape, double):
    wavelet = Wavelet(family=family, levels=3)
    x = jax.random.normal(jax.random.key(0), shape, jnp.float64)
    parts = jax.jit(wavelet.analyse)(x)
    energy = jnp.sum(parts[0] ** 2) + sum(jnp.sum(band**2) for bands in parts[1:] for band in bands)
    np.testing.assert_allclose(energy, jnp.sum(x**2), rtol=1e-10)
    np.testing.assert_allclose(jax.jit(wavelet.synthesise, static_argnums=1)(parts, x.shape), x, atol=1e-10)


@pytest.mark.parametrize("family", ["haar", "db2", "db4"])
def test_wavelets_are_those_of_pywavelets(family):
    x = np.asarray(jax.random.normal(jax.random.key(0), (32, 48)))
    low, details = pywt.dwt2(x, family, mode="periodization")
    if family != "haar":  # the same functions, from an odd pixel on
        x = np.roll(x, (1, 1), (0, 1))
    ours = Wavelet(family=family, levels=1).analyse(x[..., None])
    for mine, theirs in ((ours[0], low), *zip(ours[1], (details[1], details[0], details[2]))):
        np.testing.assert_allclose(np.sort(np.abs(mine).ravel()), np.sort(np.abs(theirs).ravel()), atol=1e-4)


def test_cycle_spinning_denoises_better():
    image = np.zeros((64, 64, 1), np.float32)
    image[20:45, 13:37] = 1
    noisy = jnp.asarray(image) + 0.2 * jax.random.normal(jax.random.key(0), image.shape)
    error = lambda prior: float(jnp.mean((prior.prox(noisy, 1.0) - image) ** 2))
    assert error(Wavelet(0.4, "haar", 3, cycle_spin=True)) < 0.9 * error(Wavelet(0.4, "haar", 3))


def test_bad_priors_are_refused():
    with pytest.raises(InputError, match="no family 'sym8'"):
        Wavelet(family="sym8")
    with pytest.raises(InputError, match="low 2.0 above high 1.0"):
        Box(2.0, 1.0)
