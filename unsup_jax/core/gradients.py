"""From the loss of ONE measurement to a gradient: the mean over a batch, over its turns and over the replicas.

    g = 1/N sum_n d/dtheta loss(key_n, theta, one_n)

theta is any tree of parameters, so that every player of a game takes its step by the same function.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.core.measurement import Measurement
from unsup_jax.core.optimizer import mean_over_replicas

Loss = Callable[[Array, Any, Measurement], tuple[Array, dict[str, Array]]]


def mean_loss(loss: Loss, keys: Array, params: Any, batch: Measurement) -> tuple[Array, dict[str, Array]]:
    """(mean loss, mean metrics, the loss among them) over the samples of a batch, one key each."""
    losses, metrics = jax.vmap(lambda key, one: loss(key, params, one))(keys, batch)
    metrics = jax.tree.map(jnp.mean, {"loss": losses, **metrics})
    return metrics["loss"], metrics


def mean_gradient(
    loss: Loss, keys: Array, params: Any, batch: Measurement, *, at_once: int | None = None
) -> tuple[Any, dict[str, Array]]:
    """(gradient, metrics) of the mean over all replicas' samples of `loss(key, params, one) -> (scalar, metrics)`.

    The samples of a replica are taken `at_once` together (or the next fewer that divide them), one group after
    another, which bounds the memory of their feature maps; None takes all together. Of complex parameters this is
    JAX's gradient, the conjugate of the direction of ascent; `Trained.descend` conjugates it.
    """
    gradient = jax.grad(lambda params, part: mean_loss(loss, part[0], params, part[1]), has_aux=True)
    count = len(keys)
    turns = next(n for n in range(1, count + 1) if count % n == 0 and count // n <= (at_once or count))
    if turns == 1:
        return mean_over_replicas(gradient(params, (keys, batch)))

    def add(total, part):
        more, metrics = gradient(params, part)
        return jax.tree.map(jnp.add, total, more), metrics

    parts = jax.tree.map(lambda leaf: leaf.reshape(turns, -1, *leaf.shape[1:]), (keys, batch))
    total, metrics = lax.scan(add, jax.tree.map(jnp.zeros_like, params), parts)
    return mean_over_replicas((jax.tree.map(lambda g: g / turns, total), jax.tree.map(lambda m: m.mean(0), metrics)))
