r"""Self-supervision of reconstruction by data undersampling (SSDU, Yaman et al., Magn. Reson. Med. 84, 3172 (2020)).

    Omega = Theta u Lambda                                                           what was measured, split
    min_theta E L(y_Lambda, H_Lambda F_theta(y_Theta; H_Theta))                      (16)  one split of each measurement
    min_theta E sum_k L(y_Lambda_k, H_Lambda_k F_theta(y_Theta_k; H_Theta_k))        (17)  K of them: multi-mask
    min_theta E L(y, H F_theta(y; H))                                                (18)  naive: noise is fitted too

L is half the normalised 2-norm and half the normalised 1-norm. F_theta(y; H) is unrolled from any linear operator. After
training it is shown all of Omega, as published. That is more than it was shown in training, and its noise comes through.
With `passes` the answer is instead the mean of F_theta(y_Theta_k; H_Theta_k) over as many splits like those of the training.
That is better where noise is what limits (34.73 -> 36.10 dB by 16 in `ssdu_mri`), and worse where missing samples are.

`weighted` makes (16) an unbiased estimate of the error at all samples that F_theta is not shown, measured or not (Millard
and Chiew, IEEE Trans. Comput. Imaging 9, 707 (2023)), for the squared 2-norm. A sample is measured with probability
P = E[Omega] and then shown with probability P~ = P(Theta | Omega). Its residual in Lambda is multiplied by

    (1 - K)^(-1/2),   K = (1 - P~ P)^-1 (1 - P)         1 - K = P(measured | not shown)

(16) does not score what is shown, so that F_theta may keep its noise. With `alpha` the input is given further noise, and
what is shown is scored too, in one of two ways. Both need the noise to be Gaussian and known.

    y~ = y + alpha w,   w ~ N(0, sigma^2)                                            what is shown, of Theta

Robust SSDU (Millard and Chiew, Bioengineering 11, 1305 (2024)) keeps y as the target, so that F_theta learns E[y | y~]. The
clean E[H x | y~] follows from it on Theta, and the weight makes the loss the error of that:

    min_theta E L(y, W H F_theta(y~_Theta; H_Theta)),   W = (1 + alpha^2) / alpha^2 on Theta, 1 or (1 - K)^(-1/2) on Lambda
    H x = ((1 + alpha^2) H F - y~) / alpha^2 on Theta,  x = F + H_Theta* (H_Theta F - y~_Theta) / alpha^2     after training

H* is the inverse of the full measurement here: H samples an isometry. Recorrupted SSDU changes the target instead
(Recorrupted2Recorrupted, Pang et al., CVPR 2021), and needs no correction:

    t = y - w / alpha                                   its noise is independent of that of y~: E[t | y~] = E[H x | y~]
    min_theta E L(t_Theta + y_Lambda, H F_theta(y~_Theta; H_Theta))
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import LINEAR, SAME_PIXELS, Learned, LearnedState, Measurement, Takes
from unsup_jax.core.phasors import weighted
from unsup_jax.errors import InputError
from unsup_jax.losses import Split, normalized_error, restricted
from unsup_jax.networks import Network, Unrolled


@dataclass(frozen=True)
class SSDU(Learned):
    """Eqs. (16) and (17). Raises `InputError` on a negative number of masks or passes, or alpha, and on an alpha for
    measurements whose noise is not known to be Gaussian, or, of robust SSDU, whose operator does not sample an isometry.
    """

    reference: ClassVar[str] = "Yaman 2020, eqs. (16)-(17)"

    network: Network = Unrolled()
    """F_theta(y; H)."""
    split: Split = Split()
    """Omega in Theta and Lambda."""
    masks: int = 1
    """K, splits of each measurement, of which a step draws one; 0 draws a new one at every step."""
    weighted: bool = False
    """Weight the residuals by (1 - K)^(-1/2)."""
    passes: int = 0
    """Splits over which the answer averages; 0 for one estimate from all of Omega, as published."""
    alpha: float = 0.0
    """Standard deviation of the further noise, in units of the measurement's own; 0 for none."""
    denoising: Literal["robust", "recorrupted"] = "robust"
    """How what is shown with further noise is scored."""

    @property
    def takes(self) -> Takes:
        """What its network asks for."""
        return LINEAR if self.told else SAME_PIXELS

    @property
    def label(self) -> str:
        """The name of the variant."""
        kinds = {"averaged": self.passes, self.denoising: self.alpha, "weighted": self.weighted, "multi-mask": self.masks != 1}
        return " ".join([*(kind for kind, on in kinds.items() if on), "SSDU"])

    @property
    def _robust(self):
        return self.alpha > 0 and self.denoising == "robust"

    def __post_init__(self):
        super().__post_init__()
        if min(self.masks, self.passes, self.alpha) < 0:
            raise InputError(f"SSDU has {self.masks} masks, {self.passes} passes and an alpha of {self.alpha}; it takes 0 or more of each")

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        H, noise = measurement.operator, measurement.noise
        if self.alpha and not (noise is not None and noise.white):
            raise InputError(f"{self.denoising} SSDU (alpha {self.alpha}) needs a known Gaussian noise; that of these measurements is {noise}")
        if self._robust and not H.isometric:
            raise InputError(f"robust SSDU takes samples of an isometry, as k-space on a grid is, not {type(H).__name__}; recorrupted SSDU takes it")

    def tiny(self) -> "SSDU":
        return replace(super().tiny(), passes=min(self.passes, 2))

    def loss(self, key: Array, params, one: Measurement):
        H, y = one.operator, one.y
        Theta, Lambda = self.split.draw(self._split_key(key, one), H, y)
        weight, shown, target = Lambda * self.weight(H, y) if self.weighted else Lambda, y, y
        if self.alpha:
            shown, t = one.noise.recorrupted(jax.random.fold_in(key, 1), y, self.alpha)
            if self._robust:
                weight = weight + (1 + self.alpha**2) / self.alpha**2 * Theta
            else:
                weight, target = weight + Theta, weighted(Theta, t) + weighted(Lambda, y)
        x = self.estimate(key, params, restricted(one.replace(y=shown), Theta))     # F_theta(y_Theta; H_Theta)
        return normalized_error(weighted(weight, H(x)), weighted(weight, target)), {}

    def weight(self, H, y: Array) -> Array:
        """(1 - K)^(-1/2) of each sample that can be in Lambda; it broadcasts against y."""
        P, held = H.probability(y), self.split.density(H, y)
        return jnp.sqrt((1 - (1 - held) * P) / jnp.maximum(P * held, 1e-6))         # P~ = 1 - held

    def reconstruct(self, key: Array, state: LearnedState, measurement: Measurement) -> Array:
        one = measurement.normalize(state.scale)
        H, y = one.operator, one.y

        def estimate(key, Theta):
            """F_theta of what Theta leaves, as in training."""
            if not self._robust:
                return self.estimate(key, state.params, restricted(one, Theta))
            shown = restricted(one.replace(y=one.noise.recorrupted(key, y, self.alpha)[0]), Theta)
            return corrected(self.estimate(key, state.params, shown), shown, self.alpha)

        if self.passes == 0:
            x = estimate(key, jnp.ones_like(H.measured(y))) if self._robust else self.estimate(key, state.params, one)
            return state.scale.restore(x)

        def add(total, key):
            return total + estimate(key, self.split.draw(key, H, y)[0]), None

        x = H.domain(y)
        total, _ = jax.lax.scan(add, jnp.zeros(x.shape, x.dtype), jax.random.split(key, self.passes))
        return state.scale.restore(total / self.passes)

    def _split_key(self, key, one):
        """A key of the measurement's own, so that it is split in the same K ways throughout."""
        if self.masks == 0:
            return key
        if one.index is None:
            raise InputError(f"{self.label} of {self.masks} masks tells measurements apart by their index, which these lack")
        own = jax.random.fold_in(jax.random.key(0), one.index)
        return jax.random.fold_in(own, jax.random.randint(key, (), 0, self.masks))


def corrected(x: Array, shown: Measurement, alpha: float) -> Array:
    """F + H_Theta* (H_Theta F - y~_Theta) / alpha^2 of the estimate F [*S, C] from what was shown, (y~_Theta, H_Theta)."""
    H = shown.operator
    return x + H.adjoint(H(x) - shown.y) / jnp.asarray(alpha**2, x.dtype)


@dataclass(frozen=True)
class NaiveConsistency(Learned):
    """Eq. (18): all that was measured is shown and scored, so that the noise is fitted too; for comparison."""

    reference: ClassVar[str] = "eq. (18)"

    network: Network = Unrolled()
    """F_theta(y; H)."""

    @property
    def takes(self) -> Takes:
        """What its network asks for."""
        return LINEAR if self.told else SAME_PIXELS

    @property
    def label(self) -> str:
        """The name in tables."""
        return "naive (18)"

    def loss(self, key: Array, params, one: Measurement):
        x = self.estimate(key, params, one)                         # F_theta(y; H)
        return normalized_error(one.operator(x), one.y), {}
