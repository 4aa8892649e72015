r"""A pool of images that were generated before, of which critics are shown some (Shrivastava et al., CVPR 2017).

While it fills, every image goes in. Then each one, with probability 1/2, takes the place of one of the pool, which is shown instead:
a generator cannot come back to what its critic has forgotten. The pool is state, the same on every device.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import all_replicas, own_share
from unsup_jax.errors import InputError


class Pool(struct.PyTreeNode):
    """What is kept: images [size, ...], and how many there are."""

    images: Any
    count: Array


@dataclass(frozen=True)
class Replay:
    """A pool of `size` images. Raises `InputError` on a size below 1, and in training on a batch that is larger than the pool."""

    size: int = 50
    """Images."""

    def __post_init__(self):
        if self.size < 1:
            raise InputError(f"a replay pool holds 1 image or more, not {self.size}")

    def init(self, like: Any) -> Pool:
        """An empty pool of images like ONE; a tree of them is kept together."""
        return Pool(jax.tree.map(lambda leaf: jnp.zeros((self.size, *leaf.shape), leaf.dtype), like), jnp.int32(0))

    def exchange(self, key: Array, pool: Pool, made: Any) -> tuple[Any, Pool]:
        """(what critics are shown in the place of images [N, ...] that were made now, the pool afterwards)."""
        everyone = all_replicas(made)
        count = len(jax.tree.leaves(everyone)[0])
        if count > self.size:
            raise InputError(f"a replay pool of {self.size} images is smaller than the batch of {count}")
        of_place, of_coin = jax.random.split(key)
        filled = pool.count >= self.size
        place = jnp.where(filled, jax.random.permutation(of_place, self.size)[:count], (pool.count + jnp.arange(count)) % self.size)
        swapped = jax.random.bernoulli(of_coin, 0.5, (count,)) | ~filled
        choose = lambda which, a, b: jnp.where(which.reshape(-1, *(1,) * (a.ndim - 1)), a, b)
        shown = jax.tree.map(lambda old, new: choose(swapped & filled, old[place], new), pool.images, everyone)
        images = jax.tree.map(lambda old, new: old.at[place].set(choose(swapped, new, old[place])), pool.images, everyone)
        return own_share(shown), Pool(images, jnp.minimum(pool.count + count, self.size))
