r"""f-divergences as games: the variational bound of f-GAN, eqs. (29)-(34) (Nowozin, Cseke, Tomioka, NeurIPS 2016).

    D_f(mu || nu) = int f(d mu / d nu) d nu                                                 (29)
                 >= E_mu[g_f(V(x))] - E_nu[f*(g_f(V(x)))],    f*(t) = sup_{u >= 0} {u t - f(u)}      (31), (34)

V is free, and g_f maps it into the domain of f*, (32). The critic ascends the bound, the generator descends it. Both g_f
and f* of it are written for the free V: f* alone would overflow where g_f nears the end of its domain.

    divergence           f(u)                                        g_f(v)                   f*(g_f(v))
    KL                   u log u                                     v                        e^{v-1}
    ReverseKL            -log u                                      -e^{-v}                  v - 1
    Pearson              (u - 1)^2                                   v                        v^2/4 + v; -1 below v = -2
    Neyman               (1 - u)^2 / u                               1 - e^{-v}               2 - 2 e^{-v/2}
    SquaredHellinger     (sqrt u - 1)^2                              1 - e^{-v}               e^v - 1
    Jeffrey              (u - 1) log u                               v + 1 - e^{-v}           e^v + v - 1
    JensenShannon        u log u - (u + 1) log((u + 1)/2)            log 2 - s(-v)            s(v) - log 2
    WeightedJS           p u log u - (1-p+pu) log(1-p+pu)            -p log p - s(-v)         (1-p) log((1-p) / (1 - e^{-s(-v)/p}))
    Minimax              u log u - (u + 1) log(u + 1)                -s(-v)                   s(v)
    Alpha, a < 1         (u^a - 1 - a(u - 1)) / (a(a - 1))           1/(1-a) - s(-v)          (((1-a) s(-v))^{a/(a-1)} - 1) / a
    Alpha, a > 1         the same                                    v                        (relu((a-1) v + 1)^{a/(a-1)} - 1) / a
    TotalVariation       |u - 1| / 2                                 tanh(v) / 2              tanh(v) / 2

with s the softplus. f of Minimax has f(1) = -2 log 2, so that its bound is 2 JS - 2 log 2. JensenShannon is that of the table
of Nowozin, twice the mean of the two relative entropies. Their g_f of Jeffrey is v, whose f* takes Lambert's W, and whose V is to
follow the inverse of the ratio where the data are rare; here it is v = log u, as in ReverseKL.
"""

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array
from jax.nn import softplus

from unsup_jax.errors import InputError
from unsup_jax.losses.games.game import Game


@dataclass(frozen=True)
class Divergence(Game):
    """A convex f with g_f and f*(g_f(.)), each element by element."""

    def f(self, u: Array) -> Array:
        """f of the ratio u = d mu / d nu > 0."""
        raise NotImplementedError

    def activation(self, v: Array) -> Array:
        """g_f(v), in the domain of f*."""
        raise NotImplementedError

    def conjugate(self, v: Array) -> Array:
        """f*(g_f(v))."""
        raise NotImplementedError

    def of_critic(self, real: Array, fake: Array) -> Array:
        return self.conjugate(fake) - self.activation(real)                                                  # -(34)

    def of_generator(self, real: Array, fake: Array) -> Array:
        return -self.conjugate(fake)                                                                         # (34)


@dataclass(frozen=True)
class KL(Divergence):
    """The relative entropy KL(mu || nu): the generator covers the data."""

    def f(self, u: Array) -> Array:
        return u * jnp.log(u)

    def activation(self, v: Array) -> Array:
        return v

    def conjugate(self, v: Array) -> Array:
        return jnp.exp(v - 1)


@dataclass(frozen=True)
class ReverseKL(Divergence):
    """The relative entropy KL(nu || mu): the generator keeps to a mode."""

    def f(self, u: Array) -> Array:
        return -jnp.log(u)

    def activation(self, v: Array) -> Array:
        return -jnp.exp(-v)

    def conjugate(self, v: Array) -> Array:
        return v - 1


@dataclass(frozen=True)
class Pearson(Divergence):
    """chi^2(mu || nu). f* is -1 below v = -2, since u >= 0; the published table leaves that out."""

    def f(self, u: Array) -> Array:
        return jnp.square(u - 1)

    def activation(self, v: Array) -> Array:
        return v

    def conjugate(self, v: Array) -> Array:
        v = jnp.maximum(v, -2)
        return jnp.square(v) / 4 + v


@dataclass(frozen=True)
class Neyman(Divergence):
    """chi^2(nu || mu)."""

    def f(self, u: Array) -> Array:
        return jnp.square(1 - u) / u

    def activation(self, v: Array) -> Array:
        return -jnp.expm1(-v)

    def conjugate(self, v: Array) -> Array:
        return -2 * jnp.expm1(-v / 2)


