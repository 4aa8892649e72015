r"""Stein's unbiased risk estimate: the error against the truth, from noisy data whose noise is known.

For y = z + w with z = H x, an estimate h(y) = H F(y) of z, and Var[y | z] estimated without bias by v(y),

    E (1/m) ||h(y) - z||^2 = E (1/m) [ ||h(y) - y||^2 - sum_i v_i(y) + 2 sum_i v_i(y) dh_i/dy_i ]

exactly for Gaussian noise, v = sigma^2 (Stein, 1981), and for any noise with E[y | z] = z where h is affine; for Poisson
noise, v = gain (y - offset), and Poisson-Gaussian noise, v = gain (y - offset) + sigma^2, to first order in the gain
(Luisier, Blu and Unser, IEEE Trans. Image Process. 20, 696 (2011)). The divergence is seen along one random direction
(Ramani, Blu and Unser, IEEE Trans. Image Process. 17, 1540 (2008)):

    sum_i v_i dh_i/dy_i = E_b (v b)^T (h(y + tau b) - h(y)) / tau,    b_i = 1 or -1

UNSURE (Tachella, Davies and Jacques, ICLR 2025) does not know the level of the noise: it asks that the divergence vanish
in the mean, by a multiplier that ascends while F descends, and that ends at about sigma^2:

    min_F max_eta  (1/m) ||h(y) - y||^2 + (2 eta / m) div h(y)
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses.fidelity import mean_square_error
from unsup_jax.losses.objective import Estimator, Objective


@dataclass(frozen=True)
class SURE(Objective):
    """The risk of H F(y) where the noise model is known. Raises `InputError` on a step that is not positive."""

    tau: float = 0.01
    """Step of the divergence's difference, in standard deviations of the images."""

    def __post_init__(self):
        if not self.tau > 0:
            raise InputError(f"SURE needs tau > 0, not {self.tau}")

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        y, H = one.y, one.operator
        h = lambda y: H(F(one.replace(y=y)))
        v = one.noise.estimated_variance(y)
        at_y = h(y)
        return mean_square_error(at_y, y) - jnp.mean(v) + 2 * weighted_divergence(key, h, y, at_y, v, self.tau), {}

    def check(self, one: Measurement) -> None:
        if one.noise is None:
            raise InputError("SURE needs the noise model of the measurements; UNSURE does without")


@dataclass(frozen=True)
class UNSURE(Objective):
    """SURE of white noise of unknown level. Raises `InputError` on a step or a speed that is not positive."""

    tau: float = 0.01
    """Step of the divergence's difference, in standard deviations of the images."""
    speed: float = 10.0
    """Steps of the multiplier eta in units of the network's."""

    def __post_init__(self):
        if not (self.tau > 0 and self.speed > 0):
            raise InputError(f"UNSURE needs tau > 0 and speed > 0, not {self.tau} and {self.speed}")

    def init(self, key: Array) -> Array:
        return jnp.float32(0.0)

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        y, H = one.y, one.operator
        h = lambda y: H(F(one.replace(y=y)))
        eta = ascending(jnp.float32(self.speed) * own)
        at_y = h(y)
        divergence = weighted_divergence(key, h, y, at_y, jnp.ones_like(y.real), self.tau)
        return mean_square_error(at_y, y) + 2 * eta * divergence, {"eta": eta}


def weighted_divergence(key: Array, h, y: Array, at_y: Array, v: Array, tau: float) -> Array:
    """(1/m) sum_i v_i dh_i/dy_i along one random direction of signs; of complex y, along real and imaginary parts."""
    b = signs(key, y)
    difference = (h(y + jnp.asarray(tau, y.dtype) * b) - at_y) / jnp.asarray(tau, y.dtype)
    return jnp.mean(v * (jnp.conj(b) * difference).real)


def signs(key: Array, y: Array) -> Array:
    """b like y, of modulus 1: random signs, of complex y those of real and imaginary part."""
    b = jax.random.rademacher(key, y.shape, y.real.dtype)
    if jnp.iscomplexobj(y):
        b = lax.complex(b, jax.random.rademacher(jax.random.fold_in(key, 1), y.shape, b.dtype)) / jnp.sqrt(2.0).astype(y.dtype)
    return b


@jax.custom_jvp
def ascending(eta: Array) -> Array:
    """eta, with the sign of its derivative turned: an optimiser that descends ascends along it."""
    return eta


@ascending.defjvp
def _(primals, tangents):
    return primals[0], -tangents[0]
