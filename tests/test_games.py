"""Games: conjugates against their suprema, penalties and norms against closed forms, augmentation against what it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from unsup_jax.errors import InputError
from unsup_jax.losses import games
from unsup_jax.losses.games import (
    ADA, KL, R1, R2, Alpha, Clip, DiffAugment, GradientPenalty, Hinge, Jeffrey, JensenShannon, LeastSquares, Minimax, Mirror, Neyman,
    NonSaturating, Pearson, Relativistic, ReverseKL, SpectralNorm, SquaredHellinger, TotalVariation, Wasserstein, WeightedJS,
)

DIVERGENCES = [
    KL(), ReverseKL(), Pearson(), Neyman(), SquaredHellinger(), Jeffrey(), JensenShannon(), WeightedJS(0.3), WeightedJS(0.8), Minimax(),
    Alpha(0.5), Alpha(-1.0), Alpha(1.7), Alpha(3.0), TotalVariation(),
]
NAMED = pytest.mark.parametrize("divergence", DIVERGENCES, ids=str)


def supremum(function, low, high):
    """Of a concave function of a number."""
    grid = np.linspace(low, high, 4001)
    best = int(np.argmax(function(grid)))
    around = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(lambda s: -float(function(np.array(s))), bounds=around, method="bounded", options={"xatol": 1e-13})
    return max(-found.fun, float(function(grid[best])))


@NAMED
def test_every_conjugate_is_the_supremum(double, divergence):
    """f*(t) = sup_u {u t - f(u)} at t = g_f(v), (30), with u = e^s."""
    f = jax.jit(divergence.f)
    for v in np.linspace(-4, 4, 17):
        t = float(divergence.activation(jnp.array(v)))
        expected = supremum(lambda s: np.exp(s) * t - np.asarray(f(jnp.exp(jnp.asarray(s)))), -30, 12)
        found = float(divergence.conjugate(jnp.array(v)))
        assert abs(found - expected) <= 1e-6 * max(1, abs(expected)), (v, found, expected)


@NAMED
def test_the_bound_of_a_known_ratio_is_the_divergence(double, divergence):
    """sup_v {u g_f(v) - f*(g_f(v))} = f(u): V reaches whatever it must."""
    bound = jax.jit(lambda u, v: u * divergence.activation(v) - divergence.conjugate(v))
    for u in (0.2, 0.7, 1.0, 1.6, 5.0):
        grid = jnp.linspace(-20, 20, 400_001)
        assert abs(float(jnp.max(bound(u, grid))) - float(divergence.f(jnp.array(u)))) < 1e-5, u


@NAMED
def test_no_free_v_overflows(divergence):
    v = jnp.linspace(-80, 80, 65)
    for part in (divergence.activation, divergence.conjugate):
        assert jnp.isfinite(part(v)).all() and jnp.isfinite(jax.vmap(jax.grad(part))(v)).all()


def test_games_are_what_their_table_says():
    real, fake, s = jnp.array([0.3, -2.0]), jnp.array([[1.5], [0.2], [-0.4]]), lambda v: np.log1p(np.exp(v))
    flat = np.asarray(fake).ravel()
    both = lambda game: (float(game.critic(real[:1], fake[0])), float(game.generator(real[:1], fake[0])))
    np.testing.assert_allclose(both(Wasserstein()), (1.2, -1.5), rtol=1e-6)
    np.testing.assert_allclose(both(Hinge()), (0.7 + 2.5, -1.5), rtol=1e-6)
    np.testing.assert_allclose(both(LeastSquares()), (0.49 / 2 + 1.5**2 / 2, 0.125), rtol=1e-6)
    np.testing.assert_allclose(both(NonSaturating()), (s(-0.3) + s(1.5), s(-1.5)), rtol=1e-6)
    np.testing.assert_allclose(both(Minimax()), (s(-0.3) + s(1.5), -s(1.5)), rtol=1e-6)
    np.testing.assert_allclose(both(Relativistic()), (s(1.2), s(-1.2)), rtol=1e-6)
    maps = (real, real[:1]), (fake[:2, 0], fake[2])                 # two maps: the mean of each, summed
    np.testing.assert_allclose(Wasserstein().critic(*maps), (flat[:2].mean() + 0.85) + (flat[2] - 0.3), rtol=1e-5)


def test_penalties_of_a_linear_critic():
    """D(x) = <a, x> has the gradient a everywhere, whose norm is over all pixels."""
    a = jax.random.normal(jax.random.key(0), (5, 4, 2))
    key, real, fake = jax.random.key(1), jnp.ones(a.shape), jnp.zeros(a.shape)
    D, norm = lambda a: lambda x: jnp.sum(a * x), float(jnp.linalg.norm(a))
    np.testing.assert_allclose(GradientPenalty(10.0).penalty(key, D(a), real, fake), 10 * (norm - 1) ** 2, rtol=1e-5)
    np.testing.assert_allclose(R1(3.0).penalty(key, D(a), real, fake), 1.5 * norm**2, rtol=1e-5)
    of_a = jax.grad(lambda a: GradientPenalty(10.0).penalty(key, D(a), real, fake))
    np.testing.assert_allclose(of_a(a), 20 * (norm - 1) / norm * a, rtol=1e-4)
    assert jnp.isfinite(of_a(0 * a)).all()
    square = lambda x: jnp.sum(x**2) / 2                            # grad D = x: R1 at the real, R2 at the fake
    assert float(R1(2.0).penalty(key, square, real, fake)) == 40 and float(R2(2.0).penalty(key, square, real, fake)) == 0
    e = float(jax.random.uniform(key))                              # x~ = e x: its norm is e sqrt(40)
    np.testing.assert_allclose(GradientPenalty(1.0).penalty(key, square, real, fake), (e * 40**0.5 - 1) ** 2, rtol=1e-5)


def test_a_penalty_needs_a_strength():
    for regularizer in (Clip, GradientPenalty, R1, R2):
        with pytest.raises(InputError, match="must be positive"):
            regularizer(0.0)


def test_spectral_norm_is_the_largest_singular_value():
    params = {"conv": {"kernel": jax.random.normal(jax.random.key(0), (3, 3, 2, 5)), "bias": jnp.ones(5)},
              "out": {"kernel": 7 * jax.random.normal(jax.random.key(1), (6, 1))}}
    norm, kept = SpectralNorm(), SpectralNorm().init(jax.random.key(2), params)
    for _ in range(60):
        kept = norm.advance(params, kept)
    applied = norm.applied(params, kept)
    for name in ("conv", "out"):
        W = np.asarray(params[name]["kernel"]).reshape(-1, params[name]["kernel"].shape[-1])
        np.testing.assert_allclose(applied[name]["kernel"].reshape(W.shape), W / np.linalg.svd(W)[1][0], rtol=1e-4)
    np.testing.assert_array_equal(applied["conv"]["bias"], params["conv"]["bias"])
    first = lambda params: norm.applied(params, kept)["out"]["kernel"][0, 0]
    scaled = jax.grad(lambda c: first({**params, "out": {"kernel": c * params["out"]["kernel"]}}))(1.0)
    assert abs(float(scaled)) < 1e-6                                # W / sigma(W) does not know the scale of W


def test_clipping():
    clipped = Clip(0.01).projected({"a": jnp.array([-1.0, 0.002, 3.0])})
    np.testing.assert_allclose(clipped["a"], [-0.01, 0.002, 0.01])


def test_shift_and_cutout():
    x = jnp.arange(1.0, 8 * 12 + 1).reshape(8, 12, 1)
    T = DiffAugment(shift=0.25, cutout=0, brightness=0, contrast=0)
    found = set()
    for moved in jax.vmap(T, (0, None))(jax.random.split(jax.random.key(0), 100), x):
        corner = np.argwhere(np.asarray(moved[..., 0]) > 0)[0]
        value = int(moved[tuple(corner)][0]) - 1
        dy, dx = corner - np.array(divmod(value, 12))
        found.add((int(dy), int(dx)))
        inside = np.asarray(moved[max(dy, 0): 8 + min(dy, 0), max(dx, 0): 12 + min(dx, 0)])
        np.testing.assert_array_equal(inside, x[max(-dy, 0): 8 + min(-dy, 0), max(-dx, 0): 12 + min(-dx, 0)])
    assert {dy for dy, _ in found} == set(range(-2, 3)) and {dx for _, dx in found} == set(range(-3, 4))
    cut = jax.vmap(DiffAugment(shift=0, brightness=0, contrast=0), (0, None))(jax.random.split(jax.random.key(0), 200), x)
    holes = np.asarray((cut == 0).sum((1, 2, 3)))
    assert holes.max() <= 4 * 6 and holes.max() >= 3 * 5 and holes.min() < holes.max()   # over the edges it takes less


def test_augmentation_is_differentiable_and_keeps_the_law_where_it_must():
    x = jax.random.normal(jax.random.key(0), (9, 9, 2))
    slope = jax.grad(lambda x: DiffAugment(cutout=0)(jax.random.key(3), x).sum())(x)
    assert jnp.abs(slope).min() >= 0 and float(jnp.abs(slope).max()) > 0.4
    for key in jax.random.split(jax.random.key(1), 8):
        np.testing.assert_allclose(jnp.sort(Mirror(shift=0.3)(key, x).ravel()), jnp.sort(x.ravel()))
    seen = {np.asarray(Mirror()(key, x)).tobytes() for key in jax.random.split(jax.random.key(2), 100)}
    assert len(seen) == 8                                           # the group of the square


def test_ada_holds_the_critic_on_its_target():
    ada, p = ADA(ramp=1000), ADA().init()
    assert float(ada.adapt(p, jnp.array(0.2), 64)) == 0             # already below: p stays at its floor
    p = ada.adapt(p, jnp.array(0.9), 64)
    np.testing.assert_allclose(p, 0.064, rtol=1e-6)
    x = jax.random.normal(jax.random.key(0), (8, 8, 1))
    keys = jax.random.split(jax.random.key(1), 400)
    unchanged = lambda p: float((jax.vmap(ada.at(jnp.array(p)), (0, None))(keys, x) == x[None]).all((1, 2, 3)).mean())
    assert unchanged(0.0) == 1 and abs(unchanged(0.2) - 0.8**4) < 0.08 and unchanged(1.0) < 0.02


def test_what_the_strengths_may_be():
    with pytest.raises(InputError, match=r"lie in \[0, 1\)"):
        DiffAugment(cutout=1.5)
    with pytest.raises(InputError, match="between 0 and 1"):
        WeightedJS(1.0)
    with pytest.raises(InputError, match="ReverseKL"):
        Alpha(0)
    assert all(hasattr(games, name) for name in games.__all__)
