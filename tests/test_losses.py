"""Hold-out masks against their definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.losses import local_mean, mean_absolute_error, mean_square_error, neighbour, replacement, stratified_pixels


@pytest.mark.parametrize("shape, fraction", [
    ((64, 64), 0.015), ((30, 17), 0.04), ((8, 12, 16), 0.02), ((2, 32, 32), 0.02), ((32, 32), 0.3), ((32, 24), 0.5), ((8, 8, 16), 0.4)])
def test_stratified_pixels(shape, fraction):
    draw = jax.jit(lambda key: jnp.stack(stratified_pixels(key, shape, fraction), -1))
    many = np.asarray(jax.vmap(draw)(jax.random.split(jax.random.key(0), 1000)))
    assert (many >= 0).all() and (many < shape).all()
    assert abs(many.shape[1] / np.prod(shape) / fraction - 1) < 0.25            # a fixed count
    assert len(np.unique(many[0], axis=0)) > 0.8 * many.shape[1]                # boxes at the border may overlap
    hits = np.zeros(shape)
    np.add.at(hits, tuple(many.reshape(-1, len(shape)).T), 1)
    assert hits.min() > 0 and hits.max() < 6 * hits.mean()  # every pixel is held out at times
    assert fraction < 0.1 or hits.max() < 0.9 * 1000 * 2    # and shown at others


def test_one_pixel_in_each_box():
    rows, columns = stratified_pixels(jax.random.key(1), (32, 32), 1 / 16)
    boxes = set(zip(np.asarray(rows // 4).tolist(), np.asarray(columns // 4).tolist()))
    assert len(boxes) == 64 == len(rows)


def test_neighbour_draws_uniformly_from_the_window():
    y = jnp.arange(81.0).reshape(9, 9, 1)
    J = (jnp.array([4]), jnp.array([0]))
    drawn = jax.vmap(lambda key: neighbour(key, y, J, 2)[0, 0])(jax.random.split(jax.random.key(0), 6000))
    values, counts = np.unique(np.asarray(drawn), return_counts=True)
    window = np.asarray(y)[2:7, 0:3, 0].ravel()  # clipped at the left border
    np.testing.assert_array_equal(values, np.sort(window))
    assert np.abs(counts / 6000 * 15 - 1).max() < 0.25


@pytest.mark.parametrize("kappa", ["mean", "median"])
@pytest.mark.parametrize("fraction, radius", [(0.0625, 1), (0.5, 1), (0.03, 2)])
def test_what_is_shown_does_not_depend_on_what_is_hidden(kappa, fraction, radius):
    """Of all pixels of J together: none is seen through the replacement of its neighbour."""
    y = jax.random.normal(jax.random.key(0), (24, 24, 1))
    J = stratified_pixels(jax.random.key(5), (24, 24), fraction)
    shown = lambda y: y.at[J].set(replacement(jax.random.key(6), y, J, kappa, radius))
    other = y.at[J].add(100 * jax.random.normal(jax.random.key(1), (len(J[0]), 1)))
    assert jnp.isfinite(shown(y)).all() and not jnp.array_equal(y, other)
    np.testing.assert_array_equal(shown(other), shown(y))


def test_where_all_of_the_window_is_hidden():
    """The mean of the frame outside J."""
    y = jnp.arange(49.0).reshape(7, 7, 1)
    J = tuple(a.ravel() for a in jnp.meshgrid(jnp.arange(3), jnp.arange(3), indexing="ij"))
    outside = np.delete(np.arange(49.0), [7 * r + c for r in range(3) for c in range(3)]).mean()
    for kappa in ("mean", "median"):
        np.testing.assert_allclose(replacement(jax.random.key(0), y, J, kappa, 1)[0, 0], outside, rtol=1e-6)


def test_local_mean_leaves_out_the_centre():
    y = np.asarray(jax.random.normal(jax.random.key(0), (7, 8, 2)))
    J = (jnp.array([3, 0]), jnp.array([4, 7]))
    expected = []
    for i, j in zip(*J):
        window = [y[a, b] for a in range(i - 1, i + 2) for b in range(j - 1, j + 2)
                  if 0 <= a < 7 and 0 <= b < 8 and (a, b) != (i, j)]
        expected.append(np.mean(window, 0))
    np.testing.assert_allclose(local_mean(jnp.asarray(y), J, 1), expected, rtol=1e-5)
    influence = jax.jacobian(lambda y: local_mean(y, J, 2))(jnp.asarray(y))
    for k, (i, j) in enumerate(zip(*J)):
        assert not influence[k, :, i, j].any()  # J-invariant, exactly


def test_fidelities():
    a, b = jnp.array([1 + 1j, 2.0]), jnp.array([0j, 2.0])
    assert abs(float(mean_square_error(a, b)) - 1) < 1e-6
    assert abs(float(mean_absolute_error(a, b)) - np.sqrt(2) / 2) < 1e-6
