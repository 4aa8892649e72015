r"""Unrolled networks F_theta(y; H): iterations of a solver whose prior is learned (article, eqs. (5a)-(5b), (16)).

    x_0 = H* y
    z_k = R_theta(x_{k-1})                                                  (5a), the proximal map of the prior
    x_k = argmin_x ||y - H x||^2 + mu ||x - z_k||^2 = (H* H + mu)^-1 (H* y + mu z_k)       (5b)

`consistency` is how (5b) is met: "conjugate gradient" solves it, "gradient" takes one step z_k - t H*(H z_k - y)
after the network, and "proximal gradient" takes it before: z_k = R_theta(x_{k-1} - t H*(H x_{k-1} - y)).
mu or t is learned, and H is any linear operator: it is counted in units of its norm, which is measured when the
parameters are initialised. References: Aggarwal et al., IEEE Trans. Med. Imaging 38, 394 (2019); Hammernik et al.,
Magn. Reson. Med. 79, 3055 (2018).

Derivatives are those of the truncated solver. `checkpoint` keeps one image an unroll and recomputes the rest.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core.recomputed import recomputed
from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.resnet import ResNet


class Unrolled(Network):
    """F_theta(y; H), an image shaped like `H.domain(y)`, real or complex.

    Raises `InputError` on fewer than one unroll or an H that is not linear.
    """

    takes_operator: ClassVar[bool] = True

    regularizer: Network = ResNet(depth=5, width=32)
    """R_theta, over real channels: the real and the imaginary parts of complex images."""
    unrolls: int = 5
    """K."""
    consistency: Literal["conjugate gradient", "gradient", "proximal gradient"] = "conjugate gradient"
    """How an unroll meets the data."""
    iterations: int = 10
    """Conjugate gradient iterations of an unroll, from z_k."""
    shared: bool = True
    """One theta for all unrolls."""
    mu: float = 0.05
    """First mu, in units of ||H||^2."""
    checkpoint: bool = False
    """Recompute the unrolls in the backward pass, to save memory."""

    def __post_init__(self):
        super().__post_init__()
        if self.unrolls < 1 or self.iterations < 1 or not self.mu > 0:
            raise InputError(f"Unrolled needs unrolls, iterations >= 1 and mu > 0, not {self.unrolls}, {self.iterations}, {self.mu}")

    def tiny(self) -> "Unrolled":
        return self.clone(regularizer=self.regularizer.tiny(), unrolls=2, iterations=2)

    @nn.compact
    def __call__(self, y: Array, H: Any) -> Array:
        if not H.linear:
            raise InputError(f"Unrolled takes a linear operator, not {type(H).__name__}")
        curvature = self.param("curvature", lambda key: H.norm(y).astype(jnp.float32))      # ||H||^2: measured, not learned
        curvature = jax.lax.stop_gradient(curvature)
        first = self.mu if self.consistency == "conjugate gradient" else 1.0
        log_mu = self.param("log_mu", lambda key: jnp.log(jnp.float32(first)))
        back, R = H.adjoint(y), self.regularizer.clone()
        start = lambda key: R.init(key, as_channels(back))["params"]
        theta = [self.param(f"R{k}", start) for k in range(1 if self.shared else self.unrolls)]

        def unroll(x, theta, mu, curvature, back, H):
            R_theta = lambda x: on_channels(lambda x: R.apply({"params": theta}, x), x)
            step = (1 / curvature).astype(x.dtype)
            gradient = lambda x: x - mu.astype(x.dtype) * step * (H.normal(x) - back)
            if self.consistency == "proximal gradient":
                return R_theta(gradient(x))
            z = R_theta(x)
            if self.consistency == "gradient":
                return gradient(z)
            weight = (mu * curvature).astype(x.dtype)
            return H.inverse(back + weight * z, mu * curvature, start=z, iterations=self.iterations)

        unroll = recomputed(unroll) if self.checkpoint else unroll
        x = back / curvature.astype(back.dtype)
        for k in range(self.unrolls):                               # not scanned: convolutions in a scan are slow on CPUs
            x = unroll(x, theta[min(k, len(theta) - 1)], jnp.exp(log_mu), curvature, back, H)
        return x


def as_channels(x: Array) -> Array:
    """An image [*S, C] itself, or the 2 C real and imaginary parts of a complex one."""
    return jnp.concatenate([x.real, x.imag], -1) if jnp.iscomplexobj(x) else x


def on_channels(R: Callable[[Array], Array], x: Array) -> Array:
    """R of an image [*S, C], or of the 2 C real and imaginary parts of a complex one."""
    return jax.lax.complex(*jnp.split(R(as_channels(x)), 2, -1)) if jnp.iscomplexobj(x) else R(x)
