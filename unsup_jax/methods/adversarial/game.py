r"""The game of a generator G and a critic D, eq. (27), once for all: min_G max_D.

    for j = 1 ... n_critic, each on its own part of the batch:
        D <- descend (mean of critic_loss + regularisers)
    G <- descend (mean of generator_loss), on the last of the parts
    averages of both, where their optimisers keep them; that of G generates

Parts are every n_critic-th sample, so that a step sees the same ones on any number of devices. A method gives the two losses
of ONE sample, with the players as functions; what a game, its regularisers and its augmentation make of a real and a generated
image is `judged` and `deceiving`. The state of both, of power iterations and of an adapting augmentation, is `Players`.

Each side may be several networks, which step together: its theta is then a tree with a part for each, and `generates` and `judges`
make of it what the losses take as G and D.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import Adam, Measurement, Method, Optimizer, Scale, Trained, all_replicas, mean_gradient, sample_keys
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError
from unsup_jax.losses.games import Augmentation, Game, NonSaturating, Regularizer
from unsup_jax.networks import Critic, Generator

Player = Callable[..., Any]
"""A network with its parameters."""


class Players(struct.PyTreeNode):
    """The state of a game."""

    generator: Trained
    critic: Trained
    """Its buffers: `regularizers`, what each of them keeps, and `augment`, what the augmentation keeps."""
    scale: Scale
    """Units of y."""
    target: Scale
    """Units of x."""
    shape: tuple[int, ...] = struct.field(pytree_node=False)
    """That of ONE image of the target distribution, [*S, C]."""

    @property
    def params(self) -> Any:
        """theta of G, as it generates: the moving average where one is kept."""
        return self.generator.averaged


@dataclass(frozen=True)
class Adversarial(Method):
    """A subclass writes `critic_loss` and `generator_loss` of one sample, and `init_players` where its players take other inputs.

    Raises `InputError` on fewer than one critic step, and in training on a device's share of the batch that the critic steps do
    not divide.
    """

    generator: Generator = None
    """G."""
    critic: Critic = None
    """D."""
    game: Game = NonSaturating()
    """What each player pays for D's outputs."""
    regularizers: tuple[Regularizer, ...] = ()
    """What keeps D smooth."""
    augment: Augmentation | None = None
    """What D sees of an image, real or generated; None for the image itself."""
    n_critic: int = 1
    """Steps of D for one of G."""
    generator_optimizer: Optimizer = Adam(2e-4, b1=0.5)
    """Optimiser of G, with its moving average."""
    critic_optimizer: Optimizer = Adam(2e-4, b1=0.5)
    """Optimiser of D."""
    at_once: int | None = None
    """Samples of a device whose gradients are computed together; None for all of a step, since each further turn costs a
    gradient of all the parameters."""

    def __post_init__(self):
        if self.n_critic < 1 or (self.at_once is not None and self.at_once < 1):
            raise InputError(f"n_critic and at_once are 1 or more, not {self.n_critic} and {self.at_once}")

    def critic_loss(self, key: Array, D: Player, G: Player, one: Measurement) -> tuple[Array, Metrics]:
        """The critic's loss of one sample, and metrics to log."""
        raise NotImplementedError

    def generator_loss(self, key: Array, G: Player, D: Player, one: Measurement) -> tuple[Array, Metrics]:
        """The generator's loss of one sample, and metrics to log."""
        raise NotImplementedError

    def init_players(self, key: Array, one: Measurement) -> tuple[Any, Any]:
        """theta of G and of D, for measurements like the ONE normalised example."""
        raise NotImplementedError

    def networks(self, shape: tuple[int, ...]) -> tuple[Generator, Critic]:
        """G and D for images of the target distribution of that shape [*S, C]."""
        return self.generator, self.critic

    def generates(self, params: Any, shape: tuple[int, ...]) -> Player:
        """G with its parameters."""
        return partial(self.networks(shape)[0].apply, params)

    def judges(self, params: Any, shape: tuple[int, ...]) -> Player:
        """D with its parameters."""
        return partial(self.networks(shape)[1].apply, params)

    def at(self, state: Players) -> "Adversarial":
        """The method as it is now, whose losses are those of the next step: with its augmentation as it has adapted."""
        kept = state.critic.buffers["augment"]
        return self if self.augment is None else replace(self, augment=self.augment.at(kept))

    def imaged(self, one: Measurement) -> tuple[int, ...]:
        """The shape [*S, C] of an image of the target distribution, for measurements like ONE."""
        return next(image for image in (one.unpaired, one.truth, one.y) if image is not None).shape

    def units(self, example: Measurement) -> tuple[Scale, Scale]:
        """(units of y, units of x) of a batch: one's own of unpaired samples, which y need not share."""
        scale = Scale.of(example)
        return scale, scale if example.unpaired is None else Scale.of_images(example.unpaired)

    def judged(self, key: Array, D: Player, real: Array, fake: Array) -> tuple[Array, Metrics]:
        """What the critic pays for ONE real and one generated image: its part of the game, and the penalties."""
        T, (draw, again) = self.augment or _unchanged, jax.random.split(key)
        real, fake = (T(k, x) for k, x in zip(jax.random.split(draw), (real, fake)))
        of_real, of_fake = D(real), D(fake)
        penalties = [r.penalty(jax.random.fold_in(again, i), D, real, fake) for i, r in enumerate(self.regularizers)]
        metrics = {"real": _mean(of_real), "fake": _mean(of_fake), "sign": _mean(jax.tree.map(jnp.sign, of_real))}
        return self.game.critic(of_real, of_fake) + sum(penalties), metrics

    def deceiving(self, key: Array, D: Player, real: Array, fake: Array) -> Array:
        """What the generator pays for ONE real and one generated image."""
        T = self.augment or _unchanged
        real, fake = (T(k, x) for k, x in zip(jax.random.split(key), (real, fake)))
        return self.game.generator(D(real), D(fake))

    def init(self, key: Array, example: Measurement) -> Players:
        scale, target = self.units(example)
        first = jax.tree.map(lambda leaf: leaf[0], example)
        self.require(first)
        players, regular = jax.random.split(key)
        generator, critic = self.init_players(players, first.normalize(scale, target))
        kept = [r.init(jax.random.fold_in(regular, i), critic) for i, r in enumerate(self.regularizers)]
        buffers = {"regularizers": kept, "augment": None if self.augment is None else self.augment.init()}
        generator, critic = Trained.start(generator, self.generator_optimizer), Trained.start(critic, self.critic_optimizer, buffers)
        return Players(generator, critic, scale, target, self.imaged(first))

    def start_from(self, state: Players, params: Any) -> Players:
        if jax.tree.map(jnp.shape, params) != jax.tree.map(jnp.shape, state.generator.params):
            raise InputError(f"{self.label} cannot start from that run: its generator differs")
        return state.replace(generator=Trained.start(params, self.generator_optimizer))

    def tiny(self) -> "Adversarial":
        return replace(self, generator=self.generator.tiny(), critic=self.critic.tiny(), n_critic=1)

    def descents(self, optimizer: str) -> int:
        return self.n_critic if optimizer == "critic_optimizer" else 1

    def update(self, key: Array, state: Players, batch: Measurement) -> tuple[Players, Metrics]:
        count, n = batch.y.shape[0], self.n_critic
        if count % n:
            raise InputError(f"{self.label} takes {n} critic steps on parts of the {count} samples of a device; "
                             f"give a --train.batch of which each device has a multiple of {n}")
        for j in range(n):
            part = jax.tree.map(lambda leaf: leaf[j::n], batch)
            state, of_critic = self.critic_step(jax.random.fold_in(key, j), state, part)
        state, of_generator = self.generator_step(jax.random.fold_in(key, n), state, part)
        return state, {**of_critic, **of_generator}

    def critic_step(self, key: Array, state: Players, part: Measurement) -> tuple[Players, Metrics]:
        """One step of D on a part of the batch."""
        G = self.generates(state.generator.params, state.shape)
        return self.critic_descent(
            key, state, part, lambda at, key, D, one: at.critic_loss(key, D, G, one.normalize(state.scale, state.target)))

    def critic_descent(self, key: Array, state: Players, part: Any, loss_of: Callable[..., tuple[Array, Metrics]]) -> tuple[Players, Metrics]:
        """One step of D against the mean of loss_of(method as it is now, key, D, sample) over the samples of a part."""
        critic, count = state.critic, len(jax.tree.leaves(part)[0])
        kept = [r.advance(critic.params, own) for r, own in zip(self.regularizers, critic.buffers["regularizers"])]
        at = self.at(state)

        def loss(key, params, one):
            return loss_of(at, key, self._judges(params, kept, state.shape), one)

        gradient, metrics = mean_gradient(loss, sample_keys(key, count), critic.params, part, at_once=self.at_once)
        critic = critic.descend(gradient, self.critic_optimizer)
        for r in self.regularizers:
            critic = critic.replace(params=r.projected(critic.params))
        augment = critic.buffers["augment"]
        if self.augment is not None:
            everyone = all_replicas(jnp.zeros(count)).shape[0]
            augment = self.augment.adapt(augment, metrics["sign"], everyone)
        critic = critic.remember({**critic.buffers, "regularizers": kept, "augment": augment})
        return state.replace(critic=critic), _named("critic", metrics)

    def generator_step(self, key: Array, state: Players, part: Measurement) -> tuple[Players, Metrics]:
        """One step of G on a part of the batch."""
        critic = state.critic
        D = self._judges(critic.params, critic.buffers["regularizers"], state.shape)
        at = self.at(state)

        def loss(key, params, one):
            return at.generator_loss(key, self.generates(params, state.shape), D, one.normalize(state.scale, state.target))

        keys = sample_keys(key, part.y.shape[0])
        gradient, metrics = mean_gradient(loss, keys, state.generator.params, part, at_once=self.at_once)
        return state.replace(generator=state.generator.descend(gradient, self.generator_optimizer)), _named("generator", metrics)

    def _judges(self, params, kept, shape) -> Player:
        for r, own in zip(self.regularizers, kept):
            params = r.applied(params, own)
        return self.judges(params, shape)


def _unchanged(key, x):
    return x


def _mean(outputs):
    """The mean of all of D's maps, each weighing the same."""
    means = [jnp.mean(out) for out in jax.tree.leaves(outputs)]
    return sum(means) / len(means)


def _named(player, metrics):
    return {f"{player}_{name}": value for name, value in metrics.items()}
