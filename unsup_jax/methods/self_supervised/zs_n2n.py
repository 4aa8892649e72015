r"""Zero-Shot Noise2Noise (Mansour and Heckel, CVPR 2023): one image, two halves of it, and a network of three layers.

    D1, D2                                 means of the two diagonals of each 2 x 2 cell of y: a pair of noisy images
    f(y) = y - N_theta(y)                  the network estimates the noise
    L_res = 1/2 (||f(D1 y) - D2 y||^2 + ||f(D2 y) - D1 y||^2)
    L_con = 1/2 (||f(D1 y) - D1 f(y)||^2 + ||f(D2 y) - D2 f(y)||^2)
    min_theta L_res + L_con

The noise must be independent between pixels. With so few parameters the training ends before it fits the noise.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Adam, Learned, LearnedState, Measurement, Optimizer
from unsup_jax.errors import InputError
from unsup_jax.losses import mean_square_error
from unsup_jax.networks import Network, NoiseNetwork


def diagonals(y: Array) -> tuple[Array, Array]:
    """(D1 y, D2 y) of an image [H, W, C]: half its size, an odd last row or column left out."""
    rows, columns = y.shape[0] // 2 * 2, y.shape[1] // 2 * 2
    a, b, c, d = (y[i:rows:2, j:columns:2] for i in (0, 1) for j in (0, 1))
    return (b + c) / 2, (a + d) / 2


@dataclass(frozen=True)
class ZSN2N(Learned):
    """Trained for each image alone. Raises `InputError` on fewer than one step."""

    scope: ClassVar[Literal["dataset", "measurement"]] = "measurement"
    reference: ClassVar[str] = "Mansour & Heckel 2023"

    network: Network = NoiseNetwork()
    """N_theta."""
    optimizer: Optimizer = Adam(learning_rate=1e-3)
    """Optimiser of theta."""
    steps: int = 2000
    """Updates, of the whole image each."""

    def __post_init__(self):
        super().__post_init__()
        if self.steps < 1:
            raise InputError(f"ZSN2N needs steps of at least 1, not {self.steps}")

    @property
    def independent_noise(self) -> bool:
        return True

    @property
    def label(self) -> str:
        """The name in tables."""
        return "ZS-N2N"

    def tiny(self) -> "ZSN2N":
        return replace(super().tiny(), steps=2)

    def init(self, key: Array, example: Measurement) -> LearnedState:
        return super().init(key, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], example))

    def update(self, key: Array, state: LearnedState, batch: Measurement):
        return super().update(key, state, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], batch))

    def loss(self, key: Array, params, one: Measurement):
        f = partial(self._f, params)
        (D1, D2), (D1_f, D2_f) = diagonals(one.y), diagonals(f(one.y))
        of_1, of_2 = f(D1), f(D2)
        residual = (mean_square_error(of_1, D2) + mean_square_error(of_2, D1)) / 2
        consistency = (mean_square_error(of_1, D1_f) + mean_square_error(of_2, D2_f)) / 2
        return residual + consistency, {}

    def estimate(self, key: Array, params, one: Measurement) -> Array:
        return self._f(params, one.y)

    def _f(self, params, y):
        return y - self.network.apply(params, y)
