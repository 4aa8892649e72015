r"""What keeps a critic from being sure of everything.

    Clip                |theta_D| <= c after each step                                      (Arjovsky 2017)
    GradientPenalty     weight (||grad D(x~)||_2 - 1)^2,  x~ = e x + (1 - e) G(z),  e ~ U(0, 1)      (Gulrajani 2017)
    R1, R2              gamma/2 ||grad D||_2^2 at a real image, at a generated one         (Mescheder 2018)
    SpectralNorm        W / sigma(W) in the place of each kernel W                          (Miyato 2018)

||.||_2 is the norm over ALL pixels of one image, and D the mean of its outputs where they are a map. sigma is the largest
singular value of a kernel as a matrix [taps x C, F], by one power iteration a step, whose vectors are state.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core.phasors import squared_modulus
from unsup_jax.errors import InputError

Critic = Callable[[Array], Any]


@dataclass(frozen=True)
class Regularizer:
    """A subclass overrides what it does: a penalty, a projection of the parameters, or other parameters in their place."""

    def init(self, key: Array, params: Any) -> Any:
        """What it keeps from step to step; None for nothing."""
        return None

    def advance(self, params: Any, kept: Any) -> Any:
        """What it keeps, before a step of the critic."""
        return kept

    def applied(self, params: Any, kept: Any) -> Any:
        """The parameters with which the critic judges."""
        return params

    def projected(self, params: Any) -> Any:
        """The parameters after a step of the critic."""
        return params

    def penalty(self, key: Array, D: Critic, real: Array, fake: Array) -> Array | float:
        """What is added to the critic's loss of ONE real and one generated image."""
        return 0.0


@dataclass(frozen=True)
class Clip(Regularizer):
    """Parameters in a box. Raises `InputError` on a bound that is not positive."""

    bound: float = 0.01
    """c."""

    def __post_init__(self):
        _check(self, self.bound)

    def projected(self, params: Any) -> Any:
        return jax.tree.map(lambda leaf: jnp.clip(leaf, -self.bound, self.bound), params)


@dataclass(frozen=True)
class GradientPenalty(Regularizer):
    """A slope of 1 between a real image and a generated one. Raises `InputError` on a weight that is not positive."""

    weight: float = 10.0
    """Factor of the penalty."""

    def __post_init__(self):
        _check(self, self.weight)

    def penalty(self, key: Array, D: Critic, real: Array, fake: Array) -> Array:
        e = jax.random.uniform(key, (), real.real.dtype).astype(real.dtype)
        slope = jnp.sqrt(square_of_gradient(D, e * real + (1 - e) * fake) + 1e-12)   # its derivative at zero is not one
        return self.weight * jnp.square(slope - 1)


@dataclass(frozen=True)
class R1(Regularizer):
    """No slope at real images. Raises `InputError` on a gamma that is not positive."""

    gamma: float = 1.0
    """Twice the factor of the penalty."""

    def __post_init__(self):
        _check(self, self.gamma)

    def penalty(self, key: Array, D: Critic, real: Array, fake: Array) -> Array:
        return self.gamma / 2 * square_of_gradient(D, real)


@dataclass(frozen=True)
class R2(Regularizer):
    """No slope at generated images. Raises `InputError` on a gamma that is not positive."""

    gamma: float = 1.0
    """Twice the factor of the penalty."""

    def __post_init__(self):
        _check(self, self.gamma)

    def penalty(self, key: Array, D: Critic, real: Array, fake: Array) -> Array:
        return self.gamma / 2 * square_of_gradient(D, fake)


@dataclass(frozen=True)
class SpectralNorm(Regularizer):
    """Every kernel (of two axes or more) over its largest singular value; biases are left alone."""

    def init(self, key: Array, params: Any) -> Any:
        leaves, structure = jax.tree.flatten(params)
        start = lambda i, W: _unit(jax.random.normal(jax.random.fold_in(key, i), W.shape[-1:], W.dtype))
        return jax.tree.unflatten(structure, [start(i, W) for i, W in enumerate(leaves)])

    def advance(self, params: Any, kept: Any) -> Any:
        return jax.tree.map(lambda W, v: v if W.ndim < 2 else _unit(_matrix(W).T @ _unit(_matrix(W) @ v)), params, kept)

    def applied(self, params: Any, kept: Any) -> Any:
        def normalized(W, v):
            if W.ndim < 2:
                return W
            u = jax.lax.stop_gradient(_unit(_matrix(W) @ v))
            return W / jnp.maximum(u @ _matrix(W) @ v, 1e-12)                  # sigma = u^T W v

        return jax.tree.map(normalized, params, jax.lax.stop_gradient(kept))


def square_of_gradient(D: Critic, x: Array) -> Array:
    """||grad D(x)||_2^2 over all pixels of ONE image x, of the mean of each of D's maps, summed over maps."""
    score = lambda x: sum(jnp.mean(out) for out in jax.tree.leaves(D(x)))
    return jnp.sum(squared_modulus(jax.grad(score)(x)))


def _matrix(kernel):
    return kernel.reshape(-1, kernel.shape[-1])


def _unit(vector):
    return vector / jnp.maximum(jnp.linalg.norm(vector), 1e-12)


def _check(regularizer, value):
    if not value > 0:
        raise InputError(f"the strength of {type(regularizer).__name__} is {value}; it must be positive")
