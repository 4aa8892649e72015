"""Parameters and the step that changes them.

    theta_{k+1} = theta_k - rate(k) direction(conj g_k),      a_k = min(average, k / (k + 10)),
    mean_{k+1} = a_k mean_k + (1 - a_k) theta_{k+1}

The direction is any transformation of optax, and the conjugate makes complex parameters descend: JAX's gradient of a real
loss is the conjugate of its direction of ascent.
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy

optax = Lazy("optax")

REPLICA = "replica"
"""Name of the data-parallel axis over which `train.parallel` maps an update."""


@dataclass(frozen=True)
class Optimizer:
    """What all optimisers share: the schedule of the step size, decoupled weight decay, clipping and the moving average.

    A subclass writes `direction`. Raises `InputError` on a learning rate that is not positive, and on an average
    outside (0, 1).
    """

    learning_rate: float = 4e-4
    """Step size after the warm-up."""
    decay: bool = True
    """Decay the step size to zero along a half cosine that ends with the training."""
    warmup: int = 0
    """Steps of linear increase from zero."""
    weight_decay: float = 0.0
    """Decoupled weight decay, in units of the step size."""
    clip: float | None = None
    """Largest global norm of the gradient; None for no clipping."""
    average: float | None = None
    """Decay of the exponential moving average of the parameters, which then reconstructs, such as 0.999; None for none."""
    steps: int = 0
    """Length of the schedule, in descents; 0 takes that of the training."""

    def __post_init__(self):
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate is {self.learning_rate}; it must be positive")
        if self.average is not None and not 0 < self.average < 1:
            raise InputError(f"average is {self.average}; it is a decay between 0 and 1, or None")

    def direction(self) -> "optax.GradientTransformation":
        """The transformation of a gradient into the direction that is scaled by the step size."""
        raise NotImplementedError

    def transformation(self) -> "optax.GradientTransformation":
        """The optax transformation that all fields describe."""
        if self.decay and self.steps:
            rate = optax.warmup_cosine_decay_schedule(
                0.0 if self.warmup else self.learning_rate, self.learning_rate, self.warmup, max(self.steps, self.warmup + 1)
            )
        elif self.warmup:
            rate = optax.linear_schedule(0.0, self.learning_rate, self.warmup)
        else:
            rate = self.learning_rate
        descent = optax.chain(self.direction(), optax.add_decayed_weights(self.weight_decay), optax.scale_by_learning_rate(rate))
        return descent if self.clip is None else optax.chain(optax.clip_by_global_norm(self.clip), descent)

    def over(self, steps: int) -> "Optimizer":
        """The same with a schedule of `steps` descents, where its length was left open."""
        return self if self.steps else replace(self, steps=steps)


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015); with weight decay, AdamW (Loshchilov and Hutter, 2019)."""

    b1: float = 0.9
    """Decay of the gradient's mean."""
    b2: float = 0.999
    """Decay of the gradient's second moment."""

    def direction(self) -> "optax.GradientTransformation":
        return optax.scale_by_adam(self.b1, self.b2)


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """RMSProp (Tieleman and Hinton, 2012): the gradient over the root of its mean square."""

    smoothing: float = 0.9
    """Decay of the mean square."""

    def direction(self) -> "optax.GradientTransformation":
        return optax.scale_by_rms(self.smoothing)


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent with momentum."""

    momentum: float = 0.0
    """Decay of the sum of the gradients; 0 for none."""
    nesterov: bool = False
    """Look ahead along the momentum (Nesterov, 1983)."""

    def direction(self) -> "optax.GradientTransformation":
        return optax.trace(self.momentum, self.nesterov) if self.momentum else optax.identity()


@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion (Chen et al., 2023): the sign of a mean of gradients."""

    b1: float = 0.9
    """Weight of the mean in the direction."""
    b2: float = 0.99
    """Decay of the gradient's mean."""

    def direction(self) -> "optax.GradientTransformation":
        return optax.scale_by_lion(self.b1, self.b2)


class Trained(struct.PyTreeNode):
    """Parameters with their optimiser's memory, their moving average, and what changes with them but is not descended."""

    params: Any
    memory: "optax.OptState"
    steps: Array
    """Descents that were taken."""
    average: Any = None
    """The moving average of the parameters, of an optimiser that keeps one."""
    buffers: Any = None
    """State that is no parameter: power-iteration vectors of a spectral norm, a pool of images, a probability that
    adapts. It must come out the same on every replica; `remember` sees to that for what is a mean over samples."""

    @classmethod
    def start(cls, params: Any, optimizer: Optimizer, buffers: Any = None) -> "Trained":
        """Untouched parameters with an empty memory."""
        average = None if optimizer.average is None else params
        return cls(params, optimizer.transformation().init(params), jnp.int32(0), average, buffers)

    @property
    def averaged(self) -> Any:
        """The parameters that reconstruct: the moving average where one is kept."""
        return self.params if self.average is None else self.average

    def descend(self, gradient: Any, optimizer: Optimizer) -> "Trained":
        """One step against a gradient as `jax.grad` gives it, the same on every replica: `mean_gradient`'s is."""
        gradient = jax.tree.map(jnp.conj, gradient)
        updates, memory = optimizer.transformation().update(gradient, self.memory, self.params)
        params = optax.apply_updates(self.params, updates)
        average = self.average
        if average is not None:
            average = moving_average(average, params, optimizer.average, self.steps)
        return self.replace(params=params, memory=memory, steps=self.steps + 1, average=average)

    def remember(self, buffers: Any) -> "Trained":
        """The same with other buffers: their mean over the replicas where they are inexact, and as they are where not."""
        mean = lambda leaf: mean_over_replicas(leaf) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf
        return self.replace(buffers=jax.tree.map(mean, buffers))


def moving_average(mean: Any, new: Any, decay: float, steps: Array) -> Any:
    """a mean + (1 - a) new, a = min(decay, k / (k + 10)) after k steps: the first ones have not yet anything to be the mean of."""
    a = jnp.minimum(decay, steps / (steps + 10.0))
    return jax.tree.map(lambda mean, new: mean + (1 - a).astype(new.dtype) * (new - mean), mean, new)


def mean_over_replicas(tree: Any) -> Any:
    """The mean over the replica axis; `tree` itself where there is no such axis."""
    return jax.lax.pmean(tree, REPLICA) if _replicated() else tree


def all_replicas(batch: Any) -> Any:
    """The samples [N, ...] of all replicas in the order of the batch, for state that must see each of them."""
    return jax.tree.map(lambda leaf: jax.lax.all_gather(leaf, REPLICA, tiled=True), batch) if _replicated() else batch


def own_share(everyone: Any) -> Any:
    """This replica's samples [N, ...] of those of all replicas: the inverse of `all_replicas`."""
    if not _replicated():
        return everyone
    replicas, index = jax.lax.axis_size(REPLICA), jax.lax.axis_index(REPLICA)
    share = lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, index * (len(leaf) // replicas), len(leaf) // replicas)
    return jax.tree.map(share, everyone)


def sample_keys(key: Array, count: int) -> Array:
    """One key for each of the `count` samples of this replica, the same on any number of replicas."""
    first = jax.lax.axis_index(REPLICA) * count if _replicated() else 0
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(first + jnp.arange(count))


def _replicated() -> bool:
    try:
        jax.lax.axis_size(REPLICA)
    except NameError:  # JAX's answer to an axis that no enclosing map binds
        return False
    return True
