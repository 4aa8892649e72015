"""The laws that need no network, on any number of devices."""

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.core.optimizer import REPLICA
from unsup_jax.methods import EmpiricalLaw, GaussianLaw
from unsup_jax.operators import Identity


def batches(count, size):
    images = np.random.default_rng(0).gamma(2.0, 3.0, (count, size, 3, 2, 1)).astype(np.float32)
    return images, [Measurement(jnp.zeros_like(x), Identity(), unpaired=jnp.asarray(x)) for x in images]


def test_a_gaussian_law_has_the_moments_of_all_batches():
    images, seen = batches(20, 8)
    method = GaussianLaw()
    state = method.init(jax.random.key(0), seen[0])
    shared = jax.vmap(method.update, (None, None, 0), axis_name=REPLICA)  # two replicas, half a batch each
    for batch in seen:
        halves = jax.tree.map(lambda leaf: leaf.reshape(2, 4, *leaf.shape[1:]), batch)
        state = jax.tree.map(lambda leaf: leaf[0], shared(jax.random.key(1), state, halves)[0])
    drawn = np.asarray(method.sample(jax.random.key(2), state, 40_000)).reshape(40_000, -1)
    flat = images.reshape(160, -1)
    np.testing.assert_allclose(drawn.mean(0), flat.mean(0), atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(flat.T, bias=True), atol=0.6)


def test_an_empirical_law_draws_the_last_samples_again():
    images, seen = batches(3, 4)
    method = EmpiricalLaw(capacity=6)
    state = method.init(jax.random.key(0), seen[0])
    for k, batch in enumerate(seen):
        state, _ = method.update(jax.random.key(1), state, batch)
        drawn = {x.tobytes() for x in np.asarray(method.sample(jax.random.key(2), state, 200))}
        assert drawn == {x.tobytes() for x in images[: k + 1].reshape(-1, 3, 2, 1)[-6:]}
