r"""AmbientGAN: a law of images from measurements alone (Bora, Price, Dimakis, ICLR 2018; article, eqs. (37)-(40), figure 7(c)).

    min_pi  E_{x, y ~ pi} ||H_phi(x) - y||                                                      (37)
    min_G max_{D in Lip_1}  E_y D(y) - E_{z, phi} D(H_phi(G(z))),      phi ~ P_phi              (38)-(40)

(39)-(40) are the dual of (37): D compares measurements, and what G makes is measured before D sees it, by an operator and with noise
that are drawn anew. Where the law of x is told by that of y, the optimum is the law of clean images. P_phi is a `family`: the
operators of the data set, an instrument's, or partial knowledge. With `space="image"` D compares H_phi* y instead, which has the
pixels of x, whatever those of y are, and shows D the phi by which an image was measured: the joint law of y and phi.

The game is R3GAN's, s(D(y) - D(H_phi G(z))) with R1 and R2, in the place of the Lipschitz constant. An augmentation must leave H_phi
and the noise's law alone: turns, mirrors and whole-pixel shifts may, cutouts and contrasts do not.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.core import ANYTHING, Family, Measurement, Own, Scale, Takes
from unsup_jax.core.family import InUnits
from unsup_jax.errors import InputError
from unsup_jax.losses.games import Augmentation
from unsup_jax.methods.adversarial.game import Player, Players
from unsup_jax.methods.adversarial.r3gan import R3GAN
from unsup_jax.networks.unrolled import as_channels


@dataclass(frozen=True)
class AmbientGAN(R3GAN):
    """Eqs. (37)-(40), of any operator whose measurements have a noise that is known.

    Raises `InputError` on a family that draws nothing or whose measurements are not like y, on an augmentation that changes grey
    levels, and where D is to compare complex y, or images H* y of an operator that is not linear.
    """

    sees: ClassVar[frozenset[str]] = frozenset()
    takes: ClassVar[Takes] = ANYTHING
    reference: ClassVar[str] = "Bora 2018, eqs. (37)-(40)"

    family: Family = Own()
    """P_phi, by which what G makes is measured."""
    space: Literal["measurement", "image"] = "measurement"
    """What D compares: y, or H_phi* y."""
    latents: int = 128
    """Entries of z."""

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.family, Family):
            raise InputError(f"the family of {self.label} draws operators; {type(self.family).__name__} is none, such as Own() or Drawn(an instrument)")
        if isinstance(self.augment, Augmentation) and not self.augment.moves:
            raise InputError(f"{self.label} takes an augmentation that leaves the noise's law alone, such as Mirror, not {type(self.augment).__name__}")

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        self.family.check(measurement, self.label)
        if self.space == "image" and not measurement.operator.linear:
            raise InputError(f"{self.label} compares H* y of linear operators, which {type(measurement.operator).__name__} is not; give --method.space measurement")
        if self.space == "measurement" and jnp.iscomplexobj(measurement.y):
            raise InputError(f"{self.label} compares real measurements, or images H* y of complex ones; give --method.space image")

    def critic_loss(self, key: Array, D: Player, G: Player, one: Measurement):
        of_G, of_D = jax.random.split(key)
        return self.judged(of_D, D, self.seen(one), self.seen(self.measured(of_G, G, one)))

    def generator_loss(self, key: Array, G: Player, D: Player, one: Measurement):
        of_G, of_D = jax.random.split(key)
        return self.deceiving(of_D, D, self.seen(one), self.seen(self.measured(of_G, G, one))), {}

    def measured(self, key: Array, G: Player, one: Measurement) -> Measurement:
        """H_phi(G(z)) + w, with z, phi and w drawn: a measurement like `one`."""
        of_z, of_phi = jax.random.split(key)
        return self.family.measure(of_phi, self.imagined(of_z, G, self.family.domain(one)), one)

    def imagined(self, key: Array, G: Player, like: jax.ShapeDtypeStruct) -> Array:
        """G(z), an image of that shape and type."""
        image = G(self.z(key), like.shape[:-1])
        return lax.complex(*jnp.split(image, 2, -1)) if jnp.issubdtype(like.dtype, jnp.complexfloating) else image

    def seen(self, one: Measurement) -> Array:
        """What D is shown of a measurement: y, or H* y, a complex one as two channels."""
        return as_channels(one.y if self.space == "measurement" else one.operator.adjoint(one.y))

    def at(self, state: Players) -> "AmbientGAN":
        return replace(super().at(state), family=InUnits(self.family, state.scale, state.target))

    def imaged(self, one: Measurement) -> tuple[int, ...]:
        x = self.family.domain(one)
        return (*x.shape[:-1], x.shape[-1] * (2 if jnp.issubdtype(x.dtype, jnp.complexfloating) else 1))

    def init_players(self, key: Array, one: Measurement) -> tuple[Any, Any]:
        (of_G, of_D, of_z), shape = jax.random.split(key, 3), self.imaged(one)
        G, D = self.networks(shape)
        return G.init(of_G, self.z(of_z), shape[:-1]), D.init(of_D, self.seen(one))

    def units(self, example: Measurement) -> tuple[Scale, Scale]:
        """(units of y, units of x): of what D sees, and of first guesses of x, their root mean squares, unless both have the same pixels."""
        H, like = example.operator, self.family.domain(jax.tree.map(lambda leaf: leaf[0], example))
        if H.local and self.space == "measurement":
            scale = Scale.of(example)
            return scale, scale
        seen = jax.vmap(self.seen)(example)
        guesses = jax.vmap(lambda H, y: H.guess(y))(H, example.y)
        return Scale.of_power(seen), Scale.of_power(guesses, like.dtype)

    def sample(self, key: Array, state: Players, count: int) -> Array:
        """Clean images [count, *S, C] of the law that G learned."""
        G, dtype = self.generates(state.params, state.shape), state.target.offset.dtype
        like = jax.ShapeDtypeStruct(state.shape, dtype)
        return jax.vmap(lambda key: state.target.restore(self.imagined(key, G, like)))(jax.random.split(key, count))
