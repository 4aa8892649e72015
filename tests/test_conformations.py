"""Conformations: the hinge, their scores and their series, and what multi-cryoGAN makes of latents."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Measurement
from unsup_jax.data import Hinge
from unsup_jax.data.phantoms import hinge
from unsup_jax.errors import InputError
from unsup_jax.evaluate import Alignment, Conformations, ball_correlation
from unsup_jax.evaluate.conformations import along_first_component, in_one_pose, nearest
from unsup_jax.files import open_image
from unsup_jax.methods import MultiCryoGAN
from unsup_jax.modalities import ElectronMicroscope
from unsup_jax.networks import ConvCritic, VolumeModes
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Identity, random_rotations

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types


def test_the_arms_of_the_hinge_follow_its_angle():
    """Each arm's end, of the most matter, lies 0.66 half widths from the hinge, in the plane of that arm."""
    source = Hinge(grid=3, count=2, size=24, largest_angle=1.0)
    angles, (low, middle, high, *rest) = source.angles(), source.images()
    np.testing.assert_allclose(angles[:3], [-1, 0, 1])
    assert len(rest) == 2 and np.abs(angles[3:]).max() <= 1
    at = lambda z, y, x: tuple(np.rint(12 + 12 * 0.66 * np.array([z, y, x])).astype(int))
    for x, angle in ((low, -1.0), (middle, 0.0), (high, 1.0)):
        for end in (at(0, np.cos(angle), -np.sin(angle)), at(-np.cos(angle), 0, -np.sin(angle))):
            assert x[end] > 60
    assert low[at(0, np.cos(1), -np.sin(1))] < 10 and ball_correlation(low, high) < 0.8
    np.testing.assert_allclose(low.sum(), high.sum(), rtol=1e-3)                            # the same matter
    with pytest.raises(InputError, match="Hinge takes a grid of 2"):
        Hinge(grid=1)


@pytest.mark.slow
def test_samples_in_one_unknown_pose_are_found_near_each_conformation(tmp_path):
    truths = [np.asarray(hinge(jnp.float32(angle), 20)) for angle in np.linspace(-1, 1, 5)]
    Q = np.asarray(random_rotations(jax.random.key(1), 1)[0], np.float64) @ np.diag([1, 1, -1])
    order = np.array([3, 0, 4, 1, 2])
    samples = np.stack([Alignment(Q, np.zeros(3), 1.0).apply(truths[k]) for k in order])
    analysis = Conformations(pixel_size_angstrom=2.0, series=5)
    assert analysis.sample_scores(samples, truths)["least correlation"] > 0.97
    only = analysis.sample_scores(samples[-1:], truths)                                     # of the middle angle
    assert only["correlation"] > 0.6 and only["least correlation"] < 0.9
    series = along_first_component(samples, 5)
    ranks = [int(np.argmax([ball_correlation(x, s) for s in samples[np.argsort(order)]])) for x in series]
    assert ranks in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])
    made = analysis.sample_figures(tmp_path, {"multi-cryoGAN": samples}, truths, {"cryoGAN": [truths[2]] * 5})
    assert len(made) == 2 and all(path.stat().st_size > 1000 for path in made.values())
    written = open_image(tmp_path / "conformation_5.mrc")
    assert written.array.shape == (20, 20, 20) and written.metadata.scales["X"].step == pytest.approx(2.0)
    assert ball_correlation(written.array[..., None], truths[0]) > 0.97 or ball_correlation(written.array[..., None], truths[4]) > 0.97


def test_conformations_are_cosines_of_their_latents(quick_compilation):
    """x(z) - P_0 turns over at the other end of z for odd modes, and its mean over z is zero."""
    G, shape = VolumeModes(modes=2, spread=1.0), (6, 6, 6)
    params = G.init(jax.random.key(0), jnp.zeros(1), shape)
    x = lambda z: G.apply(params, jnp.array([z]), shape)
    one, (first, second) = params["params"]["voxels"], params["params"]["modes"][0]
    np.testing.assert_allclose(x(-1.0), one + 2**0.5 * (first + second), atol=1e-5)
    np.testing.assert_allclose(x(1.0), one + 2**0.5 * (second - first), atol=1e-5)
    np.testing.assert_allclose(x(0.0), one - 2**0.5 * second, atol=1e-5)
    z = (jnp.arange(16) + 0.5) / 8 - 1
    np.testing.assert_allclose(jnp.mean(jax.vmap(x)(z), 0), one, atol=1e-5)
    with pytest.raises(InputError, match="one mode or more"):
        VolumeModes(modes=0)


def test_latents_make_volumes_in_the_ball(quick_compilation):
    method = MultiCryoGAN(generator=VolumeModes(modes=2), critic=ConvCritic(width=4, depth=1), latents=2)
    y = jax.random.normal(jax.random.key(0), (4, 8, 8, 1))
    batch = Measurement(y, Identity(), Gaussian(jnp.full(4, 0.3)))
    state, metrics = jax.jit(method.planned(4).update)(jax.random.key(2), method.planned(4).init(jax.random.key(1), batch), batch)
    assert all(np.isfinite(value) for value in metrics.values()) and not method.reconstructs
    x = method.sample(jax.random.key(3), state, 3)
    outside = np.linalg.norm(np.moveaxis(np.indices((8,) * 3), 0, -1) - 4, axis=-1) > 3
    assert x.shape == (3, 8, 8, 8, 1) and float(jnp.abs(x[:, outside]).max()) == 0 and float(jnp.abs(x[0] - x[1]).max()) > 0
    (grid,) = method.images(state, batch).values()
    G = method.generates(state.params, state.shape)
    assert grid.shape == (2, 9, 8, 8, 1)
    np.testing.assert_allclose(grid[1, 8], method.conformation(jnp.array([0.0, 1.0]), G, (8,) * 3).sum(1), atol=1e-5)
    with pytest.raises(InputError, match="multi-cryoGAN needs one latent or more"):
        MultiCryoGAN(latents=0)


@pytest.mark.slow
def test_a_conformation_is_nearer_than_the_mean_of_all_at_both_ends():
    """From projections of all angles, the nearest of 36 samples is above the mean of all conformations at the ends of the hinge."""
    truths = Hinge(grid=500, count=1).images()[:500]
    measure = jax.jit(ElectronMicroscope(projections=8, snr=10.0, defocus_angstrom=None).measure)
    measured = [jax.tree.map(np.asarray, measure(jax.random.fold_in(jax.random.key(0), i), x)) for i, x in enumerate(truths)]
    y = jnp.asarray(np.concatenate([m.y for m in measured]))
    sigma = float(np.mean([m.noise.sigma for m in measured]))
    method = MultiCryoGAN().planned(2500)
    batch = lambda places: Measurement(y[places], Identity(), Gaussian(jnp.full(32, sigma)))
    state = jax.jit(method.init)(jax.random.key(0), batch(jnp.arange(32)))
    step = jax.jit(lambda key, state: method.update(key, state, batch(jax.random.randint(key, (32,), 0, len(y))))[0])
    for k in range(2500):
        state = step(jax.random.fold_in(jax.random.key(1), k), state)
    grid, mean = truths[:: 499 // 4], np.mean(truths, 0)
    found = nearest(np.asarray(method.sample(jax.random.key(2), state, 36)), grid)
    one = [ball_correlation(mean, x) for x in grid]                                         # the best that one volume may be, unaligned
    assert found[0] > one[0] + 0.05 and found[-1] > one[-1] + 0.05
