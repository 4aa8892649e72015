r"""The samples themselves, drawn again: the law that no generator comes nearer the held-out images than, a distance's floor."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import ANYTHING, Measurement, Method, Takes, all_replicas
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError


class Seen(struct.PyTreeNode):
    """Samples [capacity, *S, C], and how many were seen."""

    images: Array
    count: Array


@dataclass(frozen=True)
class EmpiricalLaw(Method):
    """The last `capacity` unpaired samples. Raises `InputError` on a capacity below 1."""

    sees: ClassVar[frozenset[str]] = frozenset({"unpaired"})
    takes: ClassVar[Takes] = ANYTHING
    reference: ClassVar[str] = "the samples themselves"

    capacity: int = 1000
    """Samples that are kept."""

    def __post_init__(self):
        if self.capacity < 1:
            raise InputError(f"EmpiricalLaw keeps one sample or more, not {self.capacity}")

    def init(self, key: Array, example: Measurement) -> Seen:
        x = example.unpaired[0]
        return Seen(jnp.zeros((self.capacity, *x.shape), x.dtype), jnp.zeros((), jnp.int32))

    def update(self, key: Array, state: Seen, batch: Measurement) -> tuple[Seen, Metrics]:
        new = all_replicas(batch.unpaired)[-self.capacity:]
        places = (state.count + jnp.arange(new.shape[0])) % self.capacity
        return Seen(state.images.at[places].set(new), state.count + new.shape[0]), {}

    def sample(self, key: Array, state: Seen, count: int) -> Array:
        """`count` of the kept samples, with replacement."""
        return state.images[jax.random.randint(key, (count,), 0, jnp.clip(state.count, 1, self.capacity))]
