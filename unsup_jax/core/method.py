"""A method is three pure functions over measurements: init, update, reconstruct."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array, lax

from unsup_jax.core.measurement import Measurement, Scale
from unsup_jax.core.optimizer import Adam, Trained, mean_over_replicas, sample_keys
from unsup_jax.errors import InputError

State = Any
Metrics = dict[str, Array]

_CACHED_NUMBERS = 8192  # of y, whose feature maps a core's cache holds: two images of 64^2


@dataclass(frozen=True)
class Method:
    """A method: its fields are its hyperparameters, its functions are pure.

    Its driver hands it `measurement.only(method.sees)`, so that a method which does not declare `truth`
    cannot touch it.
    """

    scope: ClassVar[Literal["dataset", "measurement"]] = "dataset"
    """Trained on many samples and then applied, or solved for each measurement alone."""
    sees: ClassVar[frozenset[str]] = frozenset()
    """What it needs beside y, H and the noise: a subset of pair, unpaired, truth."""
    steps: ClassVar[int] = 0
    """Updates that `train.solve` runs, for a method of measurement scope."""
    reference: ClassVar[str] = ""
    """The publication."""

    def init(self, key: Array, example: Measurement) -> State:
        """The first state: from a batch in dataset scope, from the one measurement in measurement scope."""
        raise NotImplementedError

    def update(self, key: Array, state: State, batch: Measurement) -> tuple[State, Metrics]:
        """One step: on a batch in dataset scope, on the one measurement in measurement scope."""
        raise NotImplementedError

    def reconstruct(self, key: Array, state: State, measurement: Measurement) -> Array:
        """The estimate of x from ONE measurement."""
        raise NotImplementedError

    def validate(self, key: Array, state: State, batch: Measurement) -> Metrics:
        """What to watch on samples that are not trained on; no entry where a method has nothing to report."""
        return {}

    def check(self, measurement: Measurement) -> None:
        """Raise `InputError` on a measurement whose VALUES this method cannot take; drivers ask before they compile."""

    def start_from(self, state: State, params: Any) -> State:
        """The first state with theta of another training; raises `InputError` where this method cannot take it."""
        raise InputError(f"{self.label} trains nothing that another run could start")

    def posterior(self, key: Array, state: State, measurement: Measurement) -> Array | None:
        """Draws [N, *S, C] of x given ONE measurement; None of a method that has an estimate alone."""
        return None

    def traversals(self, state: State, measurement: Measurement) -> Array | None:
        """Images [rows, columns, *S, C] along the latents of a method that has a few; None of others."""
        return None

    @property
    def reads(self) -> frozenset[str]:
        """What of `sees` a trained method is shown beside y to reconstruct."""
        return frozenset()

    @property
    def label(self) -> str:
        """The name that tables and figures show."""
        return type(self).__name__

    @property
    def tiling(self) -> tuple[int, int] | None:
        """(radius, alignment) in pixels of a `reconstruct` that is exact in tiles; None for one that is not."""
        return None


@dataclass(frozen=True)
class Direct(Method):
    """A closed form or a classical filter: its state is its answer, and there are no steps.

    A subclass writes `answer`.
    """

    scope: ClassVar[Literal["dataset", "measurement"]] = "measurement"

    def answer(self, key: Array, one: Measurement) -> Array:
        """The estimate of x from one measurement."""
        raise NotImplementedError

    def init(self, key: Array, example: Measurement) -> Array:
        return self.answer(key, example)

    def update(self, key: Array, state: Array, batch: Measurement) -> tuple[Array, Metrics]:
        return state, {}

    def reconstruct(self, key: Array, state: Array, measurement: Measurement) -> Array:
        return state


class LearnedState(struct.PyTreeNode):
    """The state of a `Learned` method."""

    trained: Trained
    scale: Scale

    @property
    def params(self) -> Any:
        """theta."""
        return self.trained.params


@dataclass(frozen=True)
class Learned(Method):
    """The common case: an estimator F_theta(y) whose parameters descend a loss written for ONE measurement.

    A subclass writes `loss`, and overrides `init_params` and `estimate` where F_theta is more than its
    network applied to y. All three work in normalised units of grey.
    """

    network: Any
    """F_theta, a Flax module over one image."""
    optimizer: Adam = Adam()
    """Optimiser of theta."""
    at_once: int | None = None
    """Samples of a device whose gradients are computed together; None: all, but on a CPU as many as its cache holds."""

    def __post_init__(self):
        if self.at_once is not None and self.at_once < 1:
            raise InputError(f"at_once is {self.at_once}; it takes 1 sample or more, or None")

    def at(self, step: Array) -> "Learned":
        """The method as it is at a step of its training; itself, unless a hyperparameter follows a schedule."""
        return self

    def init_params(self, key: Array, example: Measurement) -> Any:
        """theta, for measurements like the ONE example."""
        return self.network.init(key, *self.shown(example))

    def loss(self, key: Array, params: Any, one: Measurement) -> tuple[Array, Metrics]:
        """The loss of one measurement, and metrics to log."""
        raise NotImplementedError

    def estimate(self, key: Array, params: Any, one: Measurement) -> Array:
        """F_theta(y), or F_theta(y; H) of a network that is told the operator: the estimate of x from one measurement."""
        return self.network.apply(params, *self.shown(one))

    def shown(self, one: Measurement) -> tuple:
        """What the network takes of a measurement."""
        return (one.y, one.operator) if getattr(self.network, "takes_operator", False) else (one.y,)

    @property
    def tiling(self) -> tuple[int, int] | None:
        radius = getattr(self.network, "radius", None)
        return None if radius is None else (radius, self.network.alignment)

    def init(self, key: Array, example: Measurement) -> LearnedState:
        scale = Scale.of(example)
        first = jax.tree.map(lambda leaf: leaf[0], example).normalize(scale)
        return LearnedState(Trained.start(self.init_params(key, first), self.optimizer), scale)

    def start_from(self, state: LearnedState, params: Any) -> LearnedState:
        given, own = _sizes(params), _sizes(state.params)
        if given != own:
            differ = sorted(name for name in given.keys() | own.keys() if given.get(name) != own.get(name))
            raise InputError(f"{self.label} cannot start from that run: its network differs in {', '.join(differ[:3])}")
        return state.replace(trained=Trained.start(params, self.optimizer))

    def update(self, key: Array, state: LearnedState, batch: Measurement) -> tuple[LearnedState, Metrics]:
        now, keys = self.at(state.trained.steps), sample_keys(key, batch.y.shape[0])
        gradient, metrics = now._mean_gradient(keys, state.params, state.scale, batch)
        trained = state.trained.descend(gradient, self.optimizer)
        return state.replace(trained=trained), mean_over_replicas(metrics)

    def validate(self, key: Array, state: LearnedState, batch: Measurement) -> Metrics:
        keys = sample_keys(key, batch.y.shape[0])
        return mean_over_replicas(self._mean_loss(keys, state.params, state.scale, batch)[1])

    def reconstruct(self, key: Array, state: LearnedState, measurement: Measurement) -> Array:
        one = measurement.normalize(state.scale)
        return state.scale.restore(self.estimate(key, state.params, one))

    def _mean_loss(self, keys, params, scale, batch):
        losses, metrics = jax.vmap(lambda k, one: self.loss(k, params, one.normalize(scale)))(keys, batch)
        metrics = jax.tree.map(jnp.mean, {"loss": losses, **metrics})
        return metrics["loss"], metrics

    def _mean_gradient(self, keys, params, scale, batch):
        """The gradient of the mean loss, and the metrics."""
        count, *shape = batch.y.shape
        if self.at_once is not None:
            return self._in_turns(keys, params, scale, batch, at_once=self.at_once)
        cached = max(1, _CACHED_NUMBERS // math.prod(shape))
        if cached >= count:
            return self._in_turns(keys, params, scale, batch, at_once=count)
        return lax.platform_dependent(
            keys, params, scale, batch,
            cpu=partial(self._in_turns, at_once=cached), default=partial(self._in_turns, at_once=count),
        )

    def _in_turns(self, keys, params, scale, batch, *, at_once):
        """The same, `at_once` samples (or the next fewer that divide the batch) after another."""
        gradient = jax.grad(self._mean_loss, 1, has_aux=True)
        turns = next(n for n in range(1, len(keys) + 1) if len(keys) % n == 0 and len(keys) // n <= at_once)
        if turns == 1:
            return gradient(keys, params, scale, batch)

        def add(total, part):
            more, metrics = gradient(part[0], params, scale, part[1])
            return jax.tree.map(jnp.add, total, more), metrics

        parts = jax.tree.map(lambda leaf: leaf.reshape(turns, -1, *leaf.shape[1:]), (keys, batch))
        total, metrics = lax.scan(add, jax.tree.map(jnp.zeros_like, params), parts)
        return jax.tree.map(lambda g: g / turns, total), jax.tree.map(lambda m: m.mean(0), metrics)


def _sizes(params):
    return {jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree.leaves_with_path(params)}
