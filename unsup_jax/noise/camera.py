r"""Gaussian, Poisson and Poisson-Gaussian noise of a detector.

    Gaussian           y = H(x) + w,                     w ~ N(0, sigma^2)
    Poisson            y = gain P((H(x) - offset) / gain) + offset
    Poisson-Gaussian   the same plus N(0, sigma^2): photon noise and read-out noise of a camera

`gain` is grey values a photo-electron, `offset` the grey value of no light, `sigma` the read-out noise in
grey values; all may be arrays that broadcast over the image. E[y | x] = H(x) in each model, and the
variances are sigma^2, gain (H(x) - offset), and their sum. The family is closed under a change of units of
grey, which is what `normalize` returns. Reference: Foi et al., IEEE Trans. Image Process. 17, 1737 (2008).
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import logsumexp

from unsup_jax.core.measurement import Scale
from unsup_jax.core.phasors import squared_modulus
from unsup_jax.noise.base import NoiseModel, normal_log_density


class Gaussian(NoiseModel):
    """White Gaussian noise of standard deviation `sigma`."""

    white: ClassVar[bool] = True

    sigma: float = 25.0
    """Standard deviation, grey values."""

    def sample(self, key: Array, clean: Array) -> Array:
        return clean + jnp.asarray(self.sigma, clean.dtype) * jax.random.normal(key, clean.shape, clean.dtype)

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """Of complex values, the circular density: E|noise|^2 = sigma^2."""
        residual, variance = noisy - clean, self.variance(clean)
        if jnp.iscomplexobj(residual):
            return -squared_modulus(residual) / variance - jnp.log(jnp.pi * variance)
        return normal_log_density(residual, variance)

    def variance(self, clean: Array) -> Array:
        return jnp.broadcast_to(jnp.square(jnp.asarray(self.sigma, clean.real.dtype)), clean.shape)

    def normalize(self, scale: Scale) -> "Gaussian":
        return Gaussian(self.sigma / scale.unit)

    def camera(self) -> tuple[Array, Array, Array]:
        return 0.0, self.sigma, 0.0

    def estimated_variance(self, noisy: Array) -> Array:
        return self.variance(noisy)

    def recorrupted(self, key: Array, noisy: Array, alpha: float) -> tuple[Array, Array]:
        """(y + alpha w, y - w / alpha) for further noise w of the same law (Pang et al., CVPR 2021)."""
        w, alpha = self.sample(key, jnp.zeros_like(noisy)), jnp.asarray(alpha, noisy.dtype)
        return noisy + alpha * w, noisy - w / alpha

    def halves(self, key: Array, noisy: Array) -> tuple["Gaussian", Array, Array]:
        """y + w and y - w for further noise w of the same law."""
        return Gaussian(2**0.5 * self.sigma), *self.recorrupted(key, noisy, 1.0)

    def posterior_mean(self, noisy: Array, score: Array) -> Array:
        """y + sigma^2 s(y)."""
        return noisy + jnp.square(self.sigma) * score


class Poisson(NoiseModel):
    """Photon noise: Poisson counts of `gain` grey values each. Negative rates count as zero."""

    gain: float = 1.0
    """Grey values a photo-electron."""
    offset: float = 0.0
    """Grey value of no light."""

    def sample(self, key: Array, clean: Array) -> Array:
        counts = jax.random.poisson(key, self._rate(clean)).astype(clean.dtype)
        return (self.gain * counts + self.offset).astype(clean.dtype)

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """log P(count | rate): a mass on the lattice of counts, whatever the unit of grey; -inf off it or below zero.

        A value is on the lattice where it is within a hundredth of a count of it, or within the rounding of its type.
        """
        count = (noisy - self.offset) / self.gain
        whole = jnp.round(count)
        rounding = 16 * jnp.finfo(count.dtype).eps * (jnp.abs(noisy) + jnp.abs(self.offset)) / self.gain
        on_lattice = (whole >= 0) & (jnp.abs(count - whole) < 1e-2 + rounding)
        return jnp.where(on_lattice, _poisson_log_mass(jnp.maximum(whole, 0), self._rate(clean)), -jnp.inf)

    def variance(self, clean: Array) -> Array:
        return self.gain**2 * self._rate(clean)

    def normalize(self, scale: Scale) -> "Poisson":
        return Poisson(self.gain / scale.unit, scale.normalize(self.offset))

    def camera(self) -> tuple[Array, Array, Array]:
        return self.gain, 0.0, self.offset

    def estimated_variance(self, noisy: Array) -> Array:
        return self.gain * (noisy - self.offset)

    def recorrupted(self, key: Array, noisy: Array, alpha: float) -> tuple[Array, Array]:
        """Each photon goes to y2 with probability alpha, else to y1 (Monroy, Bacca and Tachella, CVPR 2025)."""
        counts = jnp.maximum(jnp.round((noisy - self.offset) / self.gain), 0)
        taken = jax.random.binomial(key, counts, alpha).astype(noisy.dtype)
        back = lambda part: (self.gain * part + self.offset).astype(noisy.dtype)
        return back((counts - taken) / (1 - alpha)), back(taken / alpha)

    def halves(self, key: Array, noisy: Array) -> tuple["Poisson", Array, Array]:
        """Each photon in one of them: binomial thinning."""
        return Poisson(2 * self.gain, self.offset), *self.recorrupted(key, noisy, 0.5)

    def posterior_mean(self, noisy: Array, score: Array) -> Array:
        """(y + gain / 2) exp(gain s(y)), y counted from the offset."""
        return self.offset + (noisy - self.offset + self.gain / 2) * jnp.exp(jnp.clip(self.gain * score, -10, 10))

    def signal(self, free: Array) -> Array:
        """Above the offset: softplus in units of the gain."""
        return self.offset + self.gain * jax.nn.softplus((free - self.offset) / self.gain)

    def _rate(self, clean):
        return jnp.maximum((clean - self.offset) / jnp.where(self.gain > 0, self.gain, 1).astype(clean.dtype), 0)


class PoissonGaussian(NoiseModel):
    """Photon noise and read-out noise of a camera; of one of them alone where sigma or gain is zero."""

    gain: float = 1.0
    """Grey values a photo-electron."""
    sigma: float = 1.0
    """Standard deviation of the read-out noise, grey values."""
    offset: float = 0.0
    """Grey value of no light."""

    def sample(self, key: Array, clean: Array) -> Array:
        photons, read_out = jax.random.split(key)
        mean = jnp.where(self.gain > 0, self._photons().sample(photons, clean), clean)
        return Gaussian(self.sigma).sample(read_out, mean)

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """log sum_k P(k | rate) N(noisy; gain k + offset, sigma^2), over the 65 counts around the most likely one.

        Where the counts that carry the mass spread wider than that (rate and (sigma / gain)^2 both large), the sum is that of
        the normal curve through its largest term (Laplace), which errs by a fraction of a per cent however unlikely y is.
        """
        gain, sigma = (jnp.where(v > 0, v, 1).astype(clean.dtype) for v in (self.gain, self.sigma))
        count, rate, spread = (noisy - self.offset) / gain, self._photons()._rate(clean), jnp.square(sigma / gain)
        likely = jax.lax.stop_gradient(_likely_count(count, rate, spread))

        def term(k):
            mass = _poisson_log_mass(jnp.maximum(k, 0), rate) + normal_log_density(gain * (count - k), jnp.square(sigma))
            return jnp.where(k >= 0, mass, -jnp.inf)

        exact = logsumexp(jax.vmap(lambda step: term(jnp.round(likely) + step))(jnp.arange(-32.0, 33.0, dtype=clean.dtype)), axis=0)
        width = likely * spread / (likely + spread)                    # variance of the count, given y
        laplace = term(likely) + 0.5 * jnp.log(2 * jnp.pi * jnp.maximum(width, 1))
        mixed = jnp.where(width < 60, exact, laplace)
        no_photons = normal_log_density(noisy - clean, jnp.square(sigma))
        return jnp.where(self.gain > 0, jnp.where(self.sigma > 0, mixed, Poisson(gain, self.offset).log_prob(noisy, clean)), no_photons)

    def variance(self, clean: Array) -> Array:
        return self._photons().variance(clean) + jnp.square(self.sigma)

    def normalize(self, scale: Scale) -> "PoissonGaussian":
        return PoissonGaussian(self.gain / scale.unit, self.sigma / scale.unit, scale.normalize(self.offset))

    def camera(self) -> tuple[Array, Array, Array]:
        return self.gain, self.sigma, self.offset

    def estimated_variance(self, noisy: Array) -> Array:
        return self._photons().estimated_variance(noisy) + jnp.square(self.sigma)

    def halves(self, key: Array, noisy: Array) -> tuple["PoissonGaussian", Array, Array]:
        """y + u and y - u with u ~ N(0, the variance estimated from y): uncorrelated, as photons parted by coins in read-out noise are."""
        u = jnp.sqrt(jnp.maximum(self.estimated_variance(noisy), 0)) * jax.random.normal(key, noisy.shape, noisy.dtype)
        return PoissonGaussian(2 * self.gain, 2**0.5 * self.sigma, self.offset), noisy + u, noisy - u

    def signal(self, free: Array) -> Array:
        """Above the offset, as of Poisson noise."""
        return self._photons().signal(free)

    def _photons(self):
        return Poisson(self.gain, self.offset)


def _poisson_log_mass(count, rate):
    """log P(count | rate) by the deviance, count log(count / rate) - (count - rate), in which nothing large cancels (Loader 2000)."""
    k, safe = jnp.maximum(count, 1), jnp.where(rate > 0, jnp.maximum(rate, 1e-30), 1)
    deviance = k * jnp.log1p((k - safe) / safe) - (k - safe)
    some = -deviance - 0.5 * jnp.log(2 * jnp.pi * k) - _stirling_error(k)
    return jnp.where(rate > 0, jnp.where(count > 0, some, -safe), jnp.where(count == 0, 0.0, -jnp.inf))


def _stirling_error(k):
    """log k! - log(sqrt(2 pi k) (k / e)^k) by Stieltjes' continued fraction, to 1e-5 for k >= 1 and soon to all digits."""
    fraction = k
    for coefficient in (22999 / 22737, 195 / 371, 53 / 210, 1 / 30):
        fraction = k + coefficient / fraction
    return 1 / (12 * fraction)


def _likely_count(count, rate, spread):
    """The k > 0 of the largest P(k | rate) N(count; k, spread), by Newton's method for log k: log(rate / k) + (count - k) / spread = 0."""
    rate = jnp.maximum(rate, 1e-30)
    u = jnp.log(jnp.maximum(jnp.maximum(count, rate), 1e-6))        # beyond the root, from where the steps are monotone
    for _ in range(8):
        k = jnp.exp(u)
        u = u + (jnp.log(rate) - u + (count - k) / spread) / (1 + k / spread)
    return jnp.exp(u)
