r"""ProjectionGAN: the missing cone of optical diffraction tomography, filled in projections (Chung et al., arXiv:2103.09022; article, figure 10).

    x_0 = GP(y)                                        Gerchberg and Papoulis, over its largest value
    p_{a,theta} = P_{a,theta} x_0                      parallel projections about each of three axes a
    Y_Omega  = { p_{a,theta} : the central slice across (a, theta) was measured }      sharp
    Y_Omega' = the others                                                              smeared along the optical axis
    G: Y_Omega' -> Y_Omega                             a cycleGAN: the two sets are unpaired
    p^ = max(G(p), 0) on Y_Omega',  p on Y_Omega
    x^ = mean over a of FBP_a(p^)

By the central slice theorem a projection is as sharp as much of the plane across it was measured, whatever the geometry, and the mask of y
says how much: Omega are the directions of which at least `sharp` times as much is known as of the best known one. A specimen looks alike from
all sides in law; so the sets differ in what was measured alone. The training data are projections of what is made of each y: the method sees
nothing beside. An estimate that was made once is kept.

Of an image, whose projections are lines, there is one axis.
"""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array, lax

from unsup_jax.core import Adam, Measurement, Method, Optimizer, Scale, Takes, all_replicas, sample_keys
from unsup_jax.core.method import Metrics
from unsup_jax.core.phasors import as_complex
from unsup_jax.errors import InputError
from unsup_jax.losses.fidelity import mean_square_error
from unsup_jax.losses.games import Replay
from unsup_jax.methods.adversarial.game import Players
from unsup_jax.methods.classical.gerchberg_papoulis import GerchbergPapoulis
from unsup_jax.methods.transport.cycle_gan import CycleGAN
from unsup_jax.methods.transport.forward import Forward, LearntMap
from unsup_jax.networks import Critic, MultiScaleCritic, Network, PatchCritic, UNet
from unsup_jax.operators import Fourier, Identity, Radon, filtered_back_projection, parallel_angles


@dataclass(frozen=True)
class SharpeningGAN(CycleGAN):
    """The cycleGAN between smeared and sharp projections: in one unit of grey, of squared distances, G the identity on what is sharp."""

    generator: Network = UNet(depth=3, width=16, residual=True)
    """G: smeared to sharp."""
    forward: Forward = LearntMap(UNet(depth=2, width=8, residual=True))
    """Sharp to smeared."""
    critic: Critic = MultiScaleCritic(PatchCritic(width=16, depth=2), scales=2)
    """D_X, and D_Y."""
    cycle: float = 1.0
    """Weight of ||x - G(H x)||^2."""
    identity: float = 0.5
    """Weight of ||x - G(x)||^2."""
    adversarial: float = 0.1
    """Weight of L_GAN in what G and H pay."""
    replay: Replay | None = Replay(50)
    """Projections made before that the critics are shown."""
    generator_optimizer: Optimizer = Adam(1e-3, b1=0.5, average=0.98)
    """Optimiser of G and H, with their moving average."""
    critic_optimizer: Optimizer = Adam(2e-3, b1=0.5)
    """Optimiser of both critics."""
    n_critic: int = 2
    """Critic steps for one of G and H, each on a part of the projections."""

    def units(self, example: Measurement) -> tuple[Scale, Scale]:
        return (Scale.of_power(jnp.concatenate([example.y, example.unpaired])),) * 2

    def distance(self, a: Array, b: Array) -> Array:
        return mean_square_error(a, b)

    def constraints(self, maps, one: Measurement, Gy: Array, Hx: Array) -> tuple[Array, Metrics]:
        same = self.distance(maps.G(one.replace(y=one.unpaired)), one.unpaired)
        return self.identity * same, {"identity": same}


class Projected(struct.PyTreeNode):
    """The state: the players, and the estimates x_0 that were made, [kept, *S, C], of the measurements `which`."""

    players: Players
    estimates: Array
    which: Array

    @property
    def params(self) -> Any:
        """theta of G, as it sharpens."""
        return self.players.params


