r"""Samples held out: the loss of SSDU (Yaman et al., Magn. Reson. Med. 84, 3172 (2020)), for any network and linear operator.

    Omega = Theta u Lambda                                                           what was measured, split
    min_F E L(y_Lambda, H_Lambda F(y_Theta; H_Theta))                                (16), (17)

L is half the normalised 2-norm and half the normalised 1-norm.

`weighted` makes the loss an unbiased estimate of the error at all samples that F is not shown, measured or not (Millard and
Chiew, IEEE Trans. Comput. Imaging 9, 707 (2023)), for the squared 2-norm. A sample is measured with probability P and, once
measured, shown with probability P~. Samples that are often measured are scored often; so the residual of each in Lambda is
divided by the root of the probability that it was measured, given that it is not shown:

    1 - K = P (1 - P~) / (1 - P~ P),        weight (1 - K)^(-1/2)

What is shown is not scored, so that F may keep its noise. With `alpha` the input is given further noise and what is shown is
scored too. The noise must be Gaussian and known:

    y~ = y + alpha w,   w ~ N(0, sigma^2)                                            what is shown, of Theta

Recorrupted SSDU scores against a target whose noise is independent of that of y~ (Recorrupted2Recorrupted, Pang et al.,
CVPR 2021), so that F learns the clean value, which no noise that it keeps can bring nearer:

    t = y - w / alpha                                                                E[t | y~] = E[H x | y~]
    min_F E L(t_Theta + y_Lambda, H F(y~_Theta; H_Theta))

Robust SSDU (Millard and Chiew, Bioengineering 11, 1305 (2024)) keeps y as the target. F then learns E[y | y~] on Theta, which
lies between y~ and the clean value by a known part, so that after training the clean value follows, of F in k-space:

    min_F E L(W y, W F),   W = (1 + alpha^2) / alpha^2 on Theta, 1 or (1 - K)^(-1/2) on Lambda
    F^ = ((1 + alpha^2) F - y~) / alpha^2 on Theta,    F^ = F elsewhere

On Theta W (y - F) = t - F^ for every F: the published loss is the error of what is answered, F^, against t. Our F is an image, and
the same is asked of it for any number of coils. With H samples of an isometry U, U* U = 1,

    x^ = U* F^ = F + H_Theta* (H_Theta F - y~_Theta) / alpha^2
    min_F E L(t_Theta + y_Lambda, H x^)

For one coil U U* = 1, H x^ is F^, and the loss is the published one. The k-space of several coils has more samples than the
image has pixels: H F cannot follow y~ out of the range of U, W (y - H F) is no longer t - H x^, and an F trained by it is not
put right by the correction. Trained by the loss of x^ it is, since x^ = E[x | y~] at

    F = (H_Theta* H_Theta + alpha^2)^-1 (H_Theta* y~ + alpha^2 E[x | y~])

which is what a network unrolled by (5b) computes with mu = alpha^2.
"""

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.core.phasors import weighted
from unsup_jax.errors import InputError
from unsup_jax.losses.fidelity import normalized_error
from unsup_jax.losses.objective import Estimator, Objective
from unsup_jax.losses.splitting import Split, restricted


