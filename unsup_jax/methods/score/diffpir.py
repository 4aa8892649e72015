r"""DiffPIR: plug-and-play restoration along the noise levels (Zhu et al., CVPR workshops 2023).

    x' = argmin ||y - H x||^2 + rho ||x - x^||^2,       x^ = D(x; sigma),   rho = lambda sigma_y^2 / sigma^2            (5b)
    x_s = x' + s (sqrt(1 - zeta) (x - x') / sigma + sqrt(zeta) n)

It takes no derivative of D, which makes it the cheapest. Its draws spread by half of the posterior's variance: their deviation is
no uncertainty.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.sampler import Sampler


@dataclass(frozen=True)
class DiffPIR(Sampler):
    """Plug-and-play restoration by diffusion, of any linear operator.

    Raises `InputError` on a weight that is not positive, and on a zeta outside [0, 1].
    """

    weight: float = 1.0
    """lambda: the weight of D against y."""
    zeta: float = 1.0
    """Part of the noise that is drawn anew at each level: 1 for masks, less for blurs and a D that is trained long."""
    iterations: int = 10
    """Conjugate gradients a level, where H has no closed form."""

    def __post_init__(self):
        super().__post_init__()
        if not self.weight > 0 or not 0 <= self.zeta <= 1:
            raise InputError(f"DiffPIR needs weight > 0 and zeta in [0, 1], not {self.weight} and {self.zeta}")

    def step(self, key: Array, D: Denoiser, seen: Observed, x: Array, sigma: Array, s: Array) -> Array:
        x_hat = D(x, sigma)
        rho = self.weight * seen.variance / sigma**2
        x_hat = x_hat + seen.H.inverse(seen.back_projected(x_hat), rho, iterations=self.iterations)                     # (5b)
        n = jax.random.normal(key, x.shape, x.dtype)
        return x_hat + s * (jnp.sqrt(1 - self.zeta) * (x - x_hat) / sigma + jnp.sqrt(self.zeta) * n)
