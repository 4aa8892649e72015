"""One measurement, and what a method may ask for beside it."""

from collections.abc import Collection
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core.operator import Operator
from unsup_jax.core.phasors import squared_modulus

MAY_SEE = frozenset({"pair", "unpaired", "truth"})
"""What a method can declare to see; `y`, its operator and its noise model are always given."""


class Scale(struct.PyTreeNode):
    """Units of grey: a network works on (y - offset) / unit, its user on y. Arrays [1, ..., 1, C]."""

    offset: Array
    unit: Array

    @classmethod
    def of(cls, measurements: "Measurement") -> "Scale":
        """Mean and standard deviation by channel of a batch of `y` [N, *S, C].

        An offset is meaningful where H(x + c) = H(x) + c, for images of every pixel. Elsewhere it is zero; the unit is the
        root mean square of the measured pixels of a local H, and otherwise the largest modulus of the first guesses of x,
        or of y where H is not linear. A constant image has unit 1.
        """
        y, H = measurements.y, measurements.operator
        if not H.local or jnp.iscomplexobj(y):
            largest = jnp.abs(jax.vmap(lambda H, y: H.guess(y))(H, y) if H.linear else y).max()
            return cls(jnp.zeros_like(largest), jnp.where(largest > 0, largest, 1))
        if H.identity:
            return cls.of_images(y)
        axes = tuple(range(y.ndim - 1))
        measured = jnp.broadcast_to(jax.vmap(lambda H, y: H.measured(y))(H, y), y.shape)
        power = jnp.sum(measured * jnp.square(y), axes, keepdims=True) / jnp.maximum(jnp.sum(measured, axes, keepdims=True), 1)
        unit = jnp.sqrt(power[0])
        return cls(jnp.zeros_like(unit), jnp.where(unit > 0, unit, 1))

    @classmethod
    def of_images(cls, images: Array) -> "Scale":
        """Mean and standard deviation by channel of images [N, *S, C], such as unpaired ones; a constant has unit 1."""
        axes = tuple(range(images.ndim - 1))
        mean, deviation = images.mean(axes, keepdims=True)[0], images.std(axes, keepdims=True)[0]
        return cls(mean, jnp.where(deviation > 0, deviation, 1))

    @classmethod
    def of_power(cls, images: Array, dtype: Any = None) -> "Scale":
        """The root mean square of images, which may be complex, and an offset of zero, in `dtype` or a real one; of zeros 1."""
        rms = jnp.sqrt(jnp.mean(squared_modulus(images)))
        return cls(jnp.zeros((), rms.dtype if dtype is None else dtype), jnp.where(rms > 0, rms, 1))

    def normalize(self, x: Array) -> Array:
        """(x - offset) / unit."""
        return (x - self.offset) / self.unit

    def restore(self, x: Array) -> Array:
        """unit x + offset."""
        return self.unit * x + self.offset


class Measurement(struct.PyTreeNode):
    """y = H(x) + w for one sample; a batch is the same with a leading axis on every leaf."""

    y: Array
    operator: Operator
    noise: Any = None
    """The likelihood p(y | Hx) where it is known, a `unsup_jax.noise.NoiseModel`."""
    pair: Array | None = None
    """A second noisy realisation of the same H(x), or of H'(x) for the `pair_operator` H'."""
    pair_operator: Operator | None = None
    """The operator of `pair` where it is another than `operator`: a second acquisition that samples otherwise."""
    unpaired: Array | None = None
    """A sample of the target distribution, unrelated to `y`."""
    truth: Array | None = None
    """The matched reference x: for supervised baselines and for scoring."""
    index: Array | None = None
    """Which measurement of its data set this is, an integer; its patches have it too."""
    offset: float = struct.field(pytree_node=False, default=0.0)
    """What was taken from the grey levels of y, pair, unpaired and truth, where float32 would have lost them; `noise` is of what is left."""

    def only(self, sees: Collection[str]) -> "Measurement":
        """The same measurement without anything of pair, unpaired and truth that is not in `sees`; integers and half precision
        become float32."""
        hidden = MAY_SEE - set(sees)
        shown = self.replace(**dict.fromkeys(hidden | ({"pair_operator"} if "pair" in hidden else set())))
        images = {name: getattr(shown, name) for name in ("y", *MAY_SEE)}
        short = {name: a for name, a in images.items() if a is not None and not _single(a.dtype)}
        return shown.replace(**{name: a.astype(jnp.float32) for name, a in short.items()})

    def exchanged(self) -> "Measurement":
        """The same two realisations with `y` and `pair` in each other's place, each with its operator."""
        if self.pair_operator is None:
            return self.replace(y=self.pair, pair=self.y)
        return self.replace(y=self.pair, operator=self.pair_operator, pair=self.y, pair_operator=self.operator)

    def normalize(self, scale: Scale, target: Scale | None = None) -> "Measurement":
        """The same measurement in other units of grey: y, pair and the noise model in those of `scale`, unpaired and truth in
        those of `target`, where the domain of x has others of its own."""
        target = scale if target is None else target
        arrays = {"y": (self.y, scale), "pair": (self.pair, scale), "unpaired": (self.unpaired, target), "truth": (self.truth, target)}
        return self.replace(
            **{name: None if array is None else units.normalize(array) for name, (array, units) in arrays.items()},
            noise=None if self.noise is None else self.noise.normalize(scale),
        )


def _single(dtype):
    """Whether numbers of that type are of single precision or better."""
    return jnp.issubdtype(dtype, jnp.inexact) and jnp.finfo(dtype).bits >= 32
