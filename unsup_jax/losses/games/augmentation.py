r"""Augmentation of what a critic sees, real and generated alike, in its own step and in the generator's.

    DiffAugment      T always                                                   (Zhao et al., NeurIPS 2020)
    ADA              each part of T with probability p, which adapts            (Karras et al., NeurIPS 2020)

        p <- clip(p + sign(E sign D(x) - target) images / ramp, 0, 1)           E over the reals of a step

T is a whole-pixel shift, a cutout, brightness and contrast; it is differentiable in the image, so that the generator's
gradient goes through it. In a space of measurements only what leaves the operator and the noise as they are may be used:
`Mirror`, of turns, mirrors and whole-pixel shifts. Images are in units of their deviation about their mean.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.errors import InputError

Transform = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Augmentation:
    """A random T(key, x) of one image [*S, C]. A subclass writes `parts`."""

    moves: ClassVar[bool] = False
    """Each pixel goes to a place of its own and keeps its grey level, as noise and many operators allow."""

    def parts(self) -> tuple[Transform, ...]:
        """The random transforms (key, x) -> x whose composition is T."""
        raise NotImplementedError

    def init(self) -> Any:
        """What it keeps from step to step; None for nothing."""
        return None

    def at(self, kept: Any) -> Transform:
        """T as it is with what is kept."""
        return self

    def adapt(self, kept: Any, sign: Array, images: int) -> Any:
        """What is kept after a critic's step on so many real `images`, of which E sign D(x) is `sign`."""
        return kept

    def __call__(self, key: Array, x: Array) -> Array:
        """T(x)."""
        for i, part in enumerate(self.parts()):
            x = part(jax.random.fold_in(key, i), x)
        return x


@dataclass(frozen=True)
class DiffAugment(Augmentation):
    """Shift, cutout, brightness, contrast. Raises `InputError` on parts outside [0, 1)."""

    shift: float = 0.125
    """Largest shift, of the image's width; what comes in is the mean grey."""
    cutout: float = 0.5
    """Width of the square that is set to the mean grey, of the image's width."""
    brightness: float = 0.5
    """Largest change of the mean, in deviations."""
    contrast: float = 0.5
    """Largest relative change of the contrast."""

    def __post_init__(self):
        given = {name: getattr(self, name) for name in ("shift", "cutout", "brightness", "contrast")}
        if not all(0 <= value < 1 for value in given.values()):
            raise InputError(f"the parts of DiffAugment lie in [0, 1), not {', '.join(f'{k} {v}' for k, v in given.items())}")

    def parts(self) -> tuple[Transform, ...]:
        return (
            lambda key, x: x + jax.random.uniform(key, (), x.dtype, -self.brightness, self.brightness),
            lambda key, x: x.mean() + (x - x.mean()) * jax.random.uniform(key, (), x.dtype, 1 - self.contrast, 1 + self.contrast),
            lambda key, x: shifted(key, x, self.shift),
            lambda key, x: cut_out(key, x, self.cutout),
        )


@dataclass(frozen=True)
class Mirror(Augmentation):
    """Mirrors, turns by 90 degrees of square images, and shifts around the edges: what noise and many operators commute with.

    Raises `InputError` on a shift outside [0, 1).
    """

    moves: ClassVar[bool] = True

    shift: float = 0.0
    """Largest shift around the edges, of the image's width."""

    def __post_init__(self):
        if not 0 <= self.shift < 1:
            raise InputError(f"shift is a part in [0, 1), not {self.shift}")

    def parts(self) -> tuple[Transform, ...]:
        return (turned,) if self.shift == 0 else (turned, lambda key, x: rolled(key, x, self.shift))


@dataclass(frozen=True)
class ADA(Augmentation):
    """Each part of a T with probability p. Raises `InputError` on a target outside (-1, 1) or a ramp below 1."""

    of: Augmentation = DiffAugment()
    """The T whose parts are applied or not."""
    target: float = 0.6
    """E sign D(x) that p is to hold: lower for more augmentation."""
    ramp: float = 500_000
    """Images in which p goes from 0 to 1."""

    def __post_init__(self):
        if not (-1 < self.target < 1 and self.ramp >= 1):
            raise InputError(f"ADA takes a target between -1 and 1 and a ramp of 1 image or more, not {self.target} and {self.ramp}")

    @property
    def moves(self) -> bool:
        """Whether its T does."""
        return self.of.moves

    def init(self) -> Array:
        return jnp.zeros(())

    def at(self, kept: Array) -> Transform:
        def T(key, x):
            for i, part in enumerate(self.of.parts()):
                applies, draw = jax.random.split(jax.random.fold_in(key, i))
                x = jnp.where(jax.random.uniform(applies) < kept, part(draw, x), x)
            return x

        return T

    def adapt(self, kept: Array, sign: Array, images: int) -> Array:
        return jnp.clip(kept + jnp.sign(sign - self.target) * images / self.ramp, 0, 1)


def shifted(key: Array, x: Array, most: float) -> Array:
    """x moved by whole pixels, up to `most` of each axis; zeros come in."""
    reach = [round(most * n) for n in x.shape[:-1]]
    padded = jnp.pad(x, (*((r, r) for r in reach), (0, 0)))
    corner = [jax.random.randint(k, (), 0, 2 * r + 1) for k, r in zip(jax.random.split(key, len(reach)), reach)]
    return lax.dynamic_slice(padded, (*corner, 0), x.shape)


def rolled(key: Array, x: Array, most: float) -> Array:
    """x moved by whole pixels around the edges, up to `most` of each axis."""
    reach = jnp.array([round(most * n) for n in x.shape[:-1]])
    return jnp.roll(x, jax.random.randint(key, reach.shape, -reach, reach + 1), tuple(range(x.ndim - 1)))


def cut_out(key: Array, x: Array, width: float) -> Array:
    """x with zeros in a box of `width` of each axis, anywhere, over the edges too."""
    for axis, k in enumerate(jax.random.split(key, x.ndim - 1)):
        n = x.shape[axis]
        half = round(width * n) // 2
        away = jnp.abs(jnp.arange(n) - jax.random.randint(k, (), 0, n)) >= half
        outside = away.reshape(*(-1 if a == axis else 1 for a in range(x.ndim)))
        kept = outside if axis == 0 else kept | outside
    return jnp.where(kept, x, 0)


def turned(key: Array, x: Array) -> Array:
    """x mirrored along each axis or not, and its last two axes exchanged or not where they are of one length."""
    rank = x.ndim - 1
    flips, swap = jax.random.bernoulli(key, 0.5, (rank + 1,)), rank > 1 and x.shape[rank - 1] == x.shape[rank - 2]
    for axis in range(rank):
        x = jnp.where(flips[axis], jnp.flip(x, axis), x)
    return jnp.where(flips[rank], x.swapaxes(rank - 2, rank - 1), x) if swap else x
