r"""Ambient diffusion: D learnt from images of which each lacks a part (Daras et al., NeurIPS 2023; of k-space: Aali et al., ICLR 2025).

    y = A x_0,      A~ = A with some more of its samples taken away,     x = A~* A~ (x_0 + sigma n)
    min_theta E  mean of A~ (A D(x, A~; sigma) - y)^2 / c_out^2 + mean of (A - A~) (A D(x, A~; sigma) - y)^2 / d^2
    =>  D(x, A~; sigma) = E[x_0 | x, A~]
    D(x, A~; sigma) = c_skip x + (c_out P + d (1 - P)) F_theta(c_in x, A~; c)

D is shown what is left by A~, and which samples those are, as a channel; it is asked for what A has measured, and as it cannot tell which of
what it lacks that is, it answers all of it. P keeps the samples that are left, pixels or spatial frequencies: one that it lacks is a sample in
noise without end, for which c_out is d. The few that were measured and are hidden weigh as much as all that are shown.

A sampler asks for E[x_0 | x] of whole noisy images x, which no measurement has taught. Of P_k of K of the A~ of the training,

    z_k = D(P_k x, A~_k; sigma),      z = mean of z_k,      D(x; sigma) = z + (sum_k P_k + sigma^2 / d^2)^-1 sum_k P_k (z_k - z)

each sample is taken from those who have seen it where there is little noise, and from all of them where there is much. Images of x have the
size of those of the training. With x drawn by a sampler for another H this is A-DPS. A measurement of the training's kind needs no draws for
the mean: its y is itself what D is shown, A* y with the samples A of the level sigma_y.

Of missing pixels this does well (`ambient_inpainting`). Of lines of k-space it has not been shown to: of filaments of 32^2 pixels, one coil, 500
steps of 16 on random halves of the lines (3 minutes), the mean of y of that kind has 21.15 dB (conjugate gradients 20.61, wavelets 21.01, total
variation 23.81), and A-DPS by DiffPIR of a third of the lines 19.61 dB (19.64, 19.70, 21.79); its 90 % intervals cover half of the errors.
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import Measurement, Takes
from unsup_jax.errors import InputError
from unsup_jax.losses.splitting import Split, restricted
from unsup_jax.methods.score.ddrm import DIAGONAL
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.from_measurements import FromMeasurements, in_units
from unsup_jax.methods.score.observed import Observed, whole
from unsup_jax.methods.score.parameterization import DEVIATION
from unsup_jax.methods.score.score import ScoreState
from unsup_jax.networks.unrolled import as_channels

SAMPLES = Takes(
    "samples of pixels, or of the k-space of one coil",
    lambda one: DIAGONAL.fits(one) and one.operator.isometric and _grid(one) == one.operator.domain(one.y).shape[:-1])


class Left(struct.PyTreeNode):
    """P: x with the samples alone that are left."""

    shown: Array
    """[*S, 1], ones and zeros: which are."""
    spectral: bool = struct.field(pytree_node=False)
    """They are spatial frequencies of x, and else its pixels."""

    def __call__(self, x: Array) -> Array:
        """P x of an image in real numbers."""
        return self.samples(x, lambda coordinates: self.shown * coordinates)

    def samples(self, x: Array, change) -> Array:
        """x with its samples changed."""
        if not self.spectral:
            return change(x)
        axes = tuple(range(x.ndim - 1))
        return as_channels(jnp.fft.ifftn(change(jnp.fft.fftn(whole(x, True), axes=axes)), axes=axes))


class AmbientState(ScoreState):
    """Also K of the A~, which show D of whole images what it has learnt to see."""

    views: Left
    """P_k, with a leading axis."""


@dataclass(frozen=True)
class Ambient(FromMeasurements):
    """D from images of which each lacks pixels, or points of k-space, others each time; their noise is taken for small.

    Raises `InputError` on fewer than one view, on other measurements for the training, and on images of another size than its.
    """

    reference = "Daras 2023"

    split: Split = Split(fraction=0.2)
    """What A~ takes away of A."""
    views: int = 4
    """K: parts of a whole noisy image that D is shown, a call of the network each."""

    def __post_init__(self):
        super().__post_init__()
        if self.views < 1:
            raise InputError(f"Ambient needs views >= 1, not {self.views}")

    def tiny(self) -> "Ambient":
        return replace(super().tiny(), views=2)

    def init_params(self, key: Array, x: Array) -> Any:
        return super().init_params(key, jnp.concatenate([x, jnp.ones_like(x[..., :1])], -1))

    def init(self, key: Array, example: Measurement) -> AmbientState:
        few = jax.tree.map(lambda leaf: leaf[jnp.arange(self.views) % len(leaf)], example)
        views = jax.vmap(lambda key, one: self.left(one, self.split.draw(key, one.operator, one.y)[0]))(jax.random.split(key, self.views), few)
        state = super().init(key, example)
        return AmbientState(state.trained, state.scale, state.shape, state.is_complex, views)

    def left(self, one: Measurement, Theta: Array) -> Left:
        """P of the samples Theta of ONE measurement."""
        axes = one.operator.sample_axes(one.y)
        grid = [n if axis in axes else 1 for axis, n in enumerate(one.y.shape)]
        return Left(jnp.broadcast_to(Theta, grid).reshape(*_grid(one), 1), not one.operator.local)

    def D(self, params: Any, x: Array, sigma: Array, P: Left) -> Array:
        """D(x, A~; sigma) of what A~ leaves of a normalised image."""
        skip, out, into = self.parameterization.coefficients(sigma)
        F = self.network.apply(params, jnp.concatenate([into * x, P.shown], -1), self.parameterization.code(sigma))[..., :-1]
        left = P(F)
        return skip * x + out * left + DEVIATION * (F - left)

    def loss(self, key: Array, params: Any, one: Measurement):
        if not SAMPLES.fits(one):
            raise InputError(f"{self.label} learns from {SAMPLES.words}, not from those of {type(one.operator).__name__}")
        split, level, noise = jax.random.split(key, 3)
        Theta = self.split.draw(split, one.operator, one.y)[0]
        A, less = Observed.of(one), Observed.of(restricted(one, Theta))                         # A and A~
        x, sigma = A.H.domain(A.y), self.parameterization.draw(level)
        added = sigma if A.variance is None else jnp.sqrt(jnp.maximum(jnp.square(sigma) - A.variance, 0))
        x = less.H.adjoint(less.y + added * less.H(jax.random.normal(noise, x.shape, x.dtype)))
        error = jnp.square(A.residual(self.D(params, x, sigma, self.left(one, Theta))))
        measured, left = (jnp.broadcast_to(H.measured(A.y), A.y.shape) for H in (A.H, less.H))
        mean = lambda samples: jnp.sum(samples * error) / jnp.maximum(samples.sum(), 1)
        return self.parameterization.weight(sigma) * mean(left) + mean(measured - left) / DEVIATION**2, {}

    def denoiser(self, state: AmbientState) -> Denoiser:
        scale, P = state.scale, state.views

        def D(x, sigma):
            if x.shape[:-1] != state.shape[:-1]:
                raise InputError(f"{self.label} draws images of {state.shape[:-1]} pixels, as those of its training are, not of {x.shape[:-1]}")
            x, sigma = scale.normalize(x), sigma / scale.unit
            z = jax.vmap(lambda P: self.D(state.params, P(x), sigma, P))(P)
            mean = z.mean(0)
            seen = jax.vmap(lambda P, z: P(z - mean))(P, z).sum(0)
            among = P.shown.sum(0) + jnp.square(sigma / DEVIATION)
            return scale.restore(mean + jax.tree.map(lambda leaf: leaf[0], P).samples(seen, lambda samples: samples / among))

        return Denoiser(D, scale.offset, DEVIATION * scale.unit)


    def reconstruct(self, key: Array, state: AmbientState, measurement: Measurement) -> Array:
        self.require(measurement)
        P, scale = state.views, state.scale
        if not (SAMPLES.fits(measurement) and P.spectral is not measurement.operator.local):
            return super().reconstruct(key, state, measurement)
        seen = self.sampler.observed(in_units(measurement, scale))
        sigma = self.sampler.smallest * DEVIATION
        sigma = sigma if seen.variance is None else jnp.maximum(jnp.sqrt(seen.variance), sigma)
        shown = self.left(measurement, _samples(measurement))
        return seen.restored(scale.restore(self.D(state.params, seen.H.adjoint(seen.y), sigma, shown)))


def _samples(one: Measurement) -> Array:
    """Which samples there are of ONE measurement, of length 1 along the axes that do not count them."""
    others = tuple(axis for axis in range(one.y.ndim) if axis not in one.operator.sample_axes(one.y))
    return jnp.max(jnp.broadcast_to(one.operator.measured(one.y), one.y.shape), others, keepdims=True)


def _grid(one: Measurement) -> tuple[int, ...]:
    """How many samples there are along each axis that counts them."""
    return tuple(one.y.shape[axis] for axis in one.operator.sample_axes(one.y))
