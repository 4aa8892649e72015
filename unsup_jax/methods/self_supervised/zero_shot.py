r"""Zero-shot self-supervised reconstruction (Yaman et al., ICLR 2022): one measurement is all the training data.

    Omega = Theta u Lambda u Gamma                                     three ways
    min_theta sum_k L(y_Lambda_k, H_Lambda_k F_theta(y_Theta_k; H_Theta_k)),    Theta_k u Lambda_k = Omega - Gamma
    mean_t = a_t mean_{t-1} + (1 - a_t) theta_t                        the optimiser's average: of the last tenth, or so
    stop at the least  L(y_Gamma, H_Gamma F_mean(y_{Omega - Gamma}; H_{Omega - Gamma}))

Gamma is drawn once and never trained on, so that its loss tells when the network begins to fit the noise. The answer
is F_mean(y; H), all of Omega again, with the parameters of the least such loss. A step that sees one split of one
measurement leaves theta noisy, and its noise in the image, which the average has not (Shamir and Zhang, ICML 2013).
Where samples are spread in two dimensions and noise is weak, a tenth each in Lambda and Gamma does better than the
defaults, which are the paper's; where they are whole lines, worse.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import Adam, LearnedState, Measurement, Optimizer
from unsup_jax.core.phasors import weighted
from unsup_jax.errors import InputError
from unsup_jax.losses import Split, normalized_error, restricted
from unsup_jax.methods.self_supervised.ssdu import SSDU
from unsup_jax.networks import Network, Unrolled


class ZeroShotState(struct.PyTreeNode):
    """Theta with its average, optimiser and scale, and the validation set Gamma."""

    learned: LearnedState
    Gamma: Array


@dataclass(frozen=True)
class ZeroShotSSL(SSDU):
    """Trained for each measurement alone, stopped by what it never trains on.

    Raises `InputError` on fewer than one step or epoch.
    """

    scope: ClassVar[Literal["dataset", "measurement"]] = "measurement"
    reference: ClassVar[str] = "Yaman 2022"

    network: Network = Unrolled()
    """F_theta(y; H)."""
    split: Split = Split(selection="uniform")
    """Omega without Gamma in Theta and Lambda."""
    masks: int = 25
    """K, splits of Omega without Gamma."""
    validation: Split = Split(fraction=0.2, selection="uniform")
    """How Gamma is drawn."""
    steps: int = 500
    """Updates, one split each."""
    epoch: int = 25
    """Updates between two looks at Gamma."""
    optimizer: Optimizer = Adam(learning_rate=5e-4, decay=False, average=0.999)
    """Optimiser of theta, whose average is looked at and reconstructs."""

    @property
    def label(self) -> str:
        """The name in tables."""
        return "ZS-SSL"

    def __post_init__(self):
        super().__post_init__()
        if self.steps < 1 or self.epoch < 1:
            raise InputError(f"ZeroShotSSL needs steps and epoch of at least 1, not {self.steps} and {self.epoch}")

    def tiny(self) -> "ZeroShotSSL":
        return replace(super().tiny(), steps=2, epoch=1)

    def init(self, key: Array, example: Measurement) -> ZeroShotState:
        draw, start = jax.random.split(key)
        _, Gamma = self.validation.draw(draw, example.operator, example.y)
        learned = super().init(start, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], example))
        return ZeroShotState(learned, Gamma)

    def start_from(self, state: ZeroShotState, params) -> ZeroShotState:
        return state.replace(learned=super().start_from(state.learned, params))

    def update(self, key: Array, state: ZeroShotState, batch: Measurement):
        one = batch.normalize(state.learned.scale).replace(index=jnp.int32(0))      # there is no other
        rest = restricted(one, 1 - state.Gamma)                     # Omega - Gamma
        trained = state.learned.trained
        (loss, _), gradient = jax.value_and_grad(lambda p: self.loss(key, p, rest), has_aux=True)(trained.params)
        trained = trained.descend(gradient, self.optimizer)
        state = state.replace(learned=state.learned.replace(trained=trained))

        def look(params):
            x = self.F(params)(rest)
            return normalized_error(weighted(state.Gamma, one.operator(x)), weighted(state.Gamma, one.y))

        never = lambda params: jnp.full((), jnp.inf, loss.dtype)
        return state, {"loss": loss, "held_out": jax.lax.cond(trained.steps % self.epoch == 0, look, never, trained.averaged)}

    def reconstruct(self, key: Array, state: ZeroShotState, measurement: Measurement) -> Array:
        return super().reconstruct(key, state.learned, measurement)
