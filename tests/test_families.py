"""Families of operators: their laws, their gradients, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Among, Drawn, Family, Measurement, Own, Scale
from unsup_jax.core.family import InUnits
from unsup_jax.errors import InputError
from unsup_jax.modalities import Inpainting, Tomograph
from unsup_jax.noise import Gaussian, Poisson
from unsup_jax.operators import ContrastTransfer, Convolution, Identity, Mask, Projection, Radon, UnknownAngles, UnknownPose, gaussian_psf

pytestmark = pytest.mark.usefixtures("quick_compilation")

KEY = jax.random.key(0)


def drawn(family, one, count=400):
    return jax.jit(jax.vmap(lambda key: family.draw(key, one)))(jax.random.split(KEY, count))


def masked(shape=(9, 7, 1)):
    return Measurement(jnp.ones(shape), Mask((jnp.arange(shape[0] * shape[1]).reshape(shape) % 2).astype(jnp.float32)), Gaussian(0.5))


def test_a_measurements_own_operator_is_drawn_as_it_is():
    one = masked()
    np.testing.assert_array_equal(drawn(Own(), one, 2).mask, jnp.stack([one.operator.mask] * 2))


def test_an_instrument_is_drawn_with_its_law():
    """Each pixel of the masks of `Inpainting` is kept with its probability, independently of the others."""
    masks = drawn(Drawn(Inpainting(keep=0.3)), masked()).mask.reshape(400, -1)
    assert float(jnp.abs(masks.mean(0) - 0.3).max()) < 5 * np.sqrt(0.21 / 400)
    together = masks.T @ masks / 400 - 0.09
    assert float(jnp.abs(together - jnp.diag(jnp.diag(together))).max()) < 6 * np.sqrt(0.09 * 0.91 / 400)


def test_a_turned_specimen_is_seen_from_evenly_spread_angles_that_start_anywhere_in_half_a_turn():
    one = Measurement(jnp.ones((3, 8, 1)), Radon(jnp.zeros(3), 8), Gaussian(1.0))
    angles = drawn(Drawn(Tomograph(views=3, turned=True)), one).angles
    np.testing.assert_allclose(jnp.diff(angles, axis=1), np.pi / 3, atol=1e-5)
    assert abs(float(angles[:, 0].mean()) - np.pi / 2) < 5 * np.pi / np.sqrt(12 * 400) and float(angles[:, 0].max()) < np.pi


def test_one_among_several_is_as_likely_as_another():
    masks = jnp.eye(4).reshape(4, 2, 2, 1)
    found = drawn(Among(Mask(masks)), masked((2, 2, 1))).mask
    shares = found.sum((0, 2, 3)) / 400, found.mean(0).ravel()
    assert float(jnp.abs(shares[1] - 0.25).max()) < 5 * np.sqrt(0.1875 / 400) and float(found.sum()) == 400
    assert drawn(Among(Identity()), Measurement(jnp.ones((3, 3, 1)), Identity(), Gaussian(1.0)), 2) == Identity()


def test_unknown_poses_are_uniform_rotations_behind_the_known_transfer():
    """E R = 0, E R_ij^2 = 1/3 (Haar measure), shifts of the deviation that is given, and the CTF of the particle."""
    transfer = jnp.linspace(0.2, 1, 8 * 5).reshape(8, 5)
    one = Measurement(jnp.ones((8, 8, 1)), ContrastTransfer(transfer), Gaussian(1.0))
    family = UnknownPose(shift=1.5)
    H = drawn(family, one, 2000)
    assert float(jnp.abs(H.inner.rotation.mean(0)).max()) < 5 * np.sqrt(1 / 3 / 2000)
    assert float(jnp.abs(jnp.square(H.inner.rotation).mean(0) - 1 / 3).max()) < 5 * np.sqrt(4 / 45 / 2000)
    np.testing.assert_allclose(H.inner.shift.std(0), 1.5, rtol=0.08)
    x = jax.random.normal(KEY, (8, 8, 8, 1))
    pose = jax.tree.map(lambda leaf: leaf[0], H.inner)
    alone = family.draw(jax.random.split(KEY, 2000)[0], one)
    of = jax.jit(lambda H: H(x))
    np.testing.assert_allclose(of(alone), of(Projection(pose.rotation, pose.shift, transfer, width=2)), atol=1e-4)
    assert family.domain(one).shape == (8, 8, 8, 1)
    family.check(one)


def test_unknown_angles_go_round_the_circle():
    one = Measurement(jnp.ones((3, 8, 1)), Radon(jnp.zeros(3), 8), Gaussian(1.0))
    angles = drawn(UnknownAngles(), one, 500).angles.ravel()
    assert abs(float(jnp.cos(angles).mean())) < 0.1 and abs(float(jnp.sin(2 * angles).mean())) < 0.1 and float(angles.max()) > 6
    assert UnknownAngles().domain(one).shape == (8, 8, 1)


def test_what_is_measured_has_the_law_of_a_measurement():
    """Mean H x and variance sigma^2, and a gradient that is H* of the residual."""
    one, x = masked(), jax.random.normal(KEY, (9, 7, 1))
    y = jax.vmap(lambda key: Own().measure(key, x, one).y)(jax.random.split(KEY, 500))
    np.testing.assert_allclose(y.mean(0), one.operator(x), atol=5 * 0.5 / np.sqrt(500))
    np.testing.assert_allclose(y.std(0).mean(), 0.5, rtol=0.03)
    residual = lambda x: 0.5 * jnp.sum(jnp.square(Own().measure(KEY, x, one).y - one.y))
    np.testing.assert_allclose(jax.grad(residual)(x), one.operator.adjoint(Own().measure(KEY, x, one).y - one.y), atol=1e-5)


@pytest.mark.parametrize("H, x", [(Convolution(gaussian_psf((3, 3), 1.0), boundary="valid"), jnp.ones((6, 6, 1))), (Identity(), 9 * jnp.ones((4, 4, 1)))], ids=["blur", "identity"])
def test_units_of_grey_change_no_measurement(H, x):
    """x in its units, measured and restored, is the measurement of x."""
    scale, target = Scale(jnp.full((1, 1, 1), 2.0), jnp.full((1, 1, 1), 3.0)), Scale(jnp.full((1, 1, 1), 5.0), jnp.full((1, 1, 1), 7.0))
    one = Measurement(H(x), H, Gaussian(0.4))
    plain = jax.jit(Own().measure)(KEY, x, one)
    inner = jax.jit(InUnits(Own(), scale, target).measure)(KEY, target.normalize(x), one.normalize(scale, target))
    np.testing.assert_allclose(scale.restore(inner.y), plain.y, rtol=1e-4, atol=1e-4)


class Nowhere(Family):
    """Draws what makes no such measurement."""

    def draw(self, key, one):
        return Convolution(gaussian_psf((9, 9), 1.0))


@pytest.mark.parametrize("family, one, words", [
    (Own(), masked().replace(noise=None), "a family draws the noise of measurements anew, and it is not known"),
    (Own(), Measurement(jnp.ones((5, 5, 1)), Mask(jnp.ones((4, 4, 1))), Gaussian(1.0)), "by Own, which is to make float32 data of shape \\(5, 5, 1\\) as there are, and makes none of that kind"),
    (Nowhere(), masked(), "by Nowhere, which is to make float32 data of shape \\(9, 7, 1\\)"),
    (Among(Radon(jnp.zeros((4, 6)), 8)), Measurement(jnp.ones((3, 8, 1)), Radon(jnp.zeros(3), 8), Gaussian(1.0)), "makes float32 data of shape \\(6, 8, 1\\)"),
], ids=["noise", "own", "psf", "views"])
def test_a_family_that_does_not_fit_gets_one_line(family, one, words):
    with pytest.raises(InputError, match=words) as error:
        family.check(one)
    assert "\n" not in str(error.value)


def test_an_instrument_that_draws_nothing_is_refused():
    with pytest.raises(InputError, match="Drawn takes an instrument, whose operators it draws, not Poisson"):
        Drawn(Poisson())
    with pytest.raises(InputError, match="a deviation of zero or more, not -1"):
        UnknownPose(shift=-1.0)
