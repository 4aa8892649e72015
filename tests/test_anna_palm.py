"""ANNA-PALM: its instrument, its similarity, and what its players pay."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.evaluate import ssim
from unsup_jax.losses import StructuralError, ms_ssim
from unsup_jax.methods import AnnaPalm
from unsup_jax.modalities import LocalizationCounts
from unsup_jax.networks import UNet
from unsup_jax.noise import Gaussian, Poisson
from unsup_jax.operators import Identity

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types


def test_few_localisations_have_the_law_of_counts(quick_compilation):
    """Multiples of a localisation, of the mean and the variance of Poisson's law; beside them the blurred structure."""
    x = jnp.full((64, 48, 1), 100.0)
    one = LocalizationCounts(noise=Poisson(400.0), wide_sigma=2.0, wide_noise=Gaussian(0.1)).measure(jax.random.key(0), x)
    counts = np.asarray(one.y) / 400
    np.testing.assert_array_equal(counts, np.rint(counts))
    assert counts.mean() == pytest.approx(0.25, abs=0.04) and counts.var() == pytest.approx(0.25, abs=0.05)
    np.testing.assert_allclose(one.pair[12:-12, 12:-12], 100, atol=0.6)
    assert one.operator.identity and not one.pair_operator.identity and one.pair.shape == one.y.shape
    with pytest.raises(InputError, match="positive wide_sigma"):
        LocalizationCounts(wide_sigma=0.0)


def test_similarity_is_that_of_scikit_image(quick_compilation):
    """Of one scale it is the SSIM of an independent implementation, in any units; of five, 1 for equal images alone."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 50, (20, 21, 1)).astype(np.float32)
    y = (0.8 * x + rng.normal(0, 8, x.shape) + 3).astype(np.float32)
    from skimage.metrics import structural_similarity

    low, unit = x.min(), np.ptp(x)
    a, b = ((image[..., 0].astype(float) - low) / unit for image in (y, x))
    _, full = structural_similarity(b, a, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True)
    assert float(ms_ssim(y, x)) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-4)
    assert float(ms_ssim(7 * y - 30, 7 * x - 30)) == pytest.approx(float(ms_ssim(y, x)), abs=1e-4) and ssim(y, x) < 1
    large = rng.uniform(0, 1, (176, 180, 1)).astype(np.float32)
    assert float(ms_ssim(large, large)) == pytest.approx(1) and 0 < float(ms_ssim(large[::-1], large)) < 0.6
    one = Measurement(y, None, truth=x)
    assert float(StructuralError(alpha=1.0)(None, lambda one: one.y, one)[0]) == pytest.approx(1 - float(ms_ssim(y, x)))
    flat = StructuralError(alpha=0.0)(None, lambda one: one.truth + 5, one)[0]
    assert 0.5 * 5 / unit < float(flat) <= 5 / unit * 1.001                     # G loses light at the edges alone
    with pytest.raises(InputError, match="between 0 and 1"):
        StructuralError(alpha=2.0)


def test_what_the_players_pay(quick_compilation):
    """With a D that is sure of nothing and a Q that knows the wide-field image: the content alone, half the game, no contradiction."""
    y, pair, truth = jnp.asarray(np.random.default_rng(0).uniform(0, 9, (3, 16, 16, 1)), jnp.float32)
    one = Measurement(y, Identity(), pair=pair, truth=truth)
    method = AnnaPalm(content=20 * StructuralError(alpha=0.0))
    D = lambda *seen, of="critic": one.pair if of == "low_resolution" else jnp.full((2, 2, 1), 0.5)
    G = lambda shown: shown[..., 1:]                                            # the wide-field image that is shown beside the counts
    content = 20 * StructuralError(alpha=0.0)(None, lambda one: one.pair, one)[0]
    loss, metrics = method.generator_loss(jax.random.key(0), G, D, one)
    assert float(metrics["contradiction"]) == pytest.approx(0, abs=1e-5)
    assert float(loss) == pytest.approx(float(content) + 0.5**2 / 2, rel=1e-4)
    loss, metrics = method.critic_loss(jax.random.key(0), D, G, one)
    assert float(loss) == pytest.approx(0.5**2 / 2, rel=1e-4)                   # half of (1/2)^2 / 2 of each
    blind = lambda *seen, of="critic": D(*seen) if of == "critic" else one.pair[::-1]
    assert float(method.critic_loss(jax.random.key(0), blind, G, one)[0]) > 0.5**2 / 2 + 0.05
    alone = AnnaPalm(wide_field=False, content=20 * StructuralError(alpha=0.0))
    assert alone.shown(one).shape == (16, 16, 1) and "contradiction" not in alone.generator_loss(jax.random.key(0), lambda y: y, D, one)[1]


def test_all_three_networks_are_players():
    """A step, traced and not computed: what is learnt keeps its shapes, and every term is logged."""
    images = jnp.zeros((2, 16, 16, 1))
    example = Measurement(images, Identity(), pair=images, truth=images)
    method = AnnaPalm().tiny().planned(2)
    state = jax.eval_shape(method.init, jax.random.key(0), example)
    assert state.critic.params.keys() == {"critic", "low_resolution"}
    after, metrics = jax.eval_shape(method.update, jax.random.key(0), state, example)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
    assert {"generator_contradiction", "generator_content", "generator_adversarial", "critic_low_resolution"} <= metrics.keys()


def test_what_anna_palm_refuses():
    y = jnp.zeros((16, 16, 1))
    assert AnnaPalm().sees == {"truth", "pair"} and AnnaPalm(wide_field=False).sees == {"truth"}
    AnnaPalm(wide_field=False).check(Measurement(y, Identity()))
    with pytest.raises(InputError, match="takes a wide-field image beside"):
        AnnaPalm().check(Measurement(y, Identity()))
    with pytest.raises(InputError, match="one channel made of two; those of UNet are None"):
        AnnaPalm(generator=UNet())
    with pytest.raises(InputError, match="zero or more"):
        AnnaPalm(consistency=-1.0)
