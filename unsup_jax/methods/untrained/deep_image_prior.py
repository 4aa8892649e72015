r"""Deep image prior (Ulyanov et al., CVPR 2018), of any operator: a network fits one measurement, and images before noise.

    theta_{t+1} = theta_t - Adam grad || 1_{Omega - Gamma} (y - H F_theta(z + e)) ||^2,        e ~ N(0, jitter^2) anew in each step
    x_t = a_t x_{t-1} + (1 - a_t) F_theta_t(z + e)                                             the average of what it made
    x^ = the x_t of least || 1_Gamma (y - H x_t) ||^2

z is drawn once. Gamma, a part of the samples that were measured (pixels, detector pixels, points of k-space), is never fitted, so that
its loss tells when noise begins to be. A network of fewer parameters than y has values needs none: the deep decoder (Heckel and Hand,
ICLR 2019). A network of each pixel's coordinates is an implicit neural representation (Tancik et al., NeurIPS 2020).

Steps of this size may throw theta out of its valley: where the loss of the fit is, at one look of a hundred steps, by 5 dB above that
of the look before, theta is again what it was then (as the authors' code does).
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array

from unsup_jax.core import ANYTHING, LINEAR, Adam, Measurement, Method, Operator, Optimizer, Takes, Trained, moving_average
from unsup_jax.core.method import Metrics
from unsup_jax.core.phasors import squared_modulus, weighted
from unsup_jax.errors import InputError
from unsup_jax.losses import Split
from unsup_jax.networks import FixedInput, SkipNet
from unsup_jax.networks.unrolled import on_channels

_LOOK = 100         # steps between two looks at the loss of the fit
_FELL = 10**0.5     # 5 dB


class Untrained(struct.PyTreeNode):
    """The state of a fit."""

    trained: Trained
    z: Array
    unit: Array
    """Grey levels of F_theta = 1."""
    fitted: Array
    """1_{Omega - Gamma}."""
    held_out: Array | None
    """1_Gamma."""
    x: Any
    """x_t, the average of what was made; in units of `unit`."""
    kept: Any
    """theta at the last look."""
    misfit: Array
    """The loss then."""


@dataclass(frozen=True)
class DeepImagePrior(Method):
    """The image that a network makes from a fixed z, fitted to one measurement.

    Raises `InputError` on fewer than one step, on an average outside [0, 1), and on a network of as many parameters as there are data
    where nothing is held out.
    """

    scope: ClassVar[Literal["dataset", "measurement"]] = "measurement"
    reference: ClassVar[str] = "Ulyanov 2018"

    network: FixedInput = SkipNet()
    """F_theta."""
    validation: Split | None = Split(fraction=0.1, selection="uniform")
    """How Gamma is drawn; None for nothing held out, of a network that cannot fit noise, or by a count of steps that is known."""
    steps: int = 2000
    """Updates."""
    average: float = 0.99
    """a, of x_t; 0 for what the last step made."""
    optimizer: Optimizer = Adam(learning_rate=0.01, decay=False)
    """Optimiser of theta."""

    def __post_init__(self):
        if self.steps < 1 or not 0 <= self.average < 1:
            raise InputError(f"{self.label} needs a step or more and an average in [0, 1), not {self.steps} and {self.average}")

    @property
    def label(self) -> str:
        """The name that its network gives it."""
        return self.network.fit

    @property
    def takes(self) -> Takes:
        """Samples can be held out of the data of a linear operator."""
        return ANYTHING if self.validation is None else LINEAR

    def tiny(self) -> "DeepImagePrior":
        return replace(self, network=self.network.tiny(), steps=2)

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        if self.validation is not None:
            return
        like, y = measurement.operator.domain(measurement.y), measurement.y
        network, key = self._network(like), jax.random.key(0)
        params = jax.eval_shape(lambda: self.parameters(key, network.code(key, like.shape[:-1]), like))
        count, data = (sum(np.prod(leaf.shape, dtype=int) for leaf in jax.tree.leaves(tree)) for tree in (params, y))
        data *= 1 + jnp.iscomplexobj(y)
        if count >= data:
            raise InputError(f"{self.label} has {count} parameters for {data} numbers that were measured: it would fit the noise; "
                             "hold some out (--method.validation) or give --method.network.width")

    def parameters(self, key: Array, z: Array, like: jax.ShapeDtypeStruct) -> Any:
        """What is fitted, as it starts: theta."""
        return self._network(like).init(key, z, like.shape[:-1])

    def through(self, params: Any, H: Operator) -> Operator:
        """H, with what is fitted of it."""
        return H

    def made(self, params: Any, z: Array, like: jax.ShapeDtypeStruct) -> Array:
        """F_theta(z), in units of grey of the fit: the x of an operator's domain."""
        F = self._network(like)
        return on_channels(lambda _: F.apply(params, z, like.shape[:-1]), jnp.zeros(like.shape, like.dtype))

    def init(self, key: Array, example: Measurement) -> Untrained:
        self.require(example)
        H, y = example.operator, example.y
        of_z, of_theta, of_Gamma = jax.random.split(key, 3)
        like, guess = H.domain(y), H.guess(y)
        power = jnp.mean(squared_modulus(guess))
        unit = jnp.sqrt(jnp.where(power > 0, power, 1))
        network = self._network(like)
        z = network.code(of_z, like.shape[:-1]).astype(unit.dtype)
        params = self.parameters(of_theta, z, like)
        fitted, held_out = (H.measured(y) if H.linear else jnp.ones_like(y)), None
        if self.validation is not None:
            fitted, held_out = self.validation.draw(of_Gamma, H, y)
        x = jnp.zeros(like.shape, like.dtype)
        trained = Trained.start(params, self.optimizer)
        return Untrained(trained, z, unit, fitted, held_out, x, params, jnp.full((), jnp.inf, unit.dtype))

    def update(self, key: Array, state: Untrained, batch: Measurement) -> tuple[Untrained, Metrics]:
        H, y, like = batch.operator, batch.y, batch.operator.domain(batch.y)
        z = self.network.shaken(key, state.z)
        energy = _energy(y, state.fitted)

        def fit(params):
            x = self.made(params, z, like)
            return _energy(y - self.through(params, H)(weighted(state.unit, x)), state.fitted) / energy, x

        (loss, made), gradient = jax.value_and_grad(fit, has_aux=True)(state.trained.params)
        x = moving_average(state.x, made, self.average, state.trained.steps)                # x_t
        trained = state.trained.descend(gradient, self.optimizer)
        trained, kept, misfit = jax.lax.cond(
            state.trained.steps % _LOOK == 0, _looked, lambda *same: same[1:], loss, trained, state.kept, state.misfit)
        state, metrics = state.replace(trained=trained, x=x, kept=kept, misfit=misfit), {"loss": loss}
        if state.held_out is not None:
            metrics["held_out"] = _energy(y - H(weighted(state.unit, x)), state.held_out) / _energy(y, state.held_out)
        return state, metrics

    def reconstruct(self, key: Array, state: Untrained, measurement: Measurement) -> Array:
        return weighted(state.unit, state.x)

    def _network(self, like):
        """F for x of that shape and type: of a complex one the real and the imaginary part side by side."""
        return self.network.clone(channels=like.shape[-1] * (2 if jnp.issubdtype(like.dtype, jnp.complexfloating) else 1))


def _energy(values, mask):
    """The mean of |values|^2 where the mask is one."""
    mask = jnp.broadcast_to(mask, values.shape).astype(values.real.dtype)
    return jnp.sum(mask * squared_modulus(values)) / jnp.maximum(jnp.sum(mask), 1)


def _looked(loss, trained, kept, misfit):
    """(theta, theta to keep, its loss): back to what was kept where the fit has fallen by 5 dB."""
    fell = loss > _FELL * misfit
    either = lambda old, new: jax.tree.map(lambda o, n: jnp.where(fell, o, n), old, new)
    return trained.replace(params=either(kept, trained.params)), either(kept, trained.params), jnp.where(fell, misfit, loss)
