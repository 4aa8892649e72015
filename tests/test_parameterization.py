"""What papers call score, noise and velocity, as one denoiser: of Gaussian images each is the Wiener filter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.errors import InputError
from unsup_jax.methods.score import DDPM, EDM, NCSN, FlowMatching

VARIANCE = 0.3
"""Of normalised images, here numbers of mean 0."""


def score(x, sigma):
    """F of NCSN: sigma grad log p_sigma(x)."""
    return -sigma * x / (VARIANCE + sigma**2)


def noise(x_t, sigma):
    """epsilon of DDPM, E[n | x_t], of x_t = sqrt(a) x_0 + sqrt(1 - a) n."""
    a = 1 / (1 + sigma**2)
    return np.sqrt(1 - a) / (a * VARIANCE + 1 - a) * x_t


def velocity(x_t, sigma):
    """v of flow matching, E[n - x_0 | x_t], of x_t = (1 - t) x_0 + t n."""
    t = sigma / (1 + sigma)
    return (t - (1 - t) * VARIANCE) / ((1 - t) ** 2 * VARIANCE + t**2) * x_t


def unit(x, sigma):
    """F of EDM, of its own c_in x: what of x_0 is not c_skip x, over c_out, at least squares."""
    d2 = 0.25
    x = x * np.sqrt(sigma**2 + d2)
    return (VARIANCE / (VARIANCE + sigma**2) - d2 / (sigma**2 + d2)) * x * np.sqrt(sigma**2 + d2) / (sigma * np.sqrt(d2))


EXACT = {EDM(): unit, NCSN(): score, NCSN(conditional=True): score, DDPM(): noise, FlowMatching(): velocity}


@pytest.mark.parametrize("model, F", EXACT.items(), ids=lambda v: getattr(v, "__name__", None) or str(v))
@pytest.mark.parametrize("sigma", [0.01, 0.5, 20.0])
def test_the_exact_network_of_each_paper_makes_the_wiener_filter(model, F, sigma):
    x = jnp.float32(np.random.default_rng(0).normal(size=(6, 5, 1)) * np.sqrt(VARIANCE + sigma**2))
    found = model.denoise(lambda x, code: F(x, sigma), x, jnp.float32(sigma))
    np.testing.assert_allclose(found, VARIANCE / (VARIANCE + sigma**2) * x, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("model, F", EXACT.items(), ids=lambda v: getattr(v, "__name__", None) or str(v))
def test_its_loss_is_that_of_its_paper(model, F):
    """The squares of the network's own target, less what is not known of it: for F = 0, E |target|^2 is 1 of n, 1 + d^2 of n - x_0."""
    images = jnp.float32(0.5 * np.random.default_rng(0).normal(size=(4000, 8)))                    # d = 1/2
    keys = jax.random.split(jax.random.key(0), len(images))
    nothing = jax.jit(jax.vmap(lambda key, x: model.loss(key, lambda x, code: jnp.zeros_like(x), x)))(keys, images)
    assert float(nothing.mean()) == pytest.approx(1.25 if isinstance(model, FlowMatching) else 1.0, rel=0.04)


def test_levels_are_those_of_the_papers():
    sigmas = np.asarray(DDPM().sigmas())
    a = np.cumprod(1 - np.linspace(1e-4, 0.02, 1000))
    np.testing.assert_allclose(sigmas, np.sqrt((1 - a) / a), rtol=1e-3)
    assert sigmas[-1] == pytest.approx(157.4, rel=1e-3) and sigmas[0] == pytest.approx(0.01, rel=1e-2)
    draw = lambda model: np.asarray(jax.vmap(model.draw)(jax.random.split(jax.random.key(0), 20000)))
    drawn = np.unique(np.round(draw(NCSN(1.0, 0.01, 10)), 5))
    np.testing.assert_allclose(drawn[::-1], np.geomspace(1, 0.01, 10), rtol=2e-3)
    t = draw(FlowMatching())
    t = t / (1 + t)
    np.testing.assert_allclose([t.mean(), t.std()], [0.5, 12**-0.5], atol=0.01)
    np.testing.assert_allclose([np.log(draw(EDM())).mean(), np.log(draw(EDM())).std()], [-1.2, 1.2], atol=0.03)


def test_ncsn2_is_not_told_the_level():
    told = lambda model: [float(model.code(jnp.float32(sigma))) for sigma in (0.1, 10.0)]
    assert told(NCSN()) == [0, 0] and told(NCSN(conditional=True)) == pytest.approx([np.log(0.1) / 4, np.log(10) / 4])


@pytest.mark.parametrize("make, said", [
    (lambda: EDM(log_deviation=0.0), "log_deviation > 0"), (lambda: NCSN(levels=1), "2 levels"), (lambda: NCSN(smallest=90.0), "smallest < largest"),
    (lambda: DDPM(last=1.0), "last < 1"), (lambda: FlowMatching(0.5), "edge in"),
])
def test_a_mistake_is_told_in_one_line(make, said):
    with pytest.raises(InputError, match=said) as error:
        make()
    assert "\n" not in str(error.value)
