"""The group of turns and reflections of an image: average an estimator over it."""

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.networks.unet import align


def dihedral_mean(estimate: Callable[[Array], Array], y: Array, alignment: int = 1) -> Array:
    """mean_g g^-1 estimate(g y) over the 2^d reflections of [*S, C], with and without a transposition of Y and X.

    `alignment` is the grid of the estimator: the image is first extended to a multiple of it, so that every
    copy lies on the same grid and tiles of an image agree with the whole. The copies of one shape follow one another
    through one compiled estimator, which then needs memory for one of them.
    """
    rank = y.ndim - 1
    frame = tuple(slice(n) for n in y.shape[:-1])
    y = align(y, alignment)
    reflections = [[axis for axis in range(rank) if flips[axis]] for flips in itertools.product((False, True), repeat=rank)]
    copies = jnp.stack([jnp.flip(y, axes) for axes in reflections])
    transposed = jnp.swapaxes(copies, rank - 1, rank)
    if copies.shape == transposed.shape:
        estimates, back = jnp.split(jax.lax.map(estimate, jnp.concatenate([copies, transposed])), 2)
    else:
        estimates, back = jax.lax.map(estimate, copies), jax.lax.map(estimate, transposed)
    estimates += jnp.swapaxes(back, rank - 1, rank)
    return (sum(jnp.flip(one, axes) for one, axes in zip(estimates, reflections)) / (2 * len(reflections)))[frame]
