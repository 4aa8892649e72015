"""Conformance of every operator, and the closed forms of each."""

import jax
import jax.test_util
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from unsup_jax import operators
from unsup_jax.core import LinearOperator
from unsup_jax.errors import InputError
from unsup_jax.operators import Convolution, Identity, Mask, gaussian_psf


def mask(key):
    return Mask(jax.random.uniform(key, (9, 8, 1))), (9, 8, 2)


def psf(shape):
    return lambda key: jax.random.uniform(key, shape)


CASES = {
    "Identity": lambda key: (Identity(), (9, 8, 2)),
    "Mask": mask,
    "Convolution, circular": lambda key: (Convolution(psf((5, 4))(key)), (9, 8, 2)),
    "Convolution, zero": lambda key: (Convolution(psf((4, 3))(key), boundary="zero"), (9, 8, 1)),
    "Convolution, 3-D": lambda key: (Convolution(psf((3, 2, 5))(key)), (4, 6, 7, 1)),
    "Composition": lambda key: (Mask(jax.random.uniform(key, (9, 8, 1))) @ Convolution(psf((3, 3))(key)), (9, 8, 2)),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def test_every_operator_has_a_case():
    classes = {name for name in operators.__all__ if name[0].isupper()}
    assert classes <= {name.split(",")[0] for name in CASES}


@cases
def test_adjoint(case, double):
    H, shape = case(jax.random.key(0))
    assert isinstance(H, LinearOperator)
    H = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), H)
    x = jax.random.normal(jax.random.key(1), shape, jnp.float64)
    Hx = H(x)
    y = jax.random.normal(jax.random.key(2), Hx.shape, Hx.dtype)
    left, right = jnp.vdot(Hx, y), jnp.vdot(x, H.adjoint(y))
    assert abs(left - right) <= 1e-10 * abs(left)
    np.testing.assert_allclose(H.normal(x), H.adjoint(Hx), rtol=1e-10, atol=1e-10)
    assert H.domain(Hx).shape == shape


@cases
def test_vmap_over_different_operators(case):
    (H1, shape), (H2, _) = case(jax.random.key(0)), case(jax.random.key(1))
    x = jax.random.normal(jax.random.key(2), (2, *shape))
    batch = jax.tree.map(lambda a, b: jnp.stack([a, b]), H1, H2)
    both = jax.jit(jax.vmap(lambda H, x: H(x)))(batch, x)
    np.testing.assert_allclose(both, jnp.stack([H1(x[0]), H2(x[1])]), rtol=1e-5, atol=1e-5)


@cases
def test_gradient_against_finite_differences(case, double):
    H, shape = case(jax.random.key(0))
    H = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), H)
    x = jax.random.normal(jax.random.key(1), shape, jnp.float64)
    jax.test_util.check_grads(lambda H, x: jnp.sum(jnp.sin(H(x))), (H, x), order=1, modes=["fwd", "rev"])


@cases
def test_wrong_shape_is_refused(case):
    H, shape = case(jax.random.key(0))
    if isinstance(H, Identity):
        return  # every shape is right
    with pytest.raises(InputError, match="was given an image of shape"):
        H(jnp.zeros((3, *shape)))
    with pytest.raises(InputError):
        H(jnp.zeros((2, *shape[1:])))


@pytest.mark.parametrize("shape", [(5, 3), (4, 6)])
def test_convolution_agrees_with_scipy(shape):
    x = np.asarray(jax.random.normal(jax.random.key(0), (11, 12)))
    h = np.asarray(psf(shape)(jax.random.key(1)))
    full = signal.convolve2d(x, h)
    centre = tuple(slice(k // 2, k // 2 + n) for k, n in zip(shape, x.shape))
    np.testing.assert_allclose(Convolution(h, boundary="zero")(x[..., None])[..., 0], full[centre], rtol=1e-4, atol=1e-4)
    periodic = signal.convolve2d(np.tile(x, (3, 3)), h)
    centre = tuple(slice(n + k // 2, 2 * n + k // 2) for k, n in zip(shape, x.shape))
    np.testing.assert_allclose(Convolution(h)(x[..., None])[..., 0], periodic[centre], rtol=1e-4, atol=1e-4)


def test_convolution_of_a_delta_is_the_psf():
    h = gaussian_psf((5, 7), 1.3)
    x = jnp.zeros((12, 12, 1)).at[6, 6, 0].set(1.0)
    np.testing.assert_allclose(Convolution(h)(x)[4:9, 3:10, 0], h, atol=1e-6)
    assert abs(float(h.sum()) - 1) < 1e-6


def test_unknown_boundary_is_refused():
    with pytest.raises(InputError, match="boundary 'mirror'"):
        Convolution(jnp.ones((3, 3)), boundary="mirror")(jnp.zeros((8, 8, 1)))
