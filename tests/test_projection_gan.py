"""ProjectionGAN: which projections are sharp, what it makes of a volume, and that it learns."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Measurement
from unsup_jax.data import Phantoms
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.methods import GerchbergPapoulis, ProjectionGAN
from unsup_jax.methods.transport.projection_gan import directions_known
from unsup_jax.modalities import ScanningTomograph
from unsup_jax.operators import Fourier
from unsup_jax.operators.diffraction_scan import cone

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types


def test_a_direction_is_known_as_its_central_slice_is():
    """Of a mask without a cone about the first axis: projections across that axis hold it, those along it hold none of it."""
    f = np.stack(np.meshgrid(*[np.fft.fftfreq(16)] * 3, indexing="ij"))
    mask = np.float32(np.abs(f[0]) <= np.hypot(f[1], f[2]) * np.tan(np.pi / 6))
    known = np.asarray(directions_known(jnp.asarray(mask), 36))
    assert known.shape == (3, 36) and np.ptp(known[0]) < 0.1                    # about the cone's axis all are alike
    for about in (1, 2):                                                        # the slice across the cone is whole; across the others a wedge is lost
        assert known[about].max() > 0.95 and known[about].min() < 0.45
    np.testing.assert_allclose(directions_known(jnp.ones((15,) * 3), 12), 1)
    assert directions_known(jnp.ones((8, 8)), 10).shape == (1, 10)


def test_directions_of_the_light_fill_their_cone():
    s = np.hypot(*np.asarray(cone(200, 0.7)).T)
    assert s.max() == pytest.approx(np.sin(0.7), rel=1e-5)
    np.testing.assert_allclose(np.sort(s**2), np.linspace(0, np.sin(0.7) ** 2, 200), atol=1e-6)      # evenly over the disc


def cells(count, size):
    images = Phantoms("cells", count=count, shape=(size,) * 3).images()
    measure = jax.jit(ScanningTomograph().measure)
    made = [measure(jax.random.key(i), x).replace(index=jnp.int32(i)) for i, x in enumerate(images)]
    return [one.only(()) for one in made], [np.asarray(one.truth) for one in made]


def batch(ones):
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *ones)


def test_samples_between_points_of_the_grid_are_brought_onto_them():
    """Next to the zero frequency within 8 % of the truth's own coefficients, from which the mean of the samples around each point is 17 % away."""
    (one,), (truth,) = cells(1, 24)
    T = np.asarray(one.operator(jnp.asarray(truth)))
    k = np.sqrt(sum(np.square(f) for f in np.meshgrid(*(np.fft.fftfreq(24),) * 3, indexing="ij")))[..., None]
    near = (np.asarray(one.operator.measured(one.y)) > 0) & (k < 0.09)
    y = np.asarray(one.y)
    assert np.linalg.norm((y - T)[near]) < 0.08 * np.linalg.norm(T[near])


def test_an_untrained_network_gives_back_what_was_projected():
    """G begins as the identity: the estimate is near x_0, and an estimate that was kept is not made again."""
    ones, _ = cells(2, 12)
    method = ProjectionGAN(views=48).tiny()
    state = jax.jit(method.init)(jax.random.key(0), batch(ones))
    x_0 = np.asarray(method.estimate(jax.random.key(0), ones[0]))
    x = np.asarray(jax.jit(method.reconstruct)(jax.random.key(0), state, ones[0]))
    assert x.shape == ones[0].y.shape and np.iscomplexobj(x) and np.corrcoef(x.real.ravel(), x_0.ravel())[0, 1] > 0.7
    state, metrics = jax.jit(method.update)(jax.random.key(1), state, batch(ones))
    assert all(np.isfinite(value) for value in metrics.values()) and sorted(np.asarray(state.which))[-2:] == [0, 1]
    np.testing.assert_allclose(state.estimates[0], x_0, atol=1e-5)


def test_what_it_does_not_take_is_said():
    y = jnp.zeros((8, 8, 8, 1), jnp.complex64)
    with pytest.raises(InputError, match="here all were alike"):
        ProjectionGAN().check(Measurement(y, Fourier(jnp.ones((8, 8, 8)))))
    with pytest.raises(InputError, match="of a square image or a cube"):
        ProjectionGAN().check(Measurement(y[:6], Fourier(jnp.ones((6, 8, 8)))))
    with pytest.raises(InputError, match="8 views or more"):
        ProjectionGAN(views=4)
    with pytest.raises(InputError, match="give --data.dimensions 3"):
        ScanningTomograph().operator(jax.random.key(0), jnp.zeros((8, 8, 1)))


@pytest.mark.slow
def test_a_missing_cone_is_filled():
    """Of a cell that is not trained on: above Gerchberg and Papoulis by a fifth of a decibel, and what is not trained by .7."""
    ones, truths = cells(8, 32)
    method = ProjectionGAN().planned(200)
    state = first = jax.jit(method.init)(jax.random.key(0), batch(ones[1:3]))
    step, rng = jax.jit(method.update), np.random.default_rng(0)
    for k in range(200):
        state, _ = step(jax.random.key(k), state, batch([ones[rng.integers(1, 8)]]))
    reconstruct = jax.jit(method.reconstruct)
    found, untrained = (psnr(np.asarray(reconstruct(jax.random.key(0), at, ones[0])).real, truths[0].real) for at in (state, first))
    classical = psnr(np.asarray(method.estimate(jax.random.key(0), ones[0])), truths[0].real)
    assert method.by == GerchbergPapoulis(steps=20) and found > classical + 0.2 and found > untrained + 0.7
