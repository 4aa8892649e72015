"""Which samples there are: what is measured, what can be held out, in which units, and of which measurement."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Measurement, Restricted, Scale, Views
from unsup_jax.data import Data, Phantoms, Stream
from unsup_jax.losses import Split
from unsup_jax.modalities import Camera
from unsup_jax.operators import SENSE, Convolution, Fourier, Identity, Mask, NonCartesianSENSE, gaussian_psf
from unsup_jax.operators.trajectories import radial


def test_what_is_held_out_of_composed_operators():
    """The coils of SENSE @ Identity are held out together, and no sample that Mask @ Convolution lacks is in Lambda."""
    y = jnp.ones((4, 9, 8), jnp.complex64)
    H = SENSE(y[None], jax.random.bernoulli(jax.random.key(0), 0.5, (9, 8)).astype(jnp.float32))
    views = Views(jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), H))
    for composed in (H @ Identity(), Identity() @ H, Restricted(H, jnp.ones((1, 9, 8))), Identity() @ (H @ Identity())):
        assert composed.sample_axes(y) == (1, 2)
        np.testing.assert_array_equal(jnp.broadcast_to(composed.measured(y), y.shape), jnp.broadcast_to(H.measured(y), y.shape))
        assert [k.shape for k in composed.frequencies(y)] == [(1, 9, 1), (1, 1, 8)]
        assert Split().draw(jax.random.key(1), composed, y)[1].shape == (1, 9, 8)
    many = jnp.stack([y] * 3)
    assert views.sample_axes(many) == (0, 2, 3) and [k.shape for k in views.frequencies(many)] == [(3, 1, 9, 1), (3, 1, 1, 8)]
    np.testing.assert_array_equal(views.measured(many), jnp.stack([H.measured(y)] * 3))
    holes, image = Mask(jax.random.bernoulli(jax.random.key(2), 0.5, (17, 16, 1)).astype(jnp.float32)), jnp.ones((17, 16, 1))
    blurred = holes @ Convolution(gaussian_psf((5, 5), 1.0))
    Theta, Lambda = Split().draw(jax.random.key(3), blurred, image)
    np.testing.assert_array_equal(Theta + Lambda, holes.mask)
    assert not blurred.local and (holes @ holes).local and (Identity() @ Identity()).identity and not blurred.identity
    sampled = Fourier(H.mask)
    np.testing.assert_array_equal(sum(Split().draw(jax.random.key(4), sampled, y[0, ..., None]))[..., 0], H.mask)


@pytest.mark.parametrize("width", range(7))
def test_the_protected_centre_is_as_wide_as_asked(width):
    for n in (16, 17):
        y = jnp.ones((1, n, n), jnp.complex64)
        centre = Split(protected=width)._samples(SENSE(y[None], jnp.ones((n, n))), y)[2]
        assert int(centre.sum()) == width**2 and (width == 0 or bool(centre[0, 0, 0]))


def test_spokes_are_split_by_where_their_samples_lie():
    """Every spoke alike, the less the further from the centre, of which nothing is held out."""
    spokes, samples = 12, 32
    H = NonCartesianSENSE(jnp.ones((1, 2, 16, 16), jnp.complex64), radial(spokes, samples, angle=2.0))
    y = jnp.ones((2, spokes * samples), jnp.complex64)
    held = jax.vmap(lambda key: Split().draw(key, H, y)[1][0])(jax.random.split(jax.random.key(0), 400)).mean(0).reshape(spokes, samples)
    assert float(jnp.abs(held.mean(1) - held.mean()).max()) < 0.1               # the centre is square: spokes have more or less of it
    radius = np.abs(np.arange(samples) / samples - 0.5)
    centre = np.abs(np.asarray(H.coordinates).reshape(spokes, samples, 2) * 16).max(-1) < 1.7
    assert not held[centre].any()
    outer, inner = held[:, radius > 0.4].mean(), held[:, (radius > 0.2) & (radius < 0.3)].mean()
    assert inner > 1.5 * outer > 0


def test_units_of_what_a_mask_leaves():
    """y' = H x' + w' in the units of a network, for missing and for weakened pixels."""
    x = 100 + 10 * jax.random.normal(jax.random.key(0), (2, 8, 8, 1))
    for mask in (jax.random.bernoulli(jax.random.key(1), 0.7, x.shape).astype(x.dtype), jnp.full(x.shape, 0.5)):
        one = Measurement(jax.vmap(lambda H, x: H(x))(Mask(mask), x), Mask(mask), truth=x)
        scale = Scale.of(one)
        other = jax.vmap(lambda one: one.normalize(scale))(one)
        np.testing.assert_allclose(other.y, jax.vmap(lambda H, x: H(x))(Mask(mask), other.truth), atol=1e-5)
        np.testing.assert_allclose(np.mean(np.square(other.y)[np.asarray(mask) > 0]), 1, rtol=1e-5)


def test_measurements_keep_their_index():
    """Through the split into parts, crops, units, batches and what is hidden: on their own as in a batch of any size."""
    data = Data(source=Phantoms(count=3, shape=(32, 32)), patch=16)
    own, _ = data.measure(Camera(), 0)
    assert [int(m.index) for m in own] == [0, 1, 2]
    batch = Stream(data.arrange((own, []), (), 0).train, batch=6, patch=16, augment=True, seed=0).example(12)
    assert set(batch.index.tolist()) == {0, 1, 2} and batch.index.dtype == np.int32
    for patch, index in zip(batch.y, batch.index):
        assert np.isin(patch, own[index].y).all() and not np.isin(patch, own[index - 1].y).all()
    one = jax.tree.map(lambda leaf: leaf[0], batch)
    assert one.only(()).normalize(Scale.of(batch)).index == batch.index[0]
    unnumbered = [m.replace(index=None) for m in own]
    assert set(Stream(unnumbered, batch=2, patch=None, augment=False, seed=0).example(6).index.tolist()) == {0, 1, 2}
