r"""Single-molecule localisation microscopy: frames of a few blinking emitters each.

    y_t(p) = gain (sum_e a_te  integral over pixel p of N(r; r_e, sigma^2) dr  + background) + offset

Symbols: a `photons` [frame, emitter] is x, the intensities that `blinking` draws; r_e `positions` [emitter, 2] in
pixels (row, column), pixel p covering [p - 1/2, p + 1/2]; sigma the PSF's width; y [frame, H, W, 1]. Photon and
read-out noise are those of `unsup_jax.noise.PoissonGaussian` with the same gain and offset.
Reference: Smith, Joseph, Rieger and Lidke, Nat. Methods 7, 373 (2010).
"""

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jax.scipy.special import erf

from unsup_jax.core.operator import LinearOperator
from unsup_jax.errors import InputError


class Emitters(LinearOperator):
    """Frames [frame, H, W, 1] of the photons x [frame, emitter] of emitters at known positions.

    The frames are linear in the photons; background and offset are added by `expose`. Raises `InputError` on
    photons of another number of emitters.
    """

    positions: Array
    sigma: Array
    """Width of the PSF, pixels: one for all emitters, or [emitter] for astigmatic or defocused ones."""
    shape: tuple[int, int] = struct.field(pytree_node=False)
    """Height and width of a frame."""
    gain: Array | float = 1.0
    """Grey values a photo-electron."""

    def __call__(self, x: Array) -> Array:
        if x.ndim != 2 or x.shape[1] != self.positions.shape[0]:
            raise InputError(f"Emitters at {self.positions.shape[0]} positions was given an image of shape {x.shape}")
        rows, columns = (self._inside(axis).astype(x.dtype) for axis in (0, 1))
        return self.gain * jnp.einsum("te,eh,ew->thw", x, rows, columns)[..., None]

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((y.shape[0], self.positions.shape[0]), y.dtype)

    def expose(self, photons: Array, *, background: Array = 0.0, offset: Array = 0.0) -> Array:
        """The expected frames, with `background` photons a pixel and the camera's offset."""
        return self(photons) + self.gain * background + offset

    def _inside(self, axis):
        """Part of each emitter's light between the edges of each pixel along an axis, [emitter, pixel]."""
        edges = jnp.arange(self.shape[axis] + 1, dtype=self.positions.dtype) - 0.5
        width = jnp.broadcast_to(jnp.asarray(self.sigma, self.positions.dtype), self.positions.shape[:1])
        return jnp.diff(0.5 * erf((edges[None] - self.positions[:, axis, None]) / (jnp.sqrt(2.0) * width[:, None])), axis=1)


def blinking(
    key: Array, frames: int, emitters: int, *, photons: float = 1000.0, on: float = 0.02, off: float = 0.5, bleach: float = 0.0,
) -> Array:
    """Photons [frame, emitter] of emitters that switch on, off and bleach at these probabilities a frame.

    A two-state Markov chain from its stationary state, part on / (on + off) of the time bright; an emitter that
    is bright emits `photons` a frame on average, exponentially distributed from one frame to the next.
    Raises `InputError` on probabilities outside [0, 1].
    """
    for name, value in {"on": on, "off": off, "bleach": bleach}.items():
        if not 0 <= value <= 1:
            raise InputError(f"blinking: {name} is a probability, not {value}")
    first, chain, light = jax.random.split(key, 3)
    bright = jax.random.bernoulli(first, on / max(on + off, 1e-12), (emitters,))

    def step(state, key):
        bright, alive = state
        switch, die = jax.random.uniform(key, (2, emitters))
        bright = jnp.where(bright, switch >= off, switch < on)
        alive = alive & ~(bright & (die < bleach))
        return (bright, alive), bright & alive

    _, shown = jax.lax.scan(step, (bright, jnp.ones(emitters, bool)), jax.random.split(chain, frames))
    return shown.astype(jnp.float32) * photons * jax.random.exponential(light, (frames, emitters))
