"""Parameters and the step that changes them; the one place where gradients of replicas are averaged."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import Array

from unsup_jax.errors import InputError

REPLICA = "replica"
"""Name of the data-parallel axis over which `train.parallel` maps an update."""


@dataclass(frozen=True)
class Adam:
    """Adam with optional warm-up, cosine decay to zero, decoupled weight decay and gradient clipping.

    Raises `InputError` on a learning rate that is not positive.
    """

    learning_rate: float = 4e-4
    """Step size after the warm-up."""
    decay: bool = True
    """Decay the step size to zero along a half cosine that ends with the training."""
    warmup: int = 0
    """Steps of linear increase from zero."""
    b1: float = 0.9
    """Decay of the gradient's mean."""
    b2: float = 0.999
    """Decay of the gradient's second moment."""
    weight_decay: float = 0.0
    """Decoupled (AdamW) weight decay."""
    clip: float | None = None
    """Largest global norm of the gradient; None for no clipping."""
    steps: int = 0
    """Length of the schedule; 0 takes the length of the training."""

    def __post_init__(self):
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate is {self.learning_rate}; it must be positive")

    def transformation(self) -> optax.GradientTransformation:
        """The optax transformation that these fields describe."""
        if self.decay and self.steps:
            rate = optax.warmup_cosine_decay_schedule(
                0.0 if self.warmup else self.learning_rate, self.learning_rate, self.warmup, max(self.steps, self.warmup + 1)
            )
        else:
            rate = self.learning_rate
        adam = optax.adamw(rate, self.b1, self.b2, weight_decay=self.weight_decay)
        return adam if self.clip is None else optax.chain(optax.clip_by_global_norm(self.clip), adam)


def over(method: Any, steps: int) -> Any:
    """`method` with the schedule of every optimiser that leaves its length open ending after `steps` steps."""
    optimizers = {name: value for name, value in vars(method).items() if isinstance(value, Adam) and not value.steps}
    return replace(method, **{name: replace(value, steps=steps) for name, value in optimizers.items()})


class Trained(struct.PyTreeNode):
    """Parameters with their optimiser's memory."""

    params: Any
    memory: optax.OptState

    @classmethod
    def start(cls, params: Any, optimizer: Adam) -> "Trained":
        """Untouched parameters with an empty memory."""
        return cls(params, optimizer.transformation().init(params))

    @property
    def steps(self) -> Array:
        """Steps that were taken."""
        adam = lambda state: isinstance(state, optax.ScaleByAdamState)
        return next(state.count for state in jax.tree.leaves(self.memory, is_leaf=adam) if adam(state))

    def descend(self, gradient: Any, optimizer: Adam) -> "Trained":
        """One step against the mean of the replicas' gradients."""
        updates, memory = optimizer.transformation().update(mean_over_replicas(gradient), self.memory, self.params)
        return Trained(optax.apply_updates(self.params, updates), memory)


def mean_over_replicas(tree: Any) -> Any:
    """The mean over the replica axis; `tree` itself where there is no such axis."""
    return jax.lax.pmean(tree, REPLICA) if _replicated() else tree


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
