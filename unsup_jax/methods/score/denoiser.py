r"""One denoiser of every noise level, which is the score of the noisy images too (Tweedie).

    D(x; sigma) = E[x_0 | x_0 + sigma n = x],       grad log p_sigma(x) = (D(x; sigma) - x) / sigma^2,       n ~ N(0, 1)
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
from jax import Array


@dataclass(frozen=True)
class Denoiser:
    """D of real images x_0 of one law, in their units of grey; complex ones are given as channels."""

    apply: Callable[[Array, Array], Array]
    """x, sigma -> D(x; sigma)."""
    mean: Array | float = 0.0
    """E x_0, which broadcasts against x."""
    deviation: Array | float = 0.5
    """d, the deviation of a pixel of x_0 about it: noise levels are told in its units."""

    def __call__(self, x: Array, sigma: Array) -> Array:
        return self.apply(x, sigma)

    def score(self, x: Array, sigma: Array) -> Array:
        """grad log p_sigma(x)."""
        return (self(x, sigma) - x) / sigma**2

    def transposed(self, x: Array, sigma: Array) -> tuple[Array, Callable[[Array], Array]]:
        """D(x; sigma), and u -> J^T u for its Jacobian J = dD/dx."""
        x_hat, pull = jax.vjp(lambda x: self(x, sigma), x)
        return x_hat, lambda u: pull(u)[0]
