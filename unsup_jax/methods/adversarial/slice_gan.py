r"""SliceGAN: volumes from slices (Kench and Cooper, Nat. Mach. Intell. 3, 299 (2021); article, eq. (36) and [40]).

    min_G max_{D_a in Lip_1}  sum_a { E_x D_a(x) - E_z (1/n) sum_i D_a(S_{a,i} G(z)) },      a = 1, 2, 3

G(z) is a volume, S_{a,i} its i-th slice across axis a, and x are unpaired images of slices: no volume is ever seen. What looks like the data
on all slices across all axes has its two-point correlation along each of them, and so across the slices. In an isotropic medium all slices are
alike, and D_1 = D_2 = D_3 is one critic.

The step of G counts all slices of a volume. That of D, each against x with a penalty of its own, is shown some that are drawn. G is stationary
(`networks.volume_generator`), its z a field; grey levels are in units of their range, which a segmented image has two of.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Adam, Measurement, Optimizer, Scale
from unsup_jax.errors import InputError
from unsup_jax.losses.games import Augmentation
from unsup_jax.methods.adversarial.game import Player
from unsup_jax.methods.adversarial.wgan import WGAN
from unsup_jax.networks import ConvCritic, Critic, Generator, VolumeGenerator


@dataclass(frozen=True)
class SliceGAN(WGAN):
    """A game between square slices, and the slices of cubes.

    Raises `InputError` on fewer slices than one, on unpaired images that are not square and 2-D, and on channels that three axes do not divide.
    """

    reference: ClassVar[str] = "Kench 2021, eq. (36)"

    generator: Generator = VolumeGenerator()
    """G."""
    critic: Critic = ConvCritic(width=16, depth=3)
    """D, of slices."""
    latents: int = 16
    """Entries of z at each of its places."""
    isotropic: bool = True
    """Slices are alike across all axes, of one critic. False: the channels of x are, in three equal parts, slices across the first, the second
    and the third axis, each with a critic of its own; their patches must not be turned (`--data.augment False`)."""
    slices: int = 12
    """Slices of a volume that a step of D, or of each, is shown."""
    augment: Augmentation | None = None
    """What D sees of a slice, real or generated; None for the slice itself."""
    generator_optimizer: Optimizer = Adam(1e-4, b1=0.9, b2=0.99, average=0.99)
    """Optimiser of G, with its moving average."""
    critic_optimizer: Optimizer = Adam(1e-4, b1=0.9, b2=0.99)
    """Optimiser of D."""

    def __post_init__(self):
        super().__post_init__()
        if self.slices < 1:
            raise InputError(f"a step of D is shown one slice or more of a volume, not {self.slices}")

    @property
    def label(self) -> str:
        """The published name."""
        return "sliceGAN"

    def require(self, measurement: Measurement) -> None:
        super().require(measurement)
        if (x := measurement.unpaired) is None:
            return
        if x.ndim != 3 or x.shape[0] != x.shape[1]:
            raise InputError(f"{self.label} makes cubes of square slices, not of images of shape {x.shape}; give one width as --data.patch")
        if not self.isotropic and x.shape[-1] % 3:
            raise InputError(f"slices across three axes are three equal parts of the channels, which an image of {x.shape[-1]} has not")

    def imaged(self, one: Measurement) -> tuple[int, ...]:
        n, _, channels = one.unpaired.shape
        return n, n, n, channels if self.isotropic else channels // 3

    def units(self, example: Measurement) -> tuple[Scale, Scale]:
        low, high = example.unpaired.min(), example.unpaired.max()
        return Scale.of(example), Scale(low, jnp.where(high > low, high - low, 1))

    def seen(self, x: Array, one: Measurement) -> list[tuple[Array, Array]]:
        """What each critic judges: a slice of the data, and all slices [K, *S, C] of the volume x that are beside it."""
        across = [jnp.moveaxis(x, axis, 0) for axis in range(3)]
        return [(one.unpaired, jnp.concatenate(across))] if self.isotropic else list(zip(jnp.split(one.unpaired, 3, -1), across))

    def judges(self, params: Any, shape: tuple[int, ...]) -> list[Player]:
        """D, or D_1, D_2, D_3."""
        return [lambda x, theta=theta: self.critic.apply(theta, x) for theta in params]

    def drawn(self, key: Array, shape: tuple[int, ...]) -> tuple:
        """What G takes for a volume of that shape [*S]: (z, S)."""
        return jax.random.normal(key, (*self.generator.field(shape), self.latents)), shape

    def made(self, key: Array, G: Player, shape: tuple[int, ...]) -> Array:
        return G(*self.drawn(key, shape))

    generative = None                                                       # it makes volumes, of a field of latents

    def volume(self, key: Array, G: Player, one: Measurement) -> Array:
        """G(z), a cube as wide as x."""
        return self.made(key, G, self.imaged(one)[:-1])

    def critic_loss(self, key: Array, D: list[Player], G: Player, one: Measurement):
        of_z, of_slices, of_D = jax.random.split(key, 3)
        each = []
        for i, (judge, (real, slices)) in enumerate(zip(D, self.seen(self.volume(of_z, G, one), one))):
            shown = jax.random.choice(jax.random.fold_in(of_slices, i), slices, (self.slices,))
            keys = jax.random.split(jax.random.fold_in(of_D, i), self.slices)
            each.append(jax.vmap(lambda key, fake: self.judged(key, judge, real, fake))(keys, shown))
        return jax.tree.map(lambda *of_each: jnp.mean(jnp.stack(of_each)), *each)

    def generator_loss(self, key: Array, G: Player, D: list[Player], one: Measurement):
        of_z, of_D = jax.random.split(key)
        each = []
        for i, (judge, (real, slices)) in enumerate(zip(D, self.seen(self.volume(of_z, G, one), one))):
            keys = jax.random.split(jax.random.fold_in(of_D, i), len(slices))
            each.append(jax.vmap(lambda key, fake: self.deceiving(key, judge, real, fake))(keys, slices).mean())
        return jnp.mean(jnp.stack(each)), {}

    def init_players(self, key: Array, one: Measurement) -> tuple[Any, Any]:
        of_G, of_D, of_z = jax.random.split(key, 3)
        G, shape = self.networks(self.imaged(one))[0], self.imaged(one)
        slices = self.seen(jnp.zeros(shape, one.unpaired.dtype), one)
        critics = [self.critic.init(jax.random.fold_in(of_D, i), real) for i, (real, _) in enumerate(slices)]
        return G.init(of_G, *self.drawn(of_z, shape[:-1])), critics