def _cube(one: Measurement) -> bool:
    """Whether y is sampled in the spectrum of a square image or of a cube."""
    return isinstance(one.operator, Fourier) and one.y.ndim in (3, 4) and len(set(one.y.shape[:-1])) == 1


@dataclass(frozen=True)
class ProjectionGAN(Method):
    """Figure 10. Raises `InputError` on fewer than eight views, a `sharp` outside (0, 1), and where all directions are measured alike."""

    takes: ClassVar[Takes] = Takes("coefficients of the Fourier transform of a square image or a cube", _cube)
    reference: ClassVar[str] = "Chung 2021, figure 10"

    cyclegan: CycleGAN = SharpeningGAN()
    """G, its reverse, and their critics."""
    by: Method = GerchbergPapoulis(steps=20)
    """What makes x_0 of y, a method of one measurement."""
    views: int = 72
    """Angles about each axis, evenly over half a turn."""
    shown: int = 8
    """Projections of each set, of each measurement, that a step is shown."""
    sharp: float = 0.8
    """Part of what is known of the best known direction from which on one is in Omega."""
    kept: int = 24
    """Measurements whose estimates are kept from step to step."""

    def __post_init__(self):
        if self.views < 8 or not 0 < self.sharp < 1 or min(self.shown, self.kept) < 1:
            raise InputError(f"ProjectionGAN takes 8 views or more, sharp in (0, 1), shown and kept of 1 or more, not "
                             f"{self.views}, {self.sharp}, {self.shown}, {self.kept}")
        if self.by.scope != "measurement":
            raise InputError(f"ProjectionGAN projects what a method of one measurement makes, not {self.by.label}, which is trained on many")

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        self.by.check(measurement)
        sharp = self.omega(measurement)
        if bool(sharp.all()):
            raise InputError("ProjectionGAN learns from directions that were measured how those should look that were not; here all were alike")

    def omega(self, one: Measurement) -> Array:
        """Whether a projection is sharp, [axis, view]."""
        known = directions_known(jnp.broadcast_to(one.operator.measured(one.y), one.y.shape)[..., 0], self.views)
        return known >= self.sharp * known.max()

    def estimate(self, key: Array, one: Measurement) -> Array:
        """x_0 of ONE measurement, real."""
        return self.by.solved(key, one).real

    def pairs(self, key: Array, one: Measurement, x: Array) -> Measurement:
        """Projections of an x, over its largest value, drawn from both sets: y the smeared ones, `unpaired` the sharp ones, [shown, *S', C]."""
        angles, sharp, turned = parallel_angles(self.views), self.omega(one), about_each_axis(x / _largest(x))

        def drawn(key, of_set):
            of_axis, of_view = jax.random.split(key)
            axis = jax.random.categorical(of_axis, jnp.log(of_set.sum(1)))
            chosen = jax.random.categorical(of_view, jnp.log(of_set[axis]), shape=(self.shown,))
            return projector(angles[chosen], turned.shape[-2])(turned[axis])

        smeared, clear = (drawn(k, of_set.astype(x.dtype)) for k, of_set in zip(jax.random.split(key), (~sharp, sharp)))
        return Measurement(smeared, Identity(), unpaired=clear)

    def batch_of(self, key: Array, batch: Measurement, estimates: Array) -> Measurement:
        """The projections of a batch and its estimates, as one batch of the cycleGAN's."""
        each = jax.vmap(self.pairs)(sample_keys(key, batch.y.shape[0]), batch, estimates)
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), each)

    def init(self, key: Array, example: Measurement) -> Projected:
        of_x, of_pairs, of_game = jax.random.split(key, 3)
        few = jax.tree.map(lambda leaf: leaf[:4], example)
        estimates = lax.map(lambda one: self.estimate(of_x, one), few)
        players = self.cyclegan.init(of_game, self.batch_of(of_pairs, few, estimates))
        return Projected(players, jnp.zeros((self.kept, *estimates.shape[1:]), estimates.dtype), jnp.full((self.kept,), -1, jnp.int32))

    def update(self, key: Array, state: Projected, batch: Measurement) -> tuple[Projected, Metrics]:
        of_x, of_pairs, of_game = jax.random.split(key, 3)
        place = batch.index % self.kept

        def made(one, place):
            return lax.cond(state.which[place] == one.index, lambda: state.estimates[place], lambda: self.estimate(of_x, one))

        estimates = lax.map(lambda both: made(*both), (batch, place))
        players, metrics = self.cyclegan.update(of_game, state.players, self.batch_of(of_pairs, batch, estimates))
        place, index, everyone = all_replicas((place, batch.index, estimates))
        return Projected(players, state.estimates.at[place].set(everyone), state.which.at[place].set(index)), metrics

    def reconstruct(self, key: Array, state: Projected, measurement: Measurement) -> Array:
        x, game, players = self.estimate(key, measurement), self.cyclegan, state.players
        largest, angles = _largest(x), parallel_angles(self.views)
        G = lambda p: game.reconstruct(key, players, Measurement(p, Identity()))

        def of_axis(turned, sharp):
            P = projector(angles, turned.shape[-2])
            views = P(turned)
            filled = jnp.maximum(lax.map(G, views, batch_size=8), 0)
            views = jnp.where(sharp.reshape(-1, *(1,) * (views.ndim - 1)), views, filled)
            return filtered_back_projection(P, views)

        each = [of_axis(turned, sharp) for turned, sharp in zip(about_each_axis(x / largest), self.omega(measurement))]
        mean = largest * (each[0] if len(each) == 1 else sum(jnp.moveaxis(x, 0, axis) for axis, x in enumerate(each)) / len(each))
        return as_complex(mean) if jnp.iscomplexobj(measurement.y) else mean

    def planned(self, steps: int, at_once: int | None = None) -> "ProjectionGAN":
        return replace(self, cyclegan=self.cyclegan.planned(steps, at_once))

    def start_from(self, state: Projected, params: Any) -> Projected:
        return state.replace(players=self.cyclegan.start_from(state.players, params))

    def tiny(self) -> "ProjectionGAN":
        return replace(self, cyclegan=self.cyclegan.tiny(), by=self.by.tiny(), views=8, shown=2)


