r"""Noise beyond a camera's: coloured, multiplicative, impulsive, and learned from calibration images.

    ColouredGaussian  y = H(x) + F^-1 (sqrt(S) F n),                       n white, S the power spectrum
    Gamma             y = H(x) g,    g ~ Gamma(looks, 1 / looks)           speckle of `looks` looks
    SaltAndPepper     y = low or high with probability `rate`, else H(x)
    Bernoulli         y = high with probability (H(x) - low) / (high - low), else low
    Histogram         p(y | s) tabulated over bins of the signal s and of y
    GaussianMixture   p(y | s) = sum_k a_k(s) N(y; m_k(s), sigma_k(s)^2)   (Prakash et al., ISBI 2020)

E[y | x] = H(x) in the first two, and in the fourth. The learned ones depend on the signal s = H(x) and are fitted to pairs of noisy
observations and signals: calibration images, or the images themselves and their denoised estimates.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import gammaln, logsumexp

from unsup_jax.core.measurement import Scale
from unsup_jax.core.neighbours import linear_weights, neighbours
from unsup_jax.core.phasors import weighted
from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy
from unsup_jax.noise.models import NoiseModel, normal_log_density

optax = Lazy("optax")


class ColouredGaussian(NoiseModel):
    """Stationary Gaussian noise of power spectrum S, the variance of each frequency of an FFT, uncentred.

    White noise of deviation sigma has S = sigma^2 at all frequencies. The likelihood is that of the whole image,
    spread evenly over its pixels.
    """

    spectrum: Array
    """S [*S] of every channel, or [*S, C] of each."""

    def sample(self, key: Array, clean: Array) -> Array:
        axes, spectrum = self._of(clean)
        white = jnp.fft.fftn(jax.random.normal(key, clean.shape, clean.dtype), axes=axes)
        return clean + jnp.fft.ifftn(weighted(jnp.sqrt(spectrum), white), axes=axes).real

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """-1/2 (r C^-1 r + log 2 pi S averaged over the frequencies), which sums to the image's log-likelihood."""
        axes, spectrum = self._of(clean)
        residual = noisy - clean
        whitened = jnp.fft.ifftn(weighted(1 / spectrum, jnp.fft.fftn(residual, axes=axes)), axes=axes).real
        return -0.5 * (residual * whitened + jnp.mean(jnp.log(2 * jnp.pi * spectrum), axes, keepdims=True))

    def variance(self, clean: Array) -> Array:
        axes, spectrum = self._of(clean)
        return jnp.broadcast_to(jnp.mean(spectrum, axes, keepdims=True), clean.shape)

    def normalize(self, scale: Scale) -> "ColouredGaussian":
        unit = jnp.asarray(scale.unit)
        if unit.size == 1:
            return ColouredGaussian(self.spectrum / jnp.square(unit.reshape(())))
        spectrum = self.spectrum if self.spectrum.ndim == unit.ndim else self.spectrum[..., None]
        return ColouredGaussian(spectrum / jnp.square(unit))

    def _of(self, clean):
        """The axes of space, and S [*S, 1 or C]."""
        if self.spectrum.shape not in (clean.shape[:-1], clean.shape):
            raise InputError(f"ColouredGaussian of a spectrum {self.spectrum.shape} was given an image of shape {clean.shape}")
        spectrum = self.spectrum.reshape(*clean.shape[:-1], -1).astype(clean.dtype)
        return tuple(range(clean.ndim - 1)), spectrum