@dataclass(frozen=True)
class Undersampling(Objective):
    """Eqs. (16) and (17). The answer is F(y; H) of all of Omega, or its mean over some splits.

    Raises `InputError` on a negative number of masks or passes, or alpha, and on an alpha for measurements whose noise is
    not known to be Gaussian, or, of robust SSDU, whose operator does not sample an isometry.
    """

    split: Split = Split()
    """Omega in Theta and Lambda."""
    masks: int = 0
    """K, splits of each measurement, of which a step draws one; 0 draws a new one at every step."""
    weighted: bool = False
    """Weight the residuals by (1 - K)^(-1/2)."""
    passes: int = 0
    """Splits over which the answer averages; 0 for one estimate from all of Omega, as published."""
    alpha: float = 0.0
    """Standard deviation of the further noise, in units of the measurement's own; 0 for none."""
    denoising: Literal["robust", "recorrupted"] = "robust"
    """Whether F learns the clean image itself, or what is corrected to it."""

    def __post_init__(self):
        if min(self.masks, self.passes, self.alpha) < 0:
            raise InputError(f"SSDU has {self.masks} masks, {self.passes} passes and an alpha of {self.alpha}; it takes 0 or more of each")

    @property
    def _robust(self):
        return self.alpha > 0 and self.denoising == "robust"

    def check(self, one: Measurement) -> None:
        H, noise = one.operator, one.noise
        if self.alpha and not (noise is not None and noise.white):
            raise InputError(f"{self.denoising} SSDU (alpha {self.alpha}) needs a known Gaussian noise; that of these measurements is {noise}")
        if self._robust and not H.isometric:
            raise InputError(f"robust SSDU takes samples of an isometry, as k-space on a grid is, not {type(H).__name__}; recorrupted SSDU takes it")

    def __call__(self, key: Array, F: Estimator, one: Measurement, own: Any = None):
        H, y = one.operator, one.y
        Theta, Lambda = self.split.draw(self.split_key(key, one), H, y)
        weight, shown, target = Lambda * self.weight(H, y) if self.weighted else Lambda, y, y
        if self.alpha:
            shown, t = one.noise.recorrupted(jax.random.fold_in(key, 1), y, self.alpha)
            weight, target = weight + Theta, weighted(Theta, t) + weighted(Lambda, y)
        x = self.answer(F, restricted(one.replace(y=shown), Theta))                 # F(y_Theta; H_Theta)
        return normalized_error(weighted(weight, H(x)), weighted(weight, target)), {}

    def answer(self, F: Estimator, shown: Measurement) -> Array:
        """x^ from what is shown, (y~_Theta, H_Theta): F itself, unless it is to be corrected."""
        return corrected(F(shown), shown, self.alpha) if self._robust else F(shown)

    def weight(self, H, y: Array) -> Array:
        """(1 - K)^(-1/2) of each sample that can be in Lambda; it broadcasts against y."""
        P, held = H.probability(y), self.split.density(H, y)
        return jnp.sqrt((1 - (1 - held) * P) / jnp.maximum(P * held, 1e-6))         # P~ = 1 - held

    def adapt(self, key: Array, F: Estimator) -> Estimator:
        def estimate(key, one, Theta):
            """The estimate from what Theta leaves, as in training."""
            if not self._robust:
                return F(restricted(one, Theta))
            y, _ = one.noise.recorrupted(key, one.y, self.alpha)
            return self.answer(F, restricted(one.replace(y=y), Theta))

        def whole(one):
            return estimate(key, one, jnp.ones_like(one.operator.measured(one.y))) if self._robust else F(one)

        def mean(one):
            add = lambda total, key: (total + estimate(key, one, self.split.draw(key, one.operator, one.y)[0]), None)
            x = one.operator.domain(one.y)
            total, _ = jax.lax.scan(add, jnp.zeros(x.shape, x.dtype), jax.random.split(key, self.passes))
            return total / self.passes

        return mean if self.passes else whole

    def split_key(self, key: Array, one: Measurement) -> Array:
        """A key of the measurement's own, so that it is split in the same K ways throughout."""
        if self.masks == 0:
            return key
        if one.index is None:
            raise InputError(f"SSDU of {self.masks} masks tells measurements apart by their index, which these lack")
        own = jax.random.fold_in(jax.random.key(0), one.index)
        return jax.random.fold_in(own, jax.random.randint(key, (), 0, self.masks))


def corrected(x: Array, shown: Measurement, alpha: float) -> Array:
    """F + H_Theta* (H_Theta F - y~_Theta) / alpha^2 of the estimate F [*S, C] from what was shown, (y~_Theta, H_Theta)."""
    H = shown.operator
    return x + H.adjoint(H(x) - shown.y) / jnp.asarray(alpha**2, x.dtype)
