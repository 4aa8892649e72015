"""Score models from measurements alone: their units, their losses against what they estimate, their draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_score import smooth

from unsup_jax.core import Adam, Measurement, Scale
from unsup_jax.errors import InputError
from unsup_jax.methods.score import GSURE, MMPS, NCSN, Ambient, Denoiser, DiffPIR, EMDiffusion
from unsup_jax.methods.score.ambient import Left
from unsup_jax.methods.score.from_measurements import in_units, moments
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.operators import SENSE, Identity, Mask, Radon

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types
SMALL = ScoreUNet(width=4, depth=1)


def halves(count=64, shape=(7, 9), sigma=4.0, channels=1):
    """White images of mean 100 and deviation 20, half of their pixels in noise; and the images."""
    g = np.random.default_rng(0)
    x = jnp.float32(100 + 20 * g.normal(size=(count, *shape, channels)))
    masks = jnp.float32(g.random((count, *shape, 1)) < 0.5)
    y = masks * (x + sigma * jnp.float32(g.normal(size=x.shape)))
    return Measurement(y, Mask(masks), Gaussian(jnp.full(count, jnp.float32(sigma)))), x


def scans(coils=2, count=48, shape=(8, 6)):
    """The same complex, of mean 100 + 50 i, from half of the lines of k-space of a few coils."""
    g = np.random.default_rng(1)
    parts = g.normal(size=(2, count, *shape, 1))
    x = jnp.asarray(100 + 50j + 20 * (parts[0] + 1j * parts[1]), jnp.complex64)
    angle = g.random((count, 1, 1, *shape)) * 1.5
    maps = jnp.asarray(np.concatenate([np.cos(angle), 1j * np.sin(angle)], 2) if coils == 2 else np.exp(1j * angle), jnp.complex64)
    H = SENSE(maps, jnp.float32(g.random((count, 1, shape[1])) < 0.5))
    return Measurement(jax.vmap(lambda H, x: H(x))(H, x), H, Gaussian(jnp.zeros(count))), x


def begun(method, batch):
    return jax.jit(method.init)(jax.random.key(0), batch)


def first(batch, i=0):
    return jax.tree.map(lambda leaf: leaf[i], batch)


def test_the_moments_of_images_that_nobody_has_seen():
    """To a few hundredths of the deviation of a few thousand numbers."""
    batch, _ = halves(channels=2)
    offset, deviation = jax.jit(moments)(batch)
    np.testing.assert_allclose(offset.ravel(), [100, 100], atol=1.2)
    assert offset.shape == (1, 1, 2) and float(deviation) == pytest.approx(20, rel=0.04)
    offset, deviation = jax.jit(moments)(scans()[0])
    np.testing.assert_allclose(offset.ravel(), [100, 50], atol=2)
    assert float(deviation) == pytest.approx(20, rel=0.06)


@pytest.mark.parametrize("made", [halves, scans])
def test_measurements_in_units_are_those_of_images_in_units(made):
    """y of (x - offset) / unit, where the noise is none of H's."""
    batch, x = made()
    one = first(batch)
    clean = one.replace(y=one.operator(x[0]))
    is_complex = jnp.iscomplexobj(x)
    scale = Scale(jnp.float32([[[100, 50]]] if is_complex else [[[100]]]), jnp.float32(40))
    wanted = one.operator((x[0] - (100 + 50j if is_complex else 100)) / scale.unit.astype(x.dtype))
    np.testing.assert_allclose(in_units(clean, scale).y, wanted, atol=2e-5)
    assert float(in_units(clean, scale).noise.sigma) == pytest.approx(float(one.noise.sigma / scale.unit))


def test_gsure_is_the_error_against_the_clean_image():
    """In the mean over noise: the network's own weights, not trained to anything, so that D is no special one."""
    method, sigma = GSURE(SMALL), 8.0
    x = jnp.asarray(smooth(8)[0])
    key = jax.random.key(0)
    noisy = lambda key: Measurement(x + sigma * jax.random.normal(key, x.shape), Identity(), Gaussian(jnp.full(8, jnp.float32(sigma))))
    state = begun(method, noisy(key))
    params = jax.tree.map(lambda p: p + 0.05 * jax.random.normal(jax.random.key(1), p.shape), state.params)
    loss = method._in_units(state.scale)

    def both(key):
        """(the loss, the weighted error) of one image at the level that the loss draws."""
        one = first(noisy(jax.random.fold_in(key, 9)))                  # no key of the loss
        level, noise, _ = jax.random.split(key, 3)
        v = jnp.square(sigma / state.scale.unit)
        s = jnp.maximum(method.parameterization.draw(level), jnp.sqrt(v))
        y = state.scale.normalize(one.y)
        D = method.D(params, y + jnp.sqrt(jnp.maximum(jnp.square(s) - v, 0)) * jax.random.normal(noise, y.shape), s)
        return loss(key, params, one)[0], method.parameterization.weight(s) * jnp.mean(jnp.square(D - state.scale.normalize(x[0])))

    found, wanted = jax.jit(jax.vmap(both))(jax.random.split(key, 1500))
    spread = float(jnp.std(found - wanted)) / 1500**0.5
    assert abs(float(found.mean() - wanted.mean())) < 4 * spread and spread < 0.05 * float(wanted.mean())
    D = method.denoiser(state)
    np.testing.assert_array_equal(D(x[0], jnp.float32(1.0)), D(x[0], jnp.float32(sigma)))           # lower levels are not learnt
    assert float(jnp.abs(D(x[0], jnp.float32(20.0)) - D(x[0], jnp.float32(sigma))).max()) > 0.1