class Gamma(NoiseModel):
    """Multiplicative noise of unit mean and variance 1 / looks. Signals below the offset count as no signal."""

    looks: float = 4.0
    """Shape of the Gamma distribution."""
    offset: float = 0.0
    """Grey value of no signal."""

    def sample(self, key: Array, clean: Array) -> Array:
        looks, offset = (jnp.asarray(v, clean.dtype) for v in (self.looks, self.offset))
        return offset + jnp.maximum(clean - offset, 0) * jax.random.gamma(key, looks, clean.shape, clean.dtype) / looks

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """The density of y > offset; -inf below. A pixel of no signal at all, which has none, counts as a millionth of its mean."""
        looks, signal = jnp.asarray(self.looks, clean.dtype), jnp.maximum(clean - self.offset, 1e-12)
        rounding = 8 * jnp.finfo(clean.dtype).eps * (jnp.abs(noisy) + jnp.abs(self.offset))
        above = noisy - self.offset
        positive = jnp.maximum(above, 1e-6 * signal)
        density = looks * jnp.log(looks / signal) + (looks - 1) * jnp.log(positive) - looks * positive / signal - gammaln(looks)
        return jnp.where(above >= -rounding, density, -jnp.inf)

    def variance(self, clean: Array) -> Array:
        return jnp.square(jnp.maximum(clean - self.offset, 0)) / self.looks

    def normalize(self, scale: Scale) -> "Gamma":
        return Gamma(self.looks, scale.normalize(self.offset))

    def estimated_variance(self, noisy: Array) -> Array:
        """(y - offset)^2 / (looks + 1), since E (y - offset)^2 = (1 + 1 / looks) signal^2."""
        return jnp.square(noisy - self.offset) / (self.looks + 1)

    def recorrupted(self, key: Array, noisy: Array, alpha: float) -> tuple[Array, Array]:
        """A share of each intensity goes to y2, drawn from Beta(alpha looks, (1 - alpha) looks): both parts are Gamma."""
        looks, signal = jnp.asarray(self.looks, noisy.dtype), noisy - self.offset
        share = jax.random.beta(key, alpha * looks, (1 - alpha) * looks, noisy.shape, noisy.dtype)
        return self.offset + signal * (1 - share) / (1 - alpha), self.offset + signal * share / alpha

    def signal(self, free: Array) -> Array:
        """Above the offset: softplus."""
        return self.offset + jax.nn.softplus(free - self.offset) + 1e-6


class SaltAndPepper(NoiseModel):
    """Pixels replaced by `low` or `high`, each with probability rate / 2. It has no density: `log_prob` raises."""

    rate: float = 0.05
    """Part of the pixels replaced."""
    low: float = 0.0
    """Grey value of pepper."""
    high: float = 255.0
    """Grey value of salt."""

    def sample(self, key: Array, clean: Array) -> Array:
        u = jax.random.uniform(key, clean.shape, clean.dtype)
        low, high = (jnp.asarray(v, clean.dtype) for v in (self.low, self.high))
        return jnp.where(u < self.rate / 2, low, jnp.where(u < self.rate, high, clean))

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        raise InputError("SaltAndPepper has no density")

    def variance(self, clean: Array) -> Array:
        mean = (1 - self.rate) * clean + self.rate * (self.low + self.high) / 2
        second = (1 - self.rate) * jnp.square(clean) + self.rate * (self.low**2 + self.high**2) / 2
        return second - jnp.square(mean)

    def normalize(self, scale: Scale) -> "SaltAndPepper":
        return SaltAndPepper(self.rate, scale.normalize(self.low), scale.normalize(self.high))


class Bernoulli(NoiseModel):
    """Binary images of which the signal is the mean. A grey y counts as the part of a binary one that it is."""

    low: float = 0.0
    """Grey value of no event."""
    high: float = 255.0
    """Grey value of an event."""

    def sample(self, key: Array, clean: Array) -> Array:
        low, high = (jnp.asarray(v, clean.dtype) for v in (self.low, self.high))
        return jnp.where(jax.random.bernoulli(key, jnp.clip((clean - low) / (high - low), 0, 1)), high, low)

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """y log p + (1 - y) log(1 - p), p kept 1e-6 away from 0 and 1: a mass, whatever the unit of grey."""
        p = jnp.clip((clean - self.low) / (self.high - self.low), 1e-6, 1 - 1e-6)
        y = (noisy - self.low) / (self.high - self.low)
        return y * jnp.log(p) + (1 - y) * jnp.log1p(-p)

    def variance(self, clean: Array) -> Array:
        return jnp.maximum((clean - self.low) * (self.high - clean), 0)

    def normalize(self, scale: Scale) -> "Bernoulli":
        return Bernoulli(scale.normalize(self.low), scale.normalize(self.high))

    def signal(self, free: Array) -> Array:
        """Between low and high: the logistic function."""
        return self.low + (self.high - self.low) * jax.nn.sigmoid(free)


