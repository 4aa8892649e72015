r"""cycleGAN as optimal transport (Zhu et al., ICCV 2017; Sim et al., SIAM J. Imaging Sci. 2020; article, eqs. (43)-(45), figure 9).

    min_pi  int ||x - G(y)|| + ||H_phi(x) - y|| d pi(x, y)                                  (43)

over the couplings pi of the laws of x and y, which nobody knows: x and y are unpaired. Its dual,

    min_{theta, phi} max_{D_X, D_Y}  lambda L_cycle + L_GAN                                 (44)-(45)
    L_cycle = E ||x - G(H_phi x)|| + E ||y - H_phi(G y)||
    L_GAN   = { E D_X(x) - E D_X(G y) } + { E D_Y(y) - E D_Y(H_phi x) }

is one cost for all that may be known of H_phi (`forward`): nothing, that it is a blur, or all, where D_Y falls away because nothing of
phi is left to learn, and the game is of two players. The distances are means of moduli. H x is measured in the noise of y, G(H x + w'),
which G never meets an image without elsewhere, nor D_Y a y. Noise that nobody knows is estimated from the first measurements.

x^ = G(y) alone. Where H is known, the first half of L_cycle is supervision by simulation (`losses.Simulation`), by which G is to be judged too.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Adam, Measurement, Operator, Optimizer, Scale, Takes, sample_keys
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError
from unsup_jax.losses.fidelity import mean_absolute_error
from unsup_jax.losses.games import Game, LeastSquares, Regularizer, Replay
from unsup_jax.methods.adversarial.game import Adversarial, Players
from unsup_jax.methods.transport.forward import Forward, LearntMap, width
from unsup_jax.methods.unknown_noise import estimated_noise, in_noise
from unsup_jax.networks import Critic, Network, PatchCritic, UNet
from unsup_jax.networks.unrolled import as_channels, on_channels


class Maps(NamedTuple):
    """The generators with their parameters."""

    G: Callable[[Measurement], Array]
    """x^ = G(y), of ONE measurement."""
    H: Callable[[Measurement], Callable[[Array], Array]]
    """H_phi of ONE measurement."""
    drawn: Callable[[Array, Measurement], Callable[[Array], Array]]
    """H_phi of another one, by a key."""
    kernel: Array | None = None
    """h, of an H_phi that learns one."""


@dataclass(frozen=True)
class CycleGAN(Adversarial):
    """Eqs. (43)-(45), for what is known of H.

    Raises `InputError` on an H that is not to be had beside G, on a D_Y where H is known, on an identity where x and y are not alike, on unpaired images that are not like x,
    on no cycle at all, and on a margin that leaves nothing.
    """

    sees: ClassVar[frozenset[str]] = frozenset({"unpaired"})
    reference: ClassVar[str] = "Zhu 2017, Sim 2020, eqs. (43)-(45)"

    generator: Network = UNet(depth=2, residual=True)
    """G: y -> x^, of an image on the pixels of x (H* y where y is none); or of y and H, of a network that takes the operator."""
    forward: Forward = LearntMap()
    """H_phi."""
    critic: Critic = PatchCritic(depth=2)
    """D_X."""
    critic_y: Critic | None = None
    """D_Y of an H that is learnt; None for one like D_X."""
    game: Game = LeastSquares()
    """What the players pay for D's outputs."""
    cycle: float = 10.0
    """Weight of ||x - G(H x)||, lambda."""
    cycle_y: float | None = None
    """Weight of ||y - H(G y)||; None for that of the other."""
    identity: float = 0.0
    """Weight of ||x - G(x)||, and of ||y - H(y)|| of an H that is a network: x and y are then of one kind, and grey levels are kept."""
    adversarial: float = 1.0
    """Weight of L_GAN in what G and H pay."""
    noisy: bool = True
    """Measure H x in the noise of y, of a known H also where that has to be estimated from y; False for H x as the theory has it."""
    margin: int = 0
    """Pixels along the edges of which the cycles take no notice: of parts of a blurred image, half the width of the blur, for light from
    outside falls there; of whole images none."""
    replay: Replay | None = None
    """Images made before that the critics are shown; None for those of the step alone."""
    generator_optimizer: Optimizer = Adam(2e-4, b1=0.5, average=0.99)
    """Optimiser of G and H, with their moving average."""

    def __post_init__(self):
        super().__post_init__()
        self.forward.check(self.generator)
        if self.forward.known and self.critic_y is not None:
            raise InputError("where H is known nothing of it is left to learn from D_Y; leave --method.critic-y out, or give --method.forward")
        if self.identity and self.generator.takes_operator:
            raise InputError(f"an identity loss shows G an image x; {type(self.generator).__name__} takes a measurement and its operator")
        if self.margin < 0:
            raise InputError(f"a margin is 0 pixels or more, not {self.margin}")
        if not max(self.weights) > 0:
            raise InputError("without a cycle, nothing of x^ belongs to y; give --method.cycle or --method.cycle-y")

    @property
    def takes(self) -> Takes:
        """What H_phi is made for."""
        return self.forward.takes

    @property
    def independent_noise(self) -> bool:
        """As it is drawn for H x."""
        return self.noisy and self.forward.known

    @property
    def label(self) -> str:
        """The name that the knowledge of H gives it."""
        return self.forward.label

    @property
    def weights(self) -> tuple[float, float]:
        """Those of both cycles, of x and of y."""
        return self.cycle, self.cycle if self.cycle_y is None else self.cycle_y

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        like = measurement.operator.domain(measurement.y)
        if 2 * self.margin >= min(like.shape[:-1]):
            raise InputError(f"a margin of {self.margin} pixels leaves nothing of images of shape {like.shape}")
        if self.identity and (like.shape, like.dtype) != (measurement.y.shape, measurement.y.dtype):
            raise InputError(f"an identity loss takes x and y that are alike, not images of shape {like.shape} and data of {measurement.y.shape}")
        if measurement.unpaired is not None and measurement.unpaired.shape != like.shape:
            raise InputError(f"unpaired images of shape {measurement.unpaired.shape} for measurements whose images have the shape {like.shape}")

    def units(self, example: Measurement) -> tuple[Scale, Scale]:
        if not self.forward.one_unit:
            return Scale.of_images(example.y), Scale.of_images(example.unpaired)
        deviation = jnp.std(jax.vmap(self.shown)(example))
        scale = Scale(jnp.zeros_like(deviation), jnp.where(deviation > 0, deviation, 1))
        return scale, scale

    def shown(self, one: Measurement) -> Array:
        """What G is shown of y, an image on the pixels of x: y, or the best fit of H* y where y is none."""
        like = one.operator.domain(one.y)
        return one.y if (like.shape, like.dtype) == (one.y.shape, one.y.dtype) else one.operator.guess(one.y)

    def G(self, params: Any, one: Measurement) -> Array:
        """x^ of ONE measurement in units of grey of the players."""
        if self.generator.takes_operator:
            return self.generator.apply(params, one.y, one.operator)
        return on_channels(lambda image: self.generator.apply(params, image), self.shown(one))

    def measured(self, key: Array, maps: Maps, one: Measurement) -> Measurement:
        """H_phi(x) + w': the x beside ONE, measured as that was."""
        of_H, of_w = jax.random.split(key)
        H = maps.drawn(of_H, one)
        clean = H(one.unpaired)
        y = one.noise.sample(of_w, clean) if self.noisy and one.noise is not None else clean
        return one.replace(y=y, operator=H if self.forward.known else one.operator)

    def generator_loss(self, key: Array, maps: Maps, D: dict[str, Callable], one: Measurement):
        x, y, (of_H, of_X, of_Y) = one.unpaired, one.y, jax.random.split(key, 3)
        Gy, Hx, H = maps.G(one), self.measured(of_H, maps, one), maps.H(one)
        of_x, of_y = self.weights
        cycle_x, cycle_y = self.distance(maps.G(Hx), x), self.distance(H(Gy), y)
        deceiving = self.deceiving(of_X, D["X"], x, Gy)
        if "Y" in D:
            deceiving += self.deceiving(of_Y, D["Y"], y, Hx.y)
        metrics = {"cycle_x": cycle_x, "cycle_y": cycle_y, "adversarial": deceiving}
        if maps.kernel is not None:
            metrics["kernel_width"] = width(maps.kernel)
        beside, more = self.constraints(maps, one, Gy, Hx.y)
        return of_x * cycle_x + of_y * cycle_y + self.adversarial * deceiving + beside, {**metrics, **more}

    def distance(self, a: Array, b: Array) -> Array:
        """The mean of |a - b| within the margin."""
        if self.margin:
            inner = tuple(slice(self.margin, n - self.margin) for n in a.shape[:-1])
            a, b = a[inner], b[inner]
        return mean_absolute_error(a, b)

    def constraints(self, maps: Maps, one: Measurement, Gy: Array, Hx: Array) -> tuple[Array | float, Metrics]:
        """What G and H pay beside (45), of G(y) and H(x): the identity loss."""
        if not self.identity:
            return 0.0, {}
        x, y, H = one.unpaired, one.y, maps.H(one)
        same = mean_absolute_error(maps.G(one.replace(y=x)), x) + (mean_absolute_error(H(y), y) if self.forward.of_network else 0.0)
        return self.identity * same, {"identity": same}

    def made(self, key: Array, maps: Maps, one: Measurement) -> dict[str, Array]:
        """The images that the critics judge beside x and y."""
        made = {"X": maps.G(one)}
        return made if self.forward.known else made | {"Y": self.measured(key, maps, one).y}

    def critic_loss(self, key: Array, D: dict[str, Callable], maps: Maps, one: Measurement):
        of_maps, of_D = jax.random.split(key)
        return self.judged_each(of_D, D, one, self.made(of_maps, maps, one))

    def judged_each(self, key: Array, D: dict[str, Callable], one: Measurement, made: dict[str, Array]):
        """What the critics pay for the x and y of ONE sample and for images that were made."""
        real, loss, metrics = {"X": one.unpaired, "Y": one.y}, 0.0, {}
        for side, fake in made.items():
            paid, of_side = self.judged(jax.random.fold_in(key, ord(side)), D[side], real[side], fake)
            loss, metrics = loss + paid, metrics | {f"{side}_{name}": value for name, value in of_side.items()}
        signs = [metrics.pop(f"{side}_sign") for side in made]
        return loss, {**metrics, "sign": sum(signs) / len(signs)}

    def critic_step(self, key: Array, state: Players, part: Measurement) -> tuple[Players, Metrics]:
        if self.replay is None:
            return super().critic_step(key, state, part)
        of_maps, of_pool, of_D = jax.random.split(key, 3)
        maps, units = self.generates(state.generator.params, state.shape), lambda one: one.normalize(state.scale, state.target)
        made = jax.vmap(lambda key, one: self.made(key, maps, units(one)))(sample_keys(of_maps, part.y.shape[0]), part)
        shown, pool = self.replay.exchange(of_pool, state.critic.buffers["pool"], made)
        state = state.replace(critic=state.critic.replace(buffers={**state.critic.buffers, "pool": pool}))
        return self.critic_descent(of_D, state, (part, shown), lambda at, key, D, seen: at.judged_each(key, D, units(seen[0]), seen[1]))

    def generates(self, params: Any, shape: tuple[int, ...]) -> Maps:
        phi, H = self.phi(params), self.forward
        return Maps(
            lambda one: self.G(params["G"], one), lambda one: H.at(phi, one), lambda key, one: H.drawn(key, phi, one), H.kernel(phi))

    def phi(self, params: dict[str, Any]) -> Any:
        """That of H_phi."""
        return self.forward.phi(params, partial(self.generator.apply, params["G"]))

    def judges(self, params: Any, shape: tuple[int, ...]) -> dict[str, Callable]:
        networks = {"X": self.critic, "Y": self.critic_y or self.critic}
        return {side: lambda image, side=side: networks[side].apply(params[side], as_channels(image)) for side in params}

    def init_players(self, key: Array, one: Measurement) -> tuple[Any, Any]:
        of_G, of_H, of_X, of_Y = jax.random.split(key, 4)
        seen = (one.y, one.operator) if self.generator.takes_operator else (as_channels(self.shown(one)),)
        generators = {"G": self.generator.init(of_G, *seen), "H": self.forward.init(of_H, one)}
        critics = {"X": self.critic.init(of_X, as_channels(one.unpaired))}
        if not self.forward.known:
            critics["Y"] = (self.critic_y or self.critic).init(of_Y, one.y)
        return generators, critics

    def init(self, key: Array, example: Measurement) -> Players:
        state, kept = super().init(key, example), {}
        if self.replay is not None:
            first, maps = jax.tree.map(lambda leaf: leaf[0], example), self.generates(state.generator.params, state.shape)
            kept["pool"] = self.replay.init(jax.eval_shape(lambda one: self.made(key, maps, one), first))
        if self.noisy and self.forward.known:                       # kept, if not used, where noise is known: one state for both
            kept["noise"] = estimated_noise(example)
        return state.replace(critic=state.critic.replace(buffers=state.critic.buffers | kept))

    def update(self, key: Array, state: Players, batch: Measurement) -> tuple[Players, Metrics]:
        return super().update(key, state, in_noise(batch, state.critic.buffers.get("noise")))

    def tiny(self) -> "CycleGAN":
        return replace(super().tiny(), forward=self.forward.tiny())

    def reconstruct(self, key: Array, state: Players, measurement: Measurement) -> Array:
        return state.target.restore(self.G(state.params["G"], measurement.normalize(state.scale)))

    def images(self, state: Players, measurement: Measurement) -> dict[str, Array]:
        return self.forward.images(self.phi(state.params), state.scale.normalize(measurement.y))

    def parts(self, operator: Operator) -> bool:
        """Those of a blurred image too, for a G that sees nothing else."""
        return operator.local or (operator.stationary and not self.generator.takes_operator)

    def tiles(self, operator: Operator) -> bool:
        """Those of y on the pixels of x, whatever blurred it, where G sees nothing else."""
        return self.parts(operator) and self.tiling is not None and not self.generator.takes_operator

    @property
    def tiling(self) -> tuple[int, int] | None:
        return self.generator.tiling
