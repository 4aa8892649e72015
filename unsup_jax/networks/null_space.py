r"""Null-space networks F_theta(y; H): what H saw comes of y, what it did not see of a network (Schwab, Antholzer, Haltmeier 2019).

    x_0 = H^+ y,      F(y; H) = x_0 + (1 - H^+ H) R_theta(x_0)

H^+ is the pseudo-inverse, and 1 - H^+ H the projection onto the null space of H, so that H F(y) = y whatever theta is: losses of the
measurement alone teach such a network nothing, and those that tell of the null space, as equivariance does, teach it only that. With
Tikhonov's H^+ = (H* H + mu)^-1 H*, which noise and small singular values ask for, both lines are one solve by conjugate gradients:

    x_0 = argmin_x ||y - H x||^2 + mu ||x||^2,      F(y; H) = argmin_x ||y - H x||^2 + mu ||x - R_theta(x_0)||^2

Reference: Inverse Problems 35, 025008 (2019).
"""

from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.resnet import ResNet
from unsup_jax.networks.unrolled import as_channels, on_channels


class NullSpace(Network):
    """F_theta(y; H), an image shaped like `H.domain(y)`, real or complex.

    Raises `InputError` on fewer than one iteration, a mu that is not positive, or an H that is not linear.
    """

    takes_operator: ClassVar[bool] = True

    regularizer: Network = ResNet(depth=5, width=32)
    """R_theta, over real channels: the real and the imaginary parts of complex images."""
    mu: float = 2.5e-3
    """mu, in units of ||H||^2: singular values well above its root, a twentieth of the largest, are those that H sees."""
    iterations: int = 20
    """Conjugate gradient iterations of each solve."""

    def __post_init__(self):
        super().__post_init__()
        if self.iterations < 1 or not self.mu > 0:
            raise InputError(f"NullSpace needs iterations >= 1 and mu > 0, not {self.iterations} and {self.mu}")

    def tiny(self) -> "NullSpace":
        return self.clone(regularizer=self.regularizer.tiny(), iterations=2)

    @nn.compact
    def __call__(self, y: Array, H: Any) -> Array:
        if not H.linear:
            raise InputError(f"NullSpace takes a linear operator, not {type(H).__name__}")
        curvature = self.param("curvature", lambda key: H.norm(y).astype(jnp.float32))      # ||H||^2: measured, not learned
        mu = self.mu * jax.lax.stop_gradient(curvature)
        back, R = H.adjoint(y), self.regularizer.clone()
        x = H.inverse(back, mu, iterations=self.iterations)
        theta = self.param("R", lambda key: R.init(key, as_channels(x))["params"])
        z = on_channels(lambda x: R.apply({"params": theta}, x), x)
        return H.inverse(back + mu.astype(z.dtype) * z, mu, start=z, iterations=self.iterations)
