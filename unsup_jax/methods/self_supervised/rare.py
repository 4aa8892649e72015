r"""RARE: regularisation by artifact removal (Liu et al., IEEE J. Sel. Top. Signal Process. 14, 1088 (2020)).

    A^+ y = (H* H + mu)^-1 H* y                             an image with the artifacts of its own samples
    min_theta E ||D_theta(A^+ y) - A'^+ y'||^2              artifact to artifact: two acquisitions of one object
    x <- s - gamma (grad g(s) + tau (s - D(s)))             g = ||y - H x||^2 / (2 ||H||^2), s the Nesterov extrapolation

D, which never saw an image without artifacts, is the prior of a RED iteration that starts from D(A^+ y), and
gamma = 1 / (2 tau + 1), half of the published step, which our D do not bear. Any linear operator will do.
"""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import LINEAR, Learned, Measurement, Takes
from unsup_jax.errors import InputError
from unsup_jax.losses import mean_square_error
from unsup_jax.networks import DnCNN, Network
from unsup_jax.networks.unrolled import on_channels
from unsup_jax.priors.total_variation import fista_momenta


@dataclass(frozen=True)
class RARE(Learned):
    """Pairs of acquisitions, each with its own operator, to train D; one acquisition to reconstruct.

    Raises `InputError` on a tau or mu that is not positive.
    """

    sees: ClassVar[frozenset[str]] = frozenset({"pair"})
    takes: ClassVar[Takes] = LINEAR
    reference: ClassVar[str] = "Liu 2020"

    network: Network = DnCNN(depth=10, width=64)
    """D, over real channels: the real and the imaginary parts of complex images."""
    tau: float = 0.34
    """Weight of the prior."""
    iterations: int = 10
    """Steps of the RED iteration."""
    mu: float = 1e-2
    """mu of A^+, in units of ||H||^2."""
    inversions: int = 10
    """Conjugate gradient iterations of A^+."""

    def __post_init__(self):
        super().__post_init__()
        if not (self.tau > 0 and self.mu > 0):
            raise InputError(f"RARE needs tau and mu above 0, not {self.tau} and {self.mu}")

    def init_params(self, key: Array, example: Measurement):
        x = example.operator.domain(example.y)
        channels = x.shape[-1] * (2 if jnp.issubdtype(x.dtype, jnp.complexfloating) else 1)
        return self.network.init(key, jnp.zeros((*x.shape[:-1], channels), jnp.float32))

    def invert(self, one: Measurement) -> tuple[Array, Array, Array]:
        """A^+ y, with the H* y and the ||H||^2 that it takes."""
        H, y = one.operator, one.y
        back, curvature = H.adjoint(y), H.norm(y)
        return H.inverse(back, self.mu * curvature, iterations=self.inversions), back, curvature

    def remove(self, params, x: Array) -> Array:
        """D(x)."""
        return on_channels(partial(self.network.apply, params), x)

    def loss(self, key: Array, params, one: Measurement):
        image, artifacts = self.invert(one)[0], self.invert(one.exchanged())[0]
        return mean_square_error(self.remove(params, image), artifacts), {}     # ||D(A^+ y) - A'^+ y'||^2

    def estimate(self, key: Array, params, one: Measurement):
        D = partial(self.remove, params)
        image, back, curvature = self.invert(one)
        unit, gamma = (1 / curvature).astype(back.dtype), 1 / (2 * self.tau + 1)

        def step(carry, momentum):
            x, s = carry
            new = s - gamma * (unit * (one.operator.normal(s) - back) + self.tau * (s - D(s)))
            return (new, new + momentum.astype(x.dtype) * (new - x)), None

        first = D(image)
        (x, _), _ = jax.lax.scan(step, (first, first), jnp.asarray(fista_momenta(self.iterations), jnp.float32))
        return x

    @property
    def tiling(self) -> None:
        """None: its operators mix pixels."""
        return None