def test_ambient_takes_each_sample_from_those_who_have_seen_it(monkeypatch):
    """Of little noise; of much it takes the mean of what all say."""
    batch, _ = halves()
    method = Ambient(SMALL, views=5)
    state = begun(method, batch)
    masks = state.views.shown
    answers = jnp.arange(5.0)[:, None, None, None] + jnp.zeros_like(masks)
    of_mask = lambda shown: jnp.sum(answers * (masks == shown[None]).all((1, 2, 3), keepdims=True), 0)
    monkeypatch.setattr(Ambient, "D", lambda self, params, x, sigma, P: of_mask(P.shown))
    D, x = method.denoiser(state), jnp.zeros((7, 9, 1))
    seen = masks.sum(0)
    wanted = jnp.where(seen > 0, jnp.sum(masks * answers, 0) / jnp.maximum(seen, 1), 2.0)
    np.testing.assert_allclose(state.scale.normalize(D(x, 1e-3 * D.deviation)), wanted, atol=1e-3)
    np.testing.assert_allclose(state.scale.normalize(D(x, 1e3 * D.deviation)), 2.0, atol=1e-3)
    assert 0.3 < float(masks.mean()) < 0.55                                                  # half of them, less a tenth
    with pytest.raises(InputError, match=r"images of \(7, 9\) pixels"):
        D(jnp.zeros((8, 9, 1)), 1.0)


@pytest.mark.parametrize("method, coils", [
    (Ambient(SMALL, sampler=DiffPIR(levels=3), draws=2, views=2), 1),
    pytest.param(EMDiffusion(SMALL, sampler=DiffPIR(levels=3), draws=2, pool=64, lap=1), 2, marks=pytest.mark.slow),
], ids=lambda m: getattr(m, "label", None))
def test_from_k_space(method, coils):
    batch, _ = scans(coils)
    state = begun(method, batch)
    state, metrics = jax.jit(method.update)(jax.random.key(1), state, jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf[:16]]), batch))
    assert np.isfinite(metrics["loss"])
    draws = jax.jit(method.posterior)(jax.random.key(0), state, first(batch).replace(noise=Gaussian(jnp.float32(1.0))))
    assert draws.shape == (2, 8, 6, 1) and draws.dtype == jnp.complex64 and jnp.isfinite(draws).all()


def test_the_first_lap_draws_by_a_gaussian_of_white_images():
    """Measured pixels are those of y; others have the mean and the deviation of the images, whatever their neighbours."""
    batch, x = halves(32, sigma=0.5)
    method = EMDiffusion(SMALL, expectation=MMPS(levels=20), pool=64, lap=3)
    state = begun(method, batch)
    update = jax.jit(method.update)
    state, _ = update(jax.random.key(1), state, batch)
    masks, drawn = np.asarray(batch.operator.mask), np.asarray(state.drawn)
    np.testing.assert_allclose(masks * drawn[:32], masks * batch.y, atol=6)
    assert not drawn[32:].any()
    missing = drawn[:32][masks == 0]
    assert missing.mean() == pytest.approx(100, abs=2) and 15 < missing.std() < 21              # MMPS of 20 levels lacks some of the variance
    before = state
    state, _ = update(jax.random.key(2), state, batch)
    assert np.asarray(state.drawn)[32:].all() and np.array_equal(drawn[:32], state.drawn[:32])      # the other half of the lap's draws
    same = jax.tree.map(np.array_equal, state.prior, before.prior)
    assert all(jax.tree.leaves(same))
    again, _ = update(jax.random.key(4), update(jax.random.key(3), state, batch)[0], batch)
    assert not np.isin(again.drawn[:32][masks == 0], drawn[:32]).any()                              # a new lap draws anew


@pytest.mark.parametrize("make, said", [
    (lambda: Ambient(views=0), "views >= 1"), (lambda: GSURE(tau=0.0), "tau > 0"), (lambda: EMDiffusion(pool=0), "pool and lap of 1 or more"),
    (lambda: EMDiffusion(parameterization=NCSN()), "not NCSN"),
    (lambda: jax.eval_shape(lambda batch: updated(GSURE(SMALL), batch), halves()[0]), "learns from images of every pixel"),
    (lambda: jax.eval_shape(lambda batch: updated(Ambient(SMALL), batch), turned()), "samples of pixels, or of the k-space of one coil"),
    (lambda: jax.eval_shape(lambda batch: updated(EMDiffusion(SMALL, pool=200, lap=2), batch), halves()[0]), "too few or too many"),
])
def test_a_mistake_is_told_in_one_line(make, said):
    with pytest.raises(InputError, match=said) as error:
        make()
    assert "\n" not in str(error.value)


def updated(method, batch):
    return method.update(jax.random.key(0), method.init(jax.random.key(0), batch), batch)


def turned():
    return Measurement(jnp.ones((2, 3, 8, 1)), Radon(jnp.stack([jnp.arange(3.0)] * 2), 8), Gaussian(jnp.ones(2)))


def test_the_mean_of_a_measurement_of_the_trainings_kind_takes_no_draws():
    """It is one call of D for A* y, as a loss without further masking would be shown it."""
    batch, _ = halves()
    method = Ambient(SMALL, draws=1)
    state = begun(method, batch)
    params = jax.tree.map(lambda p: p + 0.05 * jax.random.normal(jax.random.key(1), p.shape), state.params)
    state = state.replace(trained=state.trained.replace(average=params))
    one, unit = first(batch), state.scale.unit
    y = in_units(one, state.scale).y
    mask = Left(one.operator.mask, False)
    wanted = state.scale.restore(method.D(params, y, 4.0 / unit, mask))
    np.testing.assert_allclose(method.reconstruct(jax.random.key(0), state, one), wanted, rtol=1e-5)
