r"""Deep phase decoder (Bostan, Heckel, Chen, Kellman and Waller, Optica 2020): a network makes the phase, and the lens is fitted beside it.

    min_{theta, a, c} || y - H_c(exp(a + i F_theta(z))) ||^2,         x^ = exp(a + i F_theta(z))

of amplitudes y behind a lens of pupil P(k) exp(i sum_j c_j Z_j(k)), whose aberrations c are not known and start at zero: holograms at several
distances from focus, or the images of Fourier ptychography. a is one number, the brightness of the light, of which a lens may lose a part;
where the specimen absorbs, it is a second image of F. F is a deep decoder, of fewer parameters than y has values, which never stops. A constant
of the phase is not in y. The fit is not convex in theta and c: from c = 0 it may end in a wrong valley where aberrations are above a radian.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Adam, Measurement, Operator, Optimizer
from unsup_jax.core.method import Metrics
from unsup_jax.core.phasors import cis, weighted
from unsup_jax.errors import InputError
from unsup_jax.losses import Split
from unsup_jax.methods.untrained.deep_image_prior import DeepImagePrior, Untrained
from unsup_jax.networks import DeepDecoder, FixedInput


@dataclass(frozen=True)
class DeepPhaseDecoder(DeepImagePrior):
    """The phase that a network makes from a fixed z, and the aberrations of the lens, fitted to one measurement.

    Raises `InputError` on a negative number of aberrations, on operators of images that are not complex, and on those without
    a lens of which aberrations are to be fitted; and as `DeepImagePrior` does.
    """

    reference: ClassVar[str] = "Bostan 2020"

    network: FixedInput = DeepDecoder()
    """F_theta."""
    validation: Split | None = None
    """How samples are held out, of a linear operator alone; None for nothing held out."""
    steps: int = 1000
    """Updates."""
    average: float = 0.0
    """Part of the average of what was made that each step keeps; phases are averaged as complex numbers."""
    optimizer: Optimizer = Adam(learning_rate=0.01, decay=False)
    """Optimiser of theta, a and c."""
    aberrations: int = 5
    """How many c_j are fitted, from defocus on; 0 where the lens is known."""
    absorbs: bool = False
    """Let F make the logarithm of the modulus too, in place of a; else it is the same everywhere."""

    def __post_init__(self):
        super().__post_init__()
        if self.aberrations < 0:
            raise InputError(f"DeepPhaseDecoder fits aberrations of a number of 0 or more, not {self.aberrations}")

    @property
    def label(self) -> str:
        return ("Deep phase decoder" if self.network == DeepDecoder() else f"{self.network.fit} of a phase") + (
            "" if self.aberrations else ", lens as told")

    def check(self, measurement: Measurement) -> None:
        H = measurement.operator
        if not jnp.issubdtype(H.domain(measurement.y).dtype, jnp.complexfloating):
            raise InputError(f"{self.label} makes phases of complex images; those of {type(H).__name__} are real")
        if H.aberrations < self.aberrations:
            raise InputError(f"{self.label} fits {self.aberrations} aberrations of a lens; {type(H).__name__} has {H.aberrations or 'none'}")
        super().check(measurement)

    def parameters(self, key: Array, z: Array, like: jax.ShapeDtypeStruct) -> Any:
        return {"theta": super().parameters(key, z, like), "a": jnp.zeros(()), "c": jnp.zeros(self.aberrations)}

    def made(self, params: Any, z: Array, like: jax.ShapeDtypeStruct) -> Array:
        F = self._network(like).apply(params["theta"], z, like.shape[:-1])
        a, phase = jnp.split(F, 2, -1) if self.absorbs else (params["a"], F)
        return weighted(jnp.exp(a), cis(phase))

    def through(self, params: Any, H: Operator) -> Operator:
        return H.aberrated(params["c"]) if self.aberrations else H

    def update(self, key: Array, state: Untrained, batch: Measurement) -> tuple[Untrained, Metrics]:
        state, metrics = super().update(key, state, batch)
        return state, metrics | {f"aberration_{j + 4}": c for j, c in enumerate(state.trained.params["c"])}

    def _network(self, like):
        return self.network.clone(channels=like.shape[-1] * (2 if self.absorbs else 1))
