"""What was made of coefficients that were not measured: against the definition, and what changes of an estimate each column sees."""

import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.evaluate import MissingCone
from unsup_jax.evaluate.missing_cone import missing
from unsup_jax.operators import Convolution, Fourier

RNG = np.random.default_rng(0)


def measurement(shape):
    """Of a bright box, without a double cone about the first axis."""
    x = np.zeros((*shape, 1), np.complex64)
    x[tuple(slice(n // 4, -(n // 4)) for n in shape)] = 3 + RNG.uniform(size=(*(n - 2 * (n // 4) for n in shape), 1))
    f = np.meshgrid(*map(np.fft.fftfreq, shape), indexing="ij")
    H = Fourier(jnp.asarray(np.abs(f[0]) <= 0.6 * np.sqrt(sum(np.square(k) for k in f[1:])), jnp.float32))
    return Measurement(np.asarray(H(jnp.asarray(x))), H, truth=x), f


def changed(x, where):
    """x with real noise whose spectrum is in those coefficients alone."""
    noise = np.fft.fftn(RNG.normal(size=x.shape[:-1])) * where
    return x + np.fft.ifftn(noise)[..., None].real.astype(np.complex64)


@pytest.mark.parametrize("shape", [(13, 11, 12), (16, 17)])
def test_columns_see_what_they_are_named_after(shape):
    (one, f), score = measurement(shape), lambda x: MissingCone().scores([x], [one], [])
    same = score(one.truth)
    assert same["misfit"] < 1e-6 and same["FSC, missing"] == pytest.approx(1) and same["bias inside (%)"] == pytest.approx(0, abs=1e-4)
    cone = missing(one)
    known = score(changed(one.truth, 1 - cone))
    assert known["FSC, missing"] == pytest.approx(1) and known["misfit"] > 0.05
    lost = score(changed(one.truth, cone))
    assert lost["FSC, missing"] < 0.98 and lost["misfit"] < 1e-5
    assert score(np.asarray(one.operator.adjoint(jnp.asarray(one.y))))["FSC, missing"] == 0
    assert score(1.1 * one.truth)["bias inside (%)"] == pytest.approx(10, abs=1e-3)


def test_correlation_in_the_cone_is_its_definition():
    one, f = measurement((12, 11, 13))
    x = changed(one.truth, 1)
    A, B = (np.fft.fftn(v[..., 0].real - v.real.mean()) for v in (x, one.truth))
    radius, cone = np.rint(11 * np.sqrt(sum(np.square(k) for k in f))), missing(one) > 0
    shells = [(radius == r) & cone for r in range(1, 11 // 2 + 1) if r / 11 <= 0.4]
    each = [(A * B.conj())[s].real.sum() / np.sqrt((np.abs(A[s]) ** 2).sum() * (np.abs(B[s]) ** 2).sum()) for s in shells if s.any()]
    assert MissingCone(finest=0.4).correlation(x.real, one.truth.real, one) == pytest.approx(np.mean(each), rel=1e-6)


def test_the_conjugate_of_a_measured_coefficient_is_not_missing():
    mask = np.zeros(8, np.float32)
    mask[[0, 1, 6]] = 1
    one = Measurement(np.zeros((8, 1), np.complex64), Fourier(jnp.asarray(mask)))
    np.testing.assert_array_equal(np.flatnonzero(missing(one)), [3, 4, 5])


def test_the_panel_is_drawn(tmp_path):
    one, _ = measurement((8, 8, 8))
    (path,) = MissingCone().figures(tmp_path, {"a": [one.truth], "truth": [one.truth]}).values()
    assert path.stat().st_size > 5000
    MissingCone().figures(tmp_path, {"a": [one.truth[4]]})


def test_other_measurements_are_refused():
    y = np.zeros((8, 8, 1), np.float32)
    with pytest.raises(InputError, match="not of what Convolution measures"):
        MissingCone().measurements([Measurement(y, Convolution(jnp.ones((3, 3))))])
    with pytest.raises(InputError, match="finest frequency is in"):
        MissingCone(finest=0.7)
