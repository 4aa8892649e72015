"""The group of turns and reflections of an image: average an estimator over it."""

import itertools
from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from unsup_jax.networks.unet import align


def dihedral_mean(estimate: Callable[[Array], Array], y: Array, alignment: int = 1) -> Array:
    """mean_g g^-1 estimate(g y) over the 2^d reflections of [*S, C], with and without a transposition of Y and X.

    `alignment` is the grid of the estimator: the image is first extended to a multiple of it, so that every
    copy lies on the same grid and tiles of an image agree with the whole.
    """
    rank = y.ndim - 1
    frame = tuple(slice(n) for n in y.shape[:-1])
    y = align(y, alignment)
    copies = []
    for swap, *flips in itertools.product((False, True), repeat=rank + 1):
        axes = tuple(axis for axis in range(rank) if flips[axis])
        turned = jnp.flip(y, axes)
        turned = jnp.swapaxes(turned, rank - 2, rank - 1) if swap else turned
        back = estimate(turned)
        back = jnp.swapaxes(back, rank - 2, rank - 1) if swap else back
        copies.append(jnp.flip(back, axes))
    return (sum(copies) / len(copies))[frame]