class Histogram(NoiseModel):
    """p(y | s) constant in each cell of a table over signals and observations between `low` and `high`.

    Values beyond the range count as at its border.
    """

    log_mass: Array
    """log of the probability of [signal bin, observation bin]; each row sums to one."""
    low: Array | float
    """Grey value at the lower border of the first bin."""
    high: Array | float
    """Grey value at the upper border of the last bin."""

    @classmethod
    def fit(cls, noisy: np.ndarray, clean: np.ndarray, *, bins: int = 256, range: tuple[float, float] | None = None) -> "Histogram":
        """The table of pairs of an observation and its signal, arrays of one shape; empty cells hold a 1e-10 part.

        Raises `InputError` where the shapes differ.
        """
        if np.shape(noisy) != np.shape(clean):
            raise InputError(f"Histogram.fit: observations {np.shape(noisy)} and signals {np.shape(clean)} differ in shape")
        low, high = range or (float(min(np.min(noisy), np.min(clean))), float(max(np.max(noisy), np.max(clean))))
        counts, _, _ = np.histogram2d(np.ravel(clean), np.ravel(noisy), bins=bins, range=[(low, high)] * 2)
        counts = counts + 1e-10
        filled = counts.sum(1) > 1e-6
        nearest = np.abs(np.arange(bins)[:, None] - np.flatnonzero(filled)[None]).argmin(1) if filled.any() else np.arange(bins)
        rows = counts[np.flatnonzero(filled)[nearest]] if filled.any() else counts  # a signal never seen: as its neighbour
        mass = rows / rows.sum(1, keepdims=True)
        return cls(jnp.asarray(np.log(mass), jnp.float32), jnp.float32(low), jnp.float32(high))

    def sample(self, key: Array, clean: Array) -> Array:
        choose, place = jax.random.split(key)
        bin = jax.random.categorical(choose, self.log_mass[self._bin(clean)])
        within = jax.random.uniform(place, clean.shape, clean.dtype)
        return (self.low + (bin.astype(clean.dtype) + within) * self._width()).astype(clean.dtype)

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        """The logarithm of the cell's density, interpolated linearly along the signal so that it has a gradient."""
        bins = self.log_mass.shape[0]
        place = jnp.clip((clean - self.low) / self._width() - 0.5, 0, bins - 1)
        near = neighbours(place, 2)
        cells = self.log_mass[jnp.clip(near, 0, bins - 1), self._bin(noisy)[..., None]]
        return jnp.sum(linear_weights(place, near) * cells, -1) - jnp.log(self._width())

    def variance(self, clean: Array) -> Array:
        mass, bins = jnp.exp(self.log_mass), jnp.arange(self.log_mass.shape[1]).astype(jnp.float32)
        spread = mass @ jnp.square(bins) - jnp.square(mass @ bins)
        return spread[self._bin(clean)] * jnp.square(self._width())

    def normalize(self, scale: Scale) -> "Histogram":
        return Histogram(self.log_mass, scale.normalize(self.low), scale.normalize(self.high))

    def _width(self):
        return (self.high - self.low) / self.log_mass.shape[0]

    def _bin(self, value):
        return jnp.clip(jnp.floor((value - self.low) / self._width()), 0, self.log_mass.shape[0] - 1).astype(jnp.int32)