def directions_known(sampled: Array, views: int) -> Array:
    """How much of the central slice across each direction of projection is in a mask [*S] of uncentred coefficients, [axis, view].

    The slice of view theta about an axis holds that axis and the direction t of `Radon`; of each its disc of half a cycle a pixel counts.
    """
    n = sampled.shape[0]
    angles, r = parallel_angles(views), jnp.arange(n, dtype=jnp.float32) - n // 2
    column, row = (jnp.round(jnp.outer(f(angles), r)).astype(jnp.int32) % n for f in (jnp.cos, lambda a: -jnp.sin(a)))     # [view, r]
    if sampled.ndim == 2:
        return sampled[row, column].mean(1)[None]
    disc = np.hypot(*np.meshgrid(np.fft.fftfreq(n), (np.arange(n) - n // 2) / n, indexing="ij")) < 0.5
    each = [jnp.moveaxis(sampled, axis, 0)[:, row, column] for axis in range(3)]                                           # [k, view, r]
    return jnp.stack([jnp.where(disc[:, None, :], slices, 0).sum((0, 2)) / disc.sum() for slices in each])


def about_each_axis(x: Array) -> Array:
    """The cube [N, N, N, C] with each of its axes in turn as the first, about which `Radon` projects; an image [N, N, C] alone."""
    return x[None] if x.ndim == 3 else jnp.stack([jnp.moveaxis(x, axis, 0) for axis in range(3)])


def projector(angles: Array, size: int) -> Radon:
    """Parallel projections onto a detector that holds the diagonal."""
    wide = 8 * int(np.ceil(size * 2**0.5 / 8))
    return Radon(angles, size, width=4, detector=jnp.arange(wide, dtype=angles.dtype) - wide // 2)


def _largest(x: Array) -> Array:
    largest = x.max()
    return jnp.where(largest > 0, largest, 1)