@dataclass(frozen=True)
class SquaredHellinger(Divergence):
    """The integral of (sqrt(d mu) - sqrt(d nu))^2."""

    def f(self, u: Array) -> Array:
        return jnp.square(jnp.sqrt(u) - 1)

    def activation(self, v: Array) -> Array:
        return -jnp.expm1(-v)

    def conjugate(self, v: Array) -> Array:
        return jnp.expm1(v)


@dataclass(frozen=True)
class Jeffrey(Divergence):
    """The sum KL(mu || nu) + KL(nu || mu)."""

    def f(self, u: Array) -> Array:
        return (u - 1) * jnp.log(u)

    def activation(self, v: Array) -> Array:
        return v + 1 - jnp.exp(-v)

    def conjugate(self, v: Array) -> Array:
        return jnp.exp(v) + v - 1


@dataclass(frozen=True)
class JensenShannon(Divergence):
    """KL(mu || m) + KL(nu || m) with m = (mu + nu) / 2."""

    def f(self, u: Array) -> Array:
        return u * jnp.log(u) - (u + 1) * jnp.log((u + 1) / 2)

    def activation(self, v: Array) -> Array:
        return math.log(2) - softplus(-v)

    def conjugate(self, v: Array) -> Array:
        return softplus(v) - math.log(2)


@dataclass(frozen=True)
class WeightedJS(Divergence):
    """p KL(mu || m) + (1 - p) KL(nu || m) with m = p mu + (1 - p) nu. Raises `InputError` on p outside (0, 1)."""

    weight: float = 0.3
    """p."""

    def __post_init__(self):
        if not 0 < self.weight < 1:
            raise InputError(f"the weight of a Jensen-Shannon divergence is {self.weight}; it lies between 0 and 1")

    def f(self, u: Array) -> Array:
        p = self.weight
        return p * u * jnp.log(u) - (1 - p + p * u) * jnp.log(1 - p + p * u)

    def activation(self, v: Array) -> Array:
        return -self.weight * math.log(self.weight) - softplus(-v)

    def conjugate(self, v: Array) -> Array:
        p = self.weight
        far = v > 15                                    # 1 - e^{-s(-v)/p} is e^{-v}/p there, which would underflow
        near = jnp.log(-jnp.expm1(-softplus(-jnp.where(far, 0, v)) / p))
        return (1 - p) * (math.log(1 - p) - jnp.where(far, -v - math.log(p), near))


@dataclass(frozen=True)
class Minimax(Divergence):
    """Eq. (28) itself: E log D(x) + E log(1 - D(Gz)), D the logistic function of V."""

    def f(self, u: Array) -> Array:
        return u * jnp.log(u) - (u + 1) * jnp.log(u + 1)

    def activation(self, v: Array) -> Array:
        return -softplus(-v)

    def conjugate(self, v: Array) -> Array:
        return softplus(v)


@dataclass(frozen=True)
class Alpha(Divergence):
    """The alpha-divergences, by way of reverse KL (0), twice squared Hellinger (1/2), KL (1) and half of Pearson (2).

    Raises `InputError` on 0 and 1, which are classes of their own.
    """

    alpha: float = 0.5
    """a."""

    def __post_init__(self):
        if self.alpha in (0, 1):
            raise InputError(f"alpha is {self.alpha}; the divergence of 0 is ReverseKL, that of 1 KL")

    def f(self, u: Array) -> Array:
        a = self.alpha
        return (u**a - 1 - a * (u - 1)) / (a * (a - 1))

    def activation(self, v: Array) -> Array:
        return v if self.alpha > 1 else 1 / (1 - self.alpha) - softplus(-v)

    def conjugate(self, v: Array) -> Array:
        a = self.alpha
        if a > 1:
            return (jnp.maximum((a - 1) * v + 1, 0) ** (a / (a - 1)) - 1) / a
        return (jnp.exp(a / (a - 1) * (math.log(1 - a) + log_softplus(-v))) - 1) / a


@dataclass(frozen=True)
class TotalVariation(Divergence):
    """Half the integral of |d mu - d nu|."""

    def f(self, u: Array) -> Array:
        return jnp.abs(u - 1) / 2

    def activation(self, v: Array) -> Array:
        return jnp.tanh(v) / 2

    def conjugate(self, v: Array) -> Array:
        return jnp.tanh(v) / 2


def log_softplus(x: Array) -> Array:
    """log s(x), which is x itself far below zero, where s(x) is e^x and would underflow."""
    far = x < -15
    return jnp.where(far, x, jnp.log(softplus(jnp.where(far, 0, x))))