class GaussianMixture(NoiseModel):
    """p(y | s) of `components` Gaussians whose weights, means and variances are polynomials of the signal.

    With u = (s - centre) / extent and rows of `coefficients` [3, component, degree + 1]:

        a = softmax(poly_0(u)),   m = s + extent (poly_1(u) - sum a poly_1(u)),   log sigma^2 = 2 log extent + poly_2(u)

    so that the mean of the mixture is the signal.
    """

    coefficients: Array
    centre: Array | float = 0.0
    extent: Array | float = 1.0

    @classmethod
    def fit(
        cls, key: Array, noisy: np.ndarray, clean: np.ndarray, *, components: int = 3, degree: int = 2, steps: int = 1500, learning_rate: float = 0.03,
    ) -> "GaussianMixture":
        """Maximum likelihood of pairs of an observation and its signal, by Adam over batches of 4096 pairs.

        Raises `InputError` where the shapes differ.
        """
        if np.shape(noisy) != np.shape(clean):
            raise InputError(f"GaussianMixture.fit: observations {np.shape(noisy)} and signals {np.shape(clean)} differ in shape")
        y, s = (jnp.ravel(jnp.asarray(a, jnp.float32)) for a in (noisy, clean))
        deviation = float(jnp.std(y - s))
        extent = float(jnp.std(s)) or 1.0
        start = jnp.zeros((3, components, degree + 1))
        start = start.at[1, :, 0].set(jnp.linspace(-0.5, 0.5, components) * deviation / extent)
        start = start.at[2, :, 0].set(2 * jnp.log(deviation / extent + 1e-6))
        model = cls(start, jnp.mean(s), jnp.float32(extent))
        with jax.numpy_dtype_promotion("standard"):  # optax mixes types
            return _most_likely(model, key, y, s, steps=steps, learning_rate=learning_rate)

    def sample(self, key: Array, clean: Array) -> Array:
        choose, draw = jax.random.split(key)
        log_weight, mean, variance = self._parts(clean)
        component = jax.random.categorical(choose, log_weight)[..., None]
        m, v = (jnp.take_along_axis(a, component, -1)[..., 0] for a in (mean, variance))
        return m + jnp.sqrt(v) * jax.random.normal(draw, clean.shape, clean.dtype)

    def log_prob(self, noisy: Array, clean: Array) -> Array:
        log_weight, mean, variance = self._parts(clean)
        return logsumexp(log_weight + normal_log_density(noisy[..., None] - mean, variance), axis=-1)

    def variance(self, clean: Array) -> Array:
        log_weight, mean, variance = self._parts(clean)
        return jnp.sum(jnp.exp(log_weight) * (variance + jnp.square(mean - clean[..., None])), -1)

    def normalize(self, scale: Scale) -> "GaussianMixture":
        return GaussianMixture(self.coefficients, scale.normalize(self.centre), self.extent / scale.unit)

    def _parts(self, clean):
        u = jnp.clip((clean - self.centre) / self.extent, -4, 4)[..., None]
        extent = jnp.broadcast_to(jnp.asarray(self.extent, clean.dtype), clean.shape)[..., None]
        rows = self.coefficients.astype(clean.dtype).reshape(3, *(1,) * clean.ndim, *self.coefficients.shape[1:])
        polynomial = lambda row: sum(row[..., power] * u**power for power in range(rows.shape[-1]))
        log_weight = jax.nn.log_softmax(polynomial(rows[0]), -1)
        offset = polynomial(rows[1])
        offset = offset - jnp.sum(jnp.exp(log_weight) * offset, -1, keepdims=True)
        variance = jnp.square(extent) * jnp.exp(jnp.clip(polynomial(rows[2]), -20, 10))
        return log_weight, clean[..., None] + extent * offset, variance


def bootstrap(key: Array, noisy: np.ndarray, denoised: np.ndarray, *, mixture: bool = True) -> NoiseModel:
    """The noise model of images from themselves and their denoised estimates, taken for signals."""
    fit = partial(GaussianMixture.fit, key) if mixture else Histogram.fit
    return fit(np.asarray(noisy), np.asarray(denoised))


@partial(jax.jit, static_argnames=("steps", "learning_rate"))
def _most_likely(model, key, y, s, *, steps, learning_rate):
    """`model` with the coefficients that Adam finds for the pairs y, s [n]."""
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

    def loss(coefficients, key):
        chosen = jax.random.randint(key, (4096,), 0, y.shape[0])
        return -jnp.mean(model.replace(coefficients=coefficients).log_prob(y[chosen], s[chosen]))

    def step(carry, i):
        coefficients, memory = carry
        gradient = jax.grad(loss)(coefficients, jax.random.fold_in(key, i))
        update, memory = optimizer.update(gradient, memory)
        return (optax.apply_updates(coefficients, update), memory), None

    start = model.coefficients, optimizer.init(model.coefficients)
    (coefficients, _), _ = jax.lax.scan(step, start, jnp.arange(steps))
    return model.replace(coefficients=coefficients)
