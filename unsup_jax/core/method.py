"""A method is three pure functions over measurements: init, update, and reconstruct or sample."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import jax
from flax import struct
from jax import Array, lax

from unsup_jax.core.gradients import mean_gradient, mean_loss
from unsup_jax.core.measurement import Measurement, Scale
from unsup_jax.core.operator import Operator
from unsup_jax.core.optimizer import Adam, Optimizer, Trained, mean_over_replicas, sample_keys
from unsup_jax.core.takes import IMAGES, REAL_IMAGES, Takes
from unsup_jax.errors import InputError

State = Any
Metrics = dict[str, Array]


@dataclass(frozen=True)
class Method:
    """A method: its fields are its hyperparameters, its functions are pure.

    Its driver hands it `measurement.only(method.sees)`, so that a method which does not declare `truth`
    cannot touch it. What it makes is an estimate from a measurement (`reconstruct`), or, of a model of images alone,
    images from nothing (`sample`); it may write both.
    """

    scope: ClassVar[Literal["dataset", "measurement"]] = "dataset"
    """Trained on many samples and then applied, or solved for each measurement alone."""
    sees: ClassVar[frozenset[str]] = frozenset()
    """What it needs beside y, H and the noise: a subset of pair, unpaired, truth."""
    takes: ClassVar[Takes] = IMAGES
    """The operators and the data that it is made for; those of a denoiser, unless a method states others."""
    single_views: ClassVar[bool] = False
    """Whether it learns one specimen from single views of unknown pose: many measurements, of which the poses are withheld, and one answer
    for all of them, which is brought onto the truth, over rotations and the mirror, before it is scored."""
    equivariant: ClassVar[bool] = False
    """Whether D(a y + b) = a D(y) + b, in noise of a times the deviation: what was learnt holds in all units of grey, at every level."""
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
        """The estimate of x from ONE measurement; left out by a method that has none."""
        raise InputError(f"{self.label} makes images from nothing, and none from a measurement")

    def solved(self, key: Array, one: Measurement) -> Array:
        """The estimate of ONE measurement by a method of measurement scope, its steps in one scan: what another method begins with."""
        move = lambda state, key: (self.update(key, state, one)[0], None)
        state, _ = lax.scan(move, self.init(key, one), jax.random.split(key, self.steps))
        return self.reconstruct(key, state, one)

    def sample(self, key: Array, state: State, count: int) -> Array | None:
        """Images [count, *S, C] of the kind that was learnt, without a measurement; None of a method that models none."""
        return None

    @property
    def reconstructs(self) -> bool:
        """Whether it writes `reconstruct`."""
        return type(self).reconstruct is not Method.reconstruct

    def validate(self, key: Array, state: State, batch: Measurement) -> Metrics:
        """What to watch on samples that are not trained on; no entry where a method has nothing to report."""
        return {}

    def accepts(self, measurement: Measurement) -> bool:
        """Whether the measurement, and its pair, are what the method `takes`."""
        both = [measurement] if measurement.pair_operator is None else [measurement, measurement.exchanged()]
        return all(self.takes.fits(one) for one in both)

    def check(self, measurement: Measurement) -> None:
        """Raise `InputError` on ONE measurement that this method cannot take; drivers ask before they compile.

        A subclass adds what it asks of the values.
        """
        self.require(measurement)

    def require(self, measurement: Measurement) -> None:
        """Raise `InputError` unless the method accepts ONE measurement: the part of `check` that a trace can ask too."""
        if not self.accepts(measurement):
            y, H = measurement.y, measurement.operator
            raise InputError(f"{self.label} takes {self.takes.words}, not {y.dtype} data of shape {y.shape} by {type(H).__name__}")

    def planned(self, steps: int, at_once: int | None = None) -> "Method":
        """The method for a training of `steps` updates: what its fields leave open is filled in by the driver.

        The schedule of an optimiser that has no length of its own ends with the training; `at_once` is how many
        samples the device had best take together.
        """
        optimizers = {name: value for name, value in vars(self).items() if isinstance(value, Optimizer)}
        return replace(self, **{name: value.over(steps * self.descents(name)) for name, value in optimizers.items()})

    def descents(self, optimizer: str) -> int:
        """How often the optimiser of that field descends in one update."""
        return 1

    def start_from(self, state: State, params: Any) -> State:
        """The first state with theta of another training; raises `InputError` where this method cannot take it."""
        raise InputError(f"{self.label} trains nothing that another run could start")

    @property
    def learns(self) -> "Method":
        """The method that stands for what is trained: those that agree in it, trained alike, share one training. Itself, unless some of
        its fields have no part in it."""
        return self

    asks_prior: ClassVar[str | None] = None
    """What the method of a run must have to be its prior: `denoiser`, of a score model, or `generative`, of a GAN; None: that it denoises images."""

    def given(self, prior: Any, method: "Method") -> "Method":
        """What takes the place of a method that is given this one's trained run as its prior: the same with it, unless overridden."""
        return method.with_prior(prior)

    def with_prior(self, prior: Any) -> "Method":
        """The same with a trained run as what it knows of x (`unsup_jax.trained.Run`); raises `InputError` where it has no place for one."""
        raise InputError(f"--prior is for methods that have a prior, such as those of tv_tomography and score_mri; {self.label} has none")

    def posterior(self, key: Array, state: State, measurement: Measurement) -> Array | None:
        """Its `draws` [N, *S, C] of x given ONE measurement; None of a method that makes none."""
        return None

    def images(self, state: State, measurement: Measurement) -> dict[str, Array]:
        """What the report shows beside the estimate, by its caption: grids of images [rows, columns, *S, C]."""
        return {}

    @property
    def draws(self) -> int:
        """Draws of x given y that `posterior` makes; none of a method that has an estimate alone."""
        return 0

    @property
    def reads(self) -> frozenset[str]:
        """What of `sees` a trained method is shown beside y to reconstruct."""
        return frozenset()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must hear of what it is made of, a line each."""
        return ()

    @property
    def independent_noise(self) -> bool:
        """Whether it takes the noise of a pixel to tell nothing of its neighbours', so that a user must hear where it does."""
        return False

    @property
    def label(self) -> str:
        """The name that tables and figures show."""
        return type(self).__name__

    def tiny(self) -> "Method":
        """The same method as small as it works: of few steps, layers and features, for tests."""
        return self

    @property
    def tiling(self) -> tuple[int, int] | None:
        """(radius, alignment) in pixels of a `reconstruct` that is exact in tiles; None for one that is not."""
        return None

    @property
    def slabwise(self) -> bool:
        """Whether its steps, beside H, are of neighbours and of sums alone: devices can share ONE measurement, a slab of its slices each."""
        return False

    def parts(self, operator: Operator) -> bool:
        """Whether it learns from parts of a measurement by that operator as from whole ones."""
        return operator.local

    def tiles(self, operator: Operator) -> bool:
        """Whether its `reconstruct` of a measurement y by that operator, an image, is exact in tiles of y."""
        return self.tiling is not None and operator.local


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
        self.require(example)
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
        """theta, as it reconstructs: the moving average where one is kept."""
        return self.trained.averaged


