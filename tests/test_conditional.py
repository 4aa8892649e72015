"""Adversarial methods of pairs: that they learn, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import noisy_images, projected
from test_adversarial import leaves_of
from test_train import norm_of_difference

from unsup_jax.core import Adam, Measurement
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.losses import Consistency, PairConsistency, SupervisedError, UNSURE
from unsup_jax.losses.games import Mirror
from unsup_jax.methods import Pix2Pix
from unsup_jax.networks import PatchCritic, UNet, Unrolled
from unsup_jax.operators import Convolution, gaussian_psf

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types

SMALL = {"generator": UNet(depth=1, width=4, residual=True), "critic": PatchCritic(width=4, depth=1)}


@pytest.fixture(scope="module")
def blurred():
    """Parts of nuclei behind a blur, and the whole of one more image."""
    H = Convolution(gaussian_psf((7, 7), 1.2))
    images = [one.truth for one in noisy_images(count=5, shape=(48, 48), kind="nuclei")]
    measured = [Measurement(np.asarray(projected(H, jnp.asarray(x))), H, truth=x) for x in images]
    corner = lambda one, i, j: one.replace(y=one.y[i : i + 24, j : j + 24], truth=one.truth[i : i + 24, j : j + 24])
    parts = [corner(one, i, j) for one in measured[:4] for i in (0, 24) for j in (0, 24)]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts), measured[4]


def test_pix2pix_learns(blurred, quick_compilation):
    """Over the blurred image, by the average of G; both players move."""
    batch, test = blurred
    method = Pix2Pix(**SMALL, generator_optimizer=Adam(5e-3, b1=0.5, average=0.9)).planned(80)
    state = start = jax.jit(method.init)(jax.random.key(0), batch)
    update = jax.jit(method.update)
    for step in range(80):
        state, metrics = update(jax.random.key(step), state, batch)
    assert all(jnp.isfinite(value) for value in metrics.values()) and {"critic_loss", "generator_content"} <= metrics.keys()
    assert norm_of_difference(leaves_of(state.critic.params), leaves_of(start.critic.params)) > 0
    estimate = np.asarray(jax.jit(method.reconstruct)(jax.random.key(0), state, test.only(method.reads)))
    assert psnr(estimate, test.truth) > psnr(test.y, test.truth) + 1.5
    watched = jax.jit(method.validate)(jax.random.key(0), state, batch)
    assert float(watched["loss"]) == pytest.approx(float(metrics["generator_content"]), rel=0.3)


def test_what_pix2pix_refuses():
    with pytest.raises(InputError, match="takes no augmentation"):
        Pix2Pix(augment=Mirror())
    with pytest.raises(InputError, match="may see the truth, not pair"):
        Pix2Pix(content=PairConsistency())
    with pytest.raises(InputError, match="learns nothing beside the network"):
        Pix2Pix(content=SupervisedError() + UNSURE())
    with pytest.raises(InputError, match="Unrolled asks for the operator"):
        Pix2Pix(generator=Unrolled())
    assert Pix2Pix(content=SupervisedError() + 0.1 * Consistency()).sees == {"truth"}
