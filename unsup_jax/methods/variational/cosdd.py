r"""Denoising of noise that is correlated along rows, COSDD (Salmon and Krull, arXiv:2310.07887, 2024): what can be told from the row is not the signal.

    p(z), q(z|y)                                                        a ladder of latents, and features h(z)
    log p(y|z) = sum_i log p(y_i | y_{i-r} ... y_{i-1}, h(z))           i-r ... i-1 in the row of i
    loss = -E_q log p(y|z) + beta D_KL(q(z|y) || p(z))                    (20), a pixel
         + 1/2 |y - s(h(z))|^2                                            a pixel, its gradient stopped at h

Noise along a row is told by the pixels before it, which costs no divergence, so that z need hold only what they do not tell:
the signal, which rows have in common. y minus its noise is E(y|z), to which the squares bring s.

    estimate        mean of s(h(z)) over z ~ q(z|y)

The noise may depend on the signal and need not be known. Noise that neighbours in different rows share is taken for signal, and so
is what lies further along a row than r.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses import importance_bound
from unsup_jax.methods.variational.evidence import Variational
from unsup_jax.methods.variational.hdn import level_divergence, level_log_densities
from unsup_jax.networks import CausalRows, Ladder, Level, Network, SignalDecoder
from unsup_jax.networks.causal_rows import Axis


@dataclass(frozen=True)
class COSDD(Variational):
    """A ladder of latents, a decoder of y along its rows, and one of the signal.

    Raises `InputError` on another axis than rows and columns, a reach, components, width or samples below 1, and what
    `Variational` does.
    """

    reference: ClassVar[str] = "Salmon 2024"

    network: Network = Ladder()
    """q(z|y), p(z) and h(z), fully convolutional; its channels are set."""
    axis: Axis = "rows"
    """Along which the noise is correlated: "rows" (along X) or "columns" (along Y)."""
    warmup: int = 200
    """Steps in which beta rises from zero: at once in full, the row tells so much of y that the latents stay empty."""
    reach: int = 20
    """r, pixels: as far as the noise is correlated, and no further."""
    width: int = 32
    """Features of h, of the decoder of y and of that of the signal."""
    components: int = 3
    """Normal components of p(y_i | ...)."""
    samples: int = 100
    """Draws of z that the estimate is the mean over."""

    def __post_init__(self):
        super().__post_init__()
        if self.axis not in ("rows", "columns"):
            raise InputError(f"COSDD takes noise along rows or columns, not {self.axis!r}")
        given = {name: getattr(self, name) for name in ("reach", "width", "components", "samples")}
        if min(given.values()) < 1:
            raise InputError(f"COSDD needs values of 1 or more, not {', '.join(f'{k} {v}' for k, v in given.items())}")

    def tiny(self) -> "COSDD":
        return replace(super().tiny(), samples=2, width=4, reach=min(self.reach, 3))

    def init_params(self, key: Array, example: Measurement):
        y, keys = example.y, jax.random.split(key, 3)
        h = jnp.zeros((*y.shape[:-1], self.width), y.dtype)
        return {"ladder": self._ladder.init(keys[0], key, y), "rows": self._rows.init(keys[1], y, h), "signal": self._signal(y).init(keys[2], h)}

    def infer(self, key: Array, params, one: Measurement) -> tuple[Array, tuple[Level, ...]]:
        """h(z) [*S, width] of one z ~ q(z|y), and its levels."""
        return self._ladder.apply(params["ladder"], key, one.y)

    def log_likelihood(self, params, one: Measurement, h: Array) -> Array:
        """log p(y_i | y_{<i}, h) of each pixel, nats."""
        return self._rows.apply(params["rows"], one.y, h).log_density(one.y)

    def loss(self, key: Array, params, one: Measurement):
        h, levels = self.infer(key, params, one)
        evidence = jnp.sum(self.log_likelihood(params, one, h))
        divergence = jnp.stack([jnp.sum(level_divergence(level)) for level in levels])
        bound, metrics = self.lower_bound(evidence, divergence, one.y.size)
        squares = jnp.mean(jnp.square(one.y - self._signal(one.y).apply(params["signal"], jax.lax.stop_gradient(h))))
        return bound + 0.5 * squares, {**metrics, "squares": squares}

    def draw(self, key: Array, params, one: Measurement) -> Array:
        """s(h(z)) of one z ~ q(z|y)."""
        return self._signal(one.y).apply(params["signal"], self.infer(key, params, one)[0])

    def estimate(self, key: Array, params, one: Measurement) -> Array:
        return self.mean(key, params, one, self.samples)

    def bound(self, key: Array, params, one: Measurement, draws: int) -> Array:
        """The importance-weighted bound of log p(y) of the (normalised) measurement, nats; the ELBO for one draw."""
        def terms(key):
            h, levels = self.infer(key, params, one)
            log_prior, log_posterior = level_log_densities(levels)
            return jnp.sum(self.log_likelihood(params, one, h)) + log_prior, log_posterior

        return importance_bound(*jax.lax.map(terms, jax.random.split(key, draws)))

    @property
    def _ladder(self):
        return self.network.clone(channels=self.width)

    @property
    def _rows(self):
        return CausalRows(self.axis, self.reach, self.width, self.components)

    def _signal(self, y):
        return SignalDecoder(self.width, y.shape[-1])
