r"""Gaussian, Poisson and Poisson-Gaussian noise of a detector.

    Gaussian           y = H(x) + w,                     w ~ N(0, sigma^2)
    Poisson            y = gain P((H(x) - offset) / gain) + offset
    Poisson-Gaussian   the same plus N(0, sigma^2): photon noise and read-out noise of a camera

`gain` is grey values a photo-electron, `offset` the grey value of no light, `sigma` the read-out noise in
grey values; all may be arrays that broadcast over the image. E[y | x] = H(x) in each model, and the
variances are sigma^2, gain (H(x) - offset), and their sum. The family is closed under a change of units of
grey, which is what `normalize` returns. Reference: Foi et al., IEEE Trans. Image Process. 17, 1737 (2008).
"""

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jax.scipy.special import gammaln, logsumexp

from unsup_jax.core.measurement import Scale
from unsup_jax.core.phasors import squared_modulus


class NoiseModel(struct.PyTreeNode):
    """p(y | clean), pixel by pixel, where `clean` is H(x)."""

    def sample(self, key: Array, clean: Array) -> Array:
        """y ~ p(. | clean), with the shape and type of `clean`."""
        raise NotImplementedError

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """log p(noisy | clean) of each pixel."""
        raise NotImplementedError

    def variance(self, clean: Array) -> Array:
        """Var[y | clean] of each pixel."""
        raise NotImplementedError

    def normalize(self, scale: Scale) -> "NoiseModel":
        """The same noise in the units of grey of `scale`."""
        raise NotImplementedError

    def signal(self, free: Array) -> Array:
        """The signal that any real number stands for: itself, unless some are no signals; smooth."""
        return free


class Gaussian(NoiseModel):
    """White Gaussian noise of standard deviation `sigma`."""

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
        """log P(count | rate) - log gain: a density on the lattice of counts, -inf off it or below zero."""
        count = (noisy - self.offset) / self.gain
        whole = jnp.round(count)
        on_lattice = (whole >= 0) & (jnp.abs(count - whole) < 1e-2)
        return jnp.where(on_lattice, _poisson_log_mass(jnp.maximum(whole, 0), self._rate(clean)), -jnp.inf)

    def variance(self, clean: Array) -> Array:
        return self.gain**2 * self._rate(clean)

    def normalize(self, scale: Scale) -> "Poisson":
        return Poisson(self.gain / scale.unit, scale.normalize(self.offset))

    def signal(self, free: Array) -> Array:
        """Above the offset: softplus in units of the gain."""
        return self.offset + self.gain * jax.nn.softplus((free - self.offset) / self.gain)

    def _rate(self, clean):
        return jnp.maximum((clean - self.offset) / self.gain, 0)


class PoissonGaussian(NoiseModel):
    """Photon noise and read-out noise of a camera."""

    gain: float = 1.0
    """Grey values a photo-electron."""
    sigma: float = 1.0
    """Standard deviation of the read-out noise, grey values."""
    offset: float = 0.0
    """Grey value of no light."""

    def sample(self, key: Array, clean: Array) -> Array:
        photons, read_out = jax.random.split(key)
        return Gaussian(self.sigma).sample(read_out, self._photons().sample(photons, clean))

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """log sum_k P(k | rate) N(noisy; gain k + offset, sigma^2), over the 65 counts around the most likely one.

        Where the counts that carry the mass spread wider than that (rate and (sigma / gain)^2 both large), the
        density is normal to a fraction of a per cent around its mode, and the normal one is taken.
        """
        rate = self._photons()._rate(clean)
        count = (noisy - self.offset) / self.gain
        spread = (self.sigma / self.gain) ** 2
        likely = (count * rate + rate * spread) / (rate + spread + 1e-12)  # product of the two bell curves
        centre = jnp.maximum(jnp.round(likely), 0)

        def term(step):
            k = centre + step
            mass = _poisson_log_mass(jnp.maximum(k, 0), rate)
            density = normal_log_density(self.gain * (count - k), jnp.square(self.sigma))
            return jnp.where(k >= 0, mass + density, -jnp.inf)

        exact = logsumexp(jax.vmap(term)(jnp.arange(-32.0, 33.0, dtype=clean.dtype)), axis=0)
        summed = rate * spread < 60 * (rate + spread)  # posterior variance of the count
        return jnp.where(summed, exact, normal_log_density(noisy - clean, self.variance(clean)))

    def variance(self, clean: Array) -> Array:
        return self._photons().variance(clean) + jnp.square(self.sigma)

    def normalize(self, scale: Scale) -> "PoissonGaussian":
        return PoissonGaussian(self.gain / scale.unit, self.sigma / scale.unit, scale.normalize(self.offset))

    def signal(self, free: Array) -> Array:
        """Above the offset, as of Poisson noise."""
        return self._photons().signal(free)

    def _photons(self):
        return Poisson(self.gain, self.offset)


def normal_log_density(residual: Array, variance: Array) -> Array:
    """log N(residual; 0, variance)."""
    return -0.5 * (jnp.square(residual) / variance + jnp.log(2 * jnp.pi * variance))


def _poisson_log_mass(count, rate):
    safe = jnp.where(rate > 0, rate, 1)
    positive = count * jnp.log(safe) - safe - gammaln(count + 1)
    return jnp.where(rate > 0, positive, jnp.where(count == 0, 0.0, -jnp.inf))
