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
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.resnet import ResNet


class Unrolled(nn.Module):
    """F_theta(y; H), an image shaped like `H.domain(y)`, real or complex.

    Raises `InputError` on fewer than one unroll or an H that is not linear.
    """

    takes_operator = True

    regularizer: nn.Module = ResNet(depth=5, width=32)
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

    @nn.compact
    def __call__(self, y: Array, H: Any) -> Array:
        if not hasattr(H, "normal"):
            raise InputError(f"Unrolled takes a linear operator, not {type(H).__name__}")
        curvature = self.param("curvature", lambda key: H.norm(y).astype(jnp.float32))      # ||H||^2: measured, not learned
        curvature = jax.lax.stop_gradient(curvature)
        first = self.mu if self.consistency == "conjugate gradient" else 1.0
        log_mu = self.param("log_mu", lambda key: jnp.log(jnp.float32(first)))
        mu, R = jnp.exp(log_mu), [self.regularizer.copy(name=f"R{k}") for k in range(1 if self.shared else self.unrolls)]
        back = H.adjoint(y)
        step = (1 / curvature).astype(back.dtype)

        def gradient(x):
            return x - mu.astype(x.dtype) * step * (H.normal(x) - back)

        def unroll(R, x):
            if self.consistency == "proximal gradient":
                return on_channels(R, gradient(x))
            z = on_channels(R, x)
            if self.consistency == "gradient":
                return gradient(z)
            weight = (mu * curvature).astype(x.dtype)
            return H.inverse(back + weight * z, mu * curvature, start=z, iterations=self.iterations)

        x = back * step
        for k in range(self.unrolls):                               # not scanned: convolutions in a scan are slow on CPUs
            x = (nn.remat(unroll) if self.checkpoint else unroll)(R[min(k, len(R) - 1)], x)
        return x


def on_channels(R: Callable[[Array], Array], x: Array) -> Array:
    """R of an image [*S, C], or of the 2 C real and imaginary parts of a complex one."""
    if not jnp.iscomplexobj(x):
        return R(x)
    parts = jnp.concatenate([x.real, x.imag], -1)
    real, imaginary = jnp.split(R(parts), 2, -1)
    return jax.lax.complex(real, imaginary)
