r"""Inpainting by annealed Langevin dynamics (Song and Ermon, NeurIPS 2019): what was measured is put back, in the noise of the level.

    T times at each level:     x <- x + e sigma^2 S(x; sigma) + sqrt(2 e) sigma n
                               x <- x + H*(y + sqrt(sigma^2 - sigma_y^2) n' - H x)
    at last                    x <- D(x; sigma)

of an H that samples orthonormal coordinates of x, such as a mask; of k-space of several coils it is a step towards y, no more. A noise that
is not known counts as none.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.core import Takes
from unsup_jax.errors import InputError
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.sampler import Sampler, geometric, langevin

ISOMETRIC = Takes(
    "data of an operator that samples orthonormal coordinates, such as a mask or k-space", lambda one: one.operator.linear and one.operator.isometric)


@dataclass(frozen=True)
class LangevinInpainting(Sampler):
    """Langevin's dynamics with the measured part put back. Raises `InputError` on a size that is not positive, or no inner steps."""

    takes: ClassVar[Takes] = ISOMETRIC
    needs_noise: ClassVar[bool] = False

    levels: int = 100
    """L: noise levels, evenly spaced in their logarithm."""
    size: float = 0.06
    """e, in units of the variance of a level."""
    inner: int = 3
    """T: steps at each level, a call of D each."""

    def __post_init__(self):
        super().__post_init__()
        if not self.size > 0 or self.inner < 1:
            raise InputError(f"LangevinInpainting needs size > 0 and inner >= 1, not {self.size} and {self.inner}")

    def sigmas(self, D: Denoiser, seen: Observed) -> Array:
        return geometric(self.levels, self.largest, self.smallest) * D.deviation

    def step(self, key: Array, D: Denoiser, seen: Observed, x: Array, sigma: Array, s: Array) -> Array:
        lacking = jnp.sqrt(jnp.maximum(sigma**2 - (0 if seen.variance is None else seen.variance), 0))

        def move(x, key):
            walk, noise = jax.random.split(key)
            x = langevin(walk, D, x, sigma, self.size)
            return x + seen.noisier(noise, lacking).back_projected(x), None

        x = lax.scan(move, x, jax.random.split(key, self.inner))[0]
        return jnp.where(s > 0, x, D(x, sigma))