@dataclass(frozen=True)
class Learned(Method):
    """The common case: an estimator F_theta(y) whose parameters descend a loss written for ONE measurement.

    A subclass writes `loss`, and overrides `init_params` and `estimate` where F_theta is more than its
    network applied to y. All three work in normalised units of grey.
    """

    takes: ClassVar[Takes] = REAL_IMAGES

    network: Any
    """F_theta, a `unsup_jax.networks.Network` over one image."""
    optimizer: Optimizer = Adam()
    """Optimiser of theta."""
    at_once: int | None = None
    """Samples of a device whose gradients are computed together; None: as many as are fast there."""

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

    @property
    def told(self) -> bool:
        """Whether the network is told the operator."""
        return self.network.takes_operator

    def shown(self, one: Measurement) -> tuple:
        """What the network takes of a measurement."""
        return (one.y, one.operator) if self.told else (one.y,)

    @property
    def tiling(self) -> tuple[int, int] | None:
        return self.network.tiling

    def tiny(self) -> "Learned":
        return replace(self, network=self.network.tiny())

    def init(self, key: Array, example: Measurement) -> LearnedState:
        scale, first = Scale.of(example), jax.tree.map(lambda leaf: leaf[0], example)
        self.require(first)
        return LearnedState(Trained.start(self.init_params(key, first.normalize(scale)), self.optimizer), scale)

    def start_from(self, state: LearnedState, params: Any) -> LearnedState:
        given, own = _sizes(params), _sizes(state.params)
        if given != own:
            differ = sorted(name for name in given.keys() | own.keys() if given.get(name) != own.get(name))
            raise InputError(f"{self.label} cannot start from that run: its network differs in {', '.join(differ[:3])}")
        return state.replace(trained=Trained.start(params, self.optimizer, state.trained.buffers))

    def planned(self, steps: int, at_once: int | None = None) -> "Learned":
        planned = super().planned(steps)
        return planned if self.at_once is not None else replace(planned, at_once=at_once)

    def update(self, key: Array, state: LearnedState, batch: Measurement) -> tuple[LearnedState, Metrics]:
        keys, loss = sample_keys(key, batch.y.shape[0]), self.at(state.trained.steps)._in_units(state.scale)
        gradient, metrics = mean_gradient(loss, keys, state.trained.params, batch, at_once=self.at_once)
        return state.replace(trained=state.trained.descend(gradient, self.optimizer)), metrics

    def validate(self, key: Array, state: LearnedState, batch: Measurement) -> Metrics:
        keys = sample_keys(key, batch.y.shape[0])
        return mean_over_replicas(mean_loss(self._in_units(state.scale), keys, state.params, batch)[1])

    def reconstruct(self, key: Array, state: LearnedState, measurement: Measurement) -> Array:
        one = measurement.normalize(state.scale)
        return state.scale.restore(self.estimate(key, state.params, one))

    def _in_units(self, scale):
        """The loss of one measurement in its own units of grey."""
        return lambda key, params, one: self.loss(key, params, one.normalize(scale))


def _sizes(params):
    return {jax.tree_util.keystr(path): leaf.shape for path, leaf in jax.tree.leaves_with_path(params)}
