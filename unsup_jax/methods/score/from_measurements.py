r"""What score models that see measurements alone have in common: the units of images that nobody has seen.

    c = sum <1, H* y> / sum <1, H* H 1>                                      of each channel: the mean of x
    d^2 = (sum ||y - H c||^2 - m sigma_y^2) / sum <z, H* H z>                z ~ N(0, 1): the variance of its numbers about it
    y <- (y - H c) / u,   sigma_y <- sigma_y / u,   u = 2 d

over the first measurements y = H x + w, m numbers in all, for any linear H. Of one that samples some parts of the spectrum more often than
others, d is that of those parts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import LINEAR, Measurement, Scale
from unsup_jax.errors import InputError
from unsup_jax.methods.score.observed import Observed, whole
from unsup_jax.methods.score.score import Score, ScoreState


@dataclass(frozen=True)
class FromMeasurements(Score):
    """A score model of which a subclass writes `loss` of ONE measurement in those units."""

    sees: ClassVar[frozenset[str]] = frozenset()

    def init(self, key: Array, example: Measurement) -> ScoreState:
        first = jax.tree.map(lambda leaf: leaf[0], example)
        if not LINEAR.fits(first):
            raise InputError(f"{self.label} learns from {LINEAR.words}, not of {type(first.operator).__name__}")
        x = first.operator.domain(first.y)
        return self.begun(key, *moments(example), jnp.zeros(x.shape, x.dtype))

    def _in_units(self, scale: Scale) -> Callable:
        return lambda key, params, one: self.loss(key, params, in_units(one, scale))


def moments(example: Measurement) -> tuple[Array, Array]:
    """(the mean [1, ..., 1, C] of the real numbers of x, their deviation about it) of a batch of measurements."""
    def constants(one):
        """<1, H* y> and <1, H* H 1> of each channel."""
        seen = Observed.of(one)
        x = seen.H.domain(seen.y)
        images = jax.vmap(lambda channel: jnp.broadcast_to(channel, x.shape))(jnp.eye(x.shape[-1], dtype=x.dtype))
        return jax.vmap(lambda image: jnp.stack([jnp.vdot(image, seen.H.adjoint(seen.y)), jnp.vdot(image, seen.H.normal(image))]))(images)

    def powers(key, one):
        """||y - H c||^2 - m sigma_y^2 and <z, H* H z>."""
        seen = Observed.of(one)
        x = seen.H.domain(seen.y)
        measured, c, z = seen.H.measured(seen.y), jnp.broadcast_to(offset, x.shape), jax.random.normal(key, x.shape, x.dtype)
        rest = jnp.sum(jnp.square(measured * seen.y)) + jnp.vdot(c, seen.H.normal(c) - 2 * seen.H.adjoint(seen.y))
        noise = 0 if seen.variance is None else seen.variance * jnp.sum(jnp.broadcast_to(measured, seen.y.shape))
        return jnp.stack([rest - noise, jnp.vdot(z, seen.H.normal(z))])

    product, energy = jax.vmap(constants)(example).sum(0).T
    frame = len(jax.eval_shape(lambda batch: jax.vmap(lambda one: one.operator.adjoint(one.y))(batch), example).shape) - 2
    offset = (product / jnp.where(energy > 0, energy, 1)).reshape((1,) * frame + (-1,))
    keys = jax.random.split(jax.random.key(0), example.y.shape[0])
    power, trace = jax.vmap(powers)(keys, example).sum(0)
    return offset, jnp.sqrt(jnp.maximum(power, 0) / jnp.where(trace > 0, trace, 1))


def in_units(one: Measurement, scale: Scale) -> Measurement:
    """ONE measurement of x in units of `scale`: y - H(offset), and the noise, over its unit."""
    H, x = one.operator, one.operator.domain(one.y)
    parts = 2 if (is_complex := jnp.issubdtype(x.dtype, jnp.complexfloating)) else 1
    offset = whole(jnp.broadcast_to(scale.offset, (*x.shape[:-1], parts * x.shape[-1])), is_complex)
    y = (one.y - H.measured(one.y).astype(one.y.dtype) * H(offset)) / scale.unit.astype(one.y.dtype)
    noise = None if one.noise is None else one.noise.normalize(Scale(jnp.zeros_like(scale.unit), scale.unit))
    return one.replace(y=y, noise=noise)

