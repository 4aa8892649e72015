r"""Self-supervision of reconstruction by data undersampling (SSDU, Yaman et al., Magn. Reson. Med. 84, 3172 (2020)).

    Omega = Theta u Lambda                                                           what was measured, split
    min_theta E L(y_Lambda, H_Lambda F_theta(y_Theta; H_Theta))                      (16)  one split of each measurement
    min_theta E sum_k L(y_Lambda_k, H_Lambda_k F_theta(y_Theta_k; H_Theta_k))        (17)  K of them: multi-mask
    min_theta E L(y, H F_theta(y; H))                                                (18)  naive: noise is fitted too

with L half the normalised 2-norm and half the normalised 1-norm, and F_theta(y; H) unrolled from any linear operator.
Inference uses all of Omega, as published, where F_theta sees more than it was trained on: its noise comes through. With
`passes` the answer is instead the mean of F_theta(y_Theta_k; H_Theta_k) over as many splits, each like those of the
training: better where noise is what limits (33.94 -> 36.03 dB by 16 in `ssdu_mri`), worse where missing samples are.

`weighted` divides the held-out residual by the square root of the probability with which a sample is held out, which
undoes the split's preference for low frequencies (Millard and Chiew, IEEE Trans. Comput. Imaging 9, 707 (2023)).

Nothing above scores what is shown, whose noise F_theta may keep. Robust SSDU (Millard and Chiew, Bioengineering 11, 1305
(2024)) shows it with further noise, alpha times the measurement's own, and scores it too:

    y~ = y + alpha w,   w ~ N(0, sigma^2)        what is shown
    t  = y - w / alpha                           its target, whose noise is independent of y~: E[t | y~] = E[H x | y~]
    min_theta E L(t_Theta + y_Lambda, H F_theta(y~_Theta; H_Theta))
"""

from dataclasses import dataclass
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Learned, LearnedState, Measurement
from unsup_jax.core.phasors import weighted
from unsup_jax.errors import InputError
from unsup_jax.losses import Split, normalized_error, restricted
from unsup_jax.networks import Unrolled
from unsup_jax.noise import Gaussian


@dataclass(frozen=True)
class SSDU(Learned):
    """Eqs. (16) and (17). Raises `InputError` on a negative number of masks or passes, or alpha, and on an alpha for
    measurements whose noise is not known to be Gaussian.
    """

    reference: ClassVar[str] = "Yaman 2020, eqs. (16)-(17)"

    network: nn.Module = Unrolled()
    """F_theta(y; H)."""
    split: Split = Split()
    """Omega in Theta and Lambda."""
    masks: int = 1
    """K, splits of each measurement, of which a step draws one; 0 draws a new one at every step."""
    weighted: bool = False
    """Undo the split's density in the loss."""
    passes: int = 0
    """Splits over which the answer averages; 0 for one estimate from all of Omega, as published."""
    alpha: float = 0.0
    """Standard deviation of the further noise of robust SSDU, in units of the measurement's own; 0 for none."""

    @property
    def label(self) -> str:
        """The name of the variant."""
        kinds = {"averaged": self.passes, "robust": self.alpha, "weighted": self.weighted, "multi-mask": self.masks != 1}
        return " ".join([*(kind for kind, on in kinds.items() if on), "SSDU"])

    def __post_init__(self):
        super().__post_init__()
        if min(self.masks, self.passes, self.alpha) < 0:
            raise InputError(f"SSDU has {self.masks} masks, {self.passes} passes and an alpha of {self.alpha}; it takes 0 or more of each")

    def init(self, key: Array, example: Measurement) -> LearnedState:
        if self.alpha and not isinstance(example.noise, Gaussian):
            raise InputError(f"robust SSDU (alpha {self.alpha}) needs a known Gaussian noise; that of these measurements is {example.noise}")
        return super().init(key, example)

    def loss(self, key: Array, params, one: Measurement):
        H, y = one.operator, one.y
        Theta, Lambda = self.split.draw(self._split_key(key, y), H, y)
        weight, noisier, target = Lambda, y, y
        if self.weighted:
            weight = Lambda / jnp.sqrt(jnp.maximum(self.split.density(H, y), 1e-3))
        if self.alpha:
            noisier, t = noisier_and_target(jax.random.fold_in(key, 1), y, one.noise, self.alpha)
            weight, target = weight + Theta, weighted(Theta, t) + weighted(Lambda, y)
        x = self.estimate(key, params, restricted(one.replace(y=noisier), Theta))  # F_theta(y_Theta; H_Theta)
        return normalized_error(weighted(weight, H(x)), weighted(weight, target)), {}

    def reconstruct(self, key: Array, state: LearnedState, measurement: Measurement) -> Array:
        if self.passes == 0:
            return super().reconstruct(key, state, measurement)     # F_theta(y; H)
        one = measurement.normalize(state.scale)
        H, y = one.operator, one.y

        def add(total, key):
            Theta, _ = self.split.draw(key, H, y)
            return total + self.estimate(key, state.params, restricted(one, Theta)), None

        x = H.domain(y)
        total, _ = jax.lax.scan(add, jnp.zeros(x.shape, x.dtype), jax.random.split(key, self.passes))
        return state.scale.restore(total / self.passes)

    def _split_key(self, key, y):
        """A key of the measurement's own, so that it is split in the same K ways throughout."""
        if self.masks == 0:
            return key
        own = jax.random.fold_in(jax.random.key(0), jax.lax.bitcast_convert_type(jnp.sum(jnp.abs(y)).astype(jnp.float32), jnp.int32))
        return jax.random.fold_in(own, jax.random.randint(key, (), 0, self.masks))


def noisier_and_target(key: Array, y: Array, noise: Gaussian, alpha: float) -> tuple[Array, Array]:
    """(y~, t) of robust SSDU."""
    w, alpha = noise.sample(key, jnp.zeros_like(y)), jnp.asarray(alpha, y.dtype)
    return y + alpha * w, y - w / alpha


@dataclass(frozen=True)
class NaiveConsistency(Learned):
    """Eq. (18): all that was measured is shown and scored, so that the noise is fitted too; for comparison."""

    reference: ClassVar[str] = "eq. (18)"

    network: nn.Module = Unrolled()
    """F_theta(y; H)."""

    @property
    def label(self) -> str:
        """The name in tables."""
        return "naive (18)"

    def loss(self, key: Array, params, one: Measurement):
        x = self.estimate(key, params, one)                         # F_theta(y; H)
        return normalized_error(one.operator(x), one.y), {}
