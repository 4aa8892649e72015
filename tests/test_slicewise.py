"""Networks and critics of the slices of a volume, against each slice by itself."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.errors import InputError
from unsup_jax.networks import DnCNN, Network, PatchCritic, SliceCritic, Slicewise

pytestmark = pytest.mark.usefixtures("quick_compilation")

VOLUME = jax.random.normal(jax.random.key(0), (5, 8, 7, 2))


class Rows(Network):
    """The running sum along the rows of an image, in proportion to a parameter."""

    @nn.compact
    def __call__(self, x):
        return self.param("a", nn.initializers.constant(2.0), ()) * jnp.cumsum(x, 0)


def test_the_passes_of_a_known_network_are_its_sums_along_the_axes():
    """Rows are along z, and of slices across z along y: the mean of three passes is (sum_y + 2 sum_z) of what is known, /3."""
    for axes, expected in {(0,): [1], (1,): [0], (2,): [0], (0, 1, 2): [1, 0, 0], (2, 0): [0, 1]}.items():
        network = Slicewise(Rows(), axes=axes)
        found = network.apply(network.init(jax.random.key(1), VOLUME), VOLUME)
        np.testing.assert_allclose(found, 2 * sum(jnp.cumsum(VOLUME, axis) for axis in expected) / len(axes), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shared", [True, False])
def test_the_passes_of_a_network_are_those_of_each_slice_by_itself(shared):
    """On odd sizes, with one theta or with three."""
    inner = DnCNN(depth=2, width=4)
    network = Slicewise(inner, axes=(0, 1, 2), shared=shared)
    params, alone = jax.jit(network.init)(jax.random.key(1), VOLUME), jax.jit(inner.apply)
    own = {axis: params["params"]["each" if shared else f"across{axis}"] for axis in range(3)}
    assert set(params["params"]) == ({"each"} if shared else {"across0", "across1", "across2"})
    passes = [
        jnp.stack([alone({"params": own[axis]}, jnp.take(VOLUME, i, axis)) for i in range(VOLUME.shape[axis])], axis)
        for axis in range(3)
    ]
    np.testing.assert_allclose(jax.jit(network.apply)(params, VOLUME), sum(passes) / 3, rtol=1e-5, atol=1e-5)
    assert network.tiling == inner.tiling


def test_a_volume_with_y_and_x_exchanged_has_its_xz_and_yz_passes_exchanged():
    network = Slicewise(DnCNN(depth=2, width=4), axes=(1, 2))
    params, apply = jax.tree.map(lambda leaf: leaf + 0.1, jax.jit(network.init)(jax.random.key(1), VOLUME)), jax.jit(network.apply)
    np.testing.assert_allclose(apply(params, VOLUME.swapaxes(1, 2)), apply(params, VOLUME).swapaxes(1, 2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("isotropic", [True, False])
def test_a_critic_of_slices_scores_every_second_slice_across_each_axis(isotropic):
    inner = PatchCritic(width=4, depth=1)
    critic = SliceCritic(inner, isotropic=isotropic, every=2)
    params, alone = jax.jit(critic.init)(jax.random.key(1), VOLUME), jax.jit(inner.apply)
    scores = jax.jit(critic.apply)(params, VOLUME)
    for axis, found in enumerate(scores):
        own = {"params": params["params"]["each" if isotropic else f"across{axis}"]}
        expected = [alone(own, jnp.take(VOLUME, i, axis)) for i in range(0, VOLUME.shape[axis], 2)]
        np.testing.assert_allclose(found, jnp.stack(expected), rtol=1e-5, atol=1e-5)
    assert SliceCritic().tiny().critic == PatchCritic().tiny()


def test_axes_that_are_none_and_images_are_refused():
    for axes in ((), (0, 0), (3,)):
        with pytest.raises(InputError, match="slices are across axes of 0, 1, 2, each once"):
            Slicewise(axes=axes)
    with pytest.raises(InputError, match="slices are of volumes .* give --data.dimensions 3"):
        Slicewise().init(jax.random.key(0), VOLUME[0])
    with pytest.raises(InputError, match="SliceCritic needs values of 1 or more, not every 0"):
        SliceCritic(every=0)
