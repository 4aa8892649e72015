r"""Sums over a few taps along each axis of a grid, and their transpose: what interpolation between its points is made of.

    gather    out[s] = sum_t w_1[s, t_1] ... w_d[s, t_d] grid[i_1[s, t_1], ..., i_d[s, t_d]]
    spread    grid[i_1[s, t_1], ..., i_d[s, t_d]] += w_1[s, t_1] ... w_d[s, t_d] values[s]

Two JAX primitives, linear in the image and in each of the weights, each the other's transpose in the image. They exist
because XLA's CPU backend would spread at half the speed, through memory instead of the cache, and gather at a sixth of it
wherever the result is turned afterwards. vmapped images become further channels, and places further samples. The grid is
flat, [G, C]; an image's rows lie along its last axis.

A CPU computes an address for each number that it gathers, which takes longer than the sum. Taps that are neighbours in a row
are therefore taken at once where many samples pay for it, from a list of the W points from each point on, of which the one at
j is the one that is j modulo W. So ordered, the weights need not know where the W points begin, which a compiler may decide
twice, with other roundings (`core.neighbours`).
"""

import itertools
import math
from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental.layout import Layout, with_layout_constraint
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from unsup_jax.core.phasors import weighted

_WORTH_WINDOWS = 8  # points of the grid for each row of taps beyond which it costs more to list windows than they save
_WINDOWS_BYTES = 2**30  # of windows beyond which their memory is not worth it
_BLOCK_BYTES = 2**22  # of the products that are spread at once on a CPU: within its second-level cache


def gather(grid: Array, index: Sequence[Array], weight: Sequence[Array], *, consecutive: bool = False) -> Array:
    """The sums [S, C] over taps of a `grid` [*G, C], of `index` and `weight` [S, width] for each axis.

    `consecutive` promises of the taps along the last axis that they are neighbouring points, that at j being j modulo their
    number, and that none is wrapped.
    """
    *shape, channels = grid.shape
    return gather_p.bind(grid.reshape(-1, channels), *index, *weight, shape=tuple(shape), consecutive=consecutive)


def _gather(flat, *index_and_weight, shape):
    """Taps along the last axis are gathered at once, others one by one: a CPU then holds no more than it reads."""
    flat, total = _settled(flat), 0
    for index, weight in _rows(index_and_weight, shape):
        total = total + jnp.sum(weighted(weight[..., None], flat.at[index].get(mode="promise_in_bounds")), 1)
    return _settled(total)


def _settled(x):
    """x row by row, and not computed again where it is used."""
    return jax.lax.optimization_barrier(with_layout_constraint(x, Layout((0, 1))))


def _spread(values, *index_and_weight, shape):
    flat = jnp.zeros((math.prod(shape), values.shape[-1]), values.dtype)
    for taps in _rows(index_and_weight, shape):
        flat = _add(flat, values, *taps)
    return flat


def _spread_by_blocks(values, *index_and_weight, shape):
    """The same a block of samples at a time."""
    given = (values, *index_and_weight)
    samples, channels = values.shape
    block = max(1, _BLOCK_BYTES // (_tap_count(index_and_weight, shape) * channels * values.dtype.itemsize))
    whole = samples // block * block

    def add(flat, some):
        values, *index_and_weight = some
        return _add(flat, values, *(jnp.concatenate(parts, 1) for parts in zip(*_rows(index_and_weight, shape)))), None

    flat = jnp.zeros((math.prod(shape), channels), values.dtype)
    flat, _ = jax.lax.scan(add, flat, [a[:whole].reshape(-1, block, a.shape[-1]) for a in given])
    return add(flat, [a[whole:] for a in given])[0] if whole < samples else flat


def _gather_windows(flat, *index_and_weight, shape):
    """The same, windows at once."""
    windows, taps, weight, shape = _by_windows(flat, index_and_weight, shape)
    rows = _gather(windows, *taps, shape=shape)
    return _settled(jnp.sum(weighted(weight[..., None], rows.reshape(*weight.shape, -1)), 1))


def _spread_windows(values, *index_and_weight, shape):
    flat = jnp.zeros((math.prod(shape), values.shape[-1]), values.dtype)
    list_of = lambda flat: _by_windows(flat, index_and_weight, shape)[0]
    _, taps, weight, of_windows = _by_windows(flat, index_and_weight, shape)
    rows = weighted(weight[..., None], values[:, None])
    return jax.linear_transpose(list_of, flat)(_spread_by_blocks(rows.reshape(len(rows), -1), *taps, shape=of_windows))[0]


def _by_windows(flat, index_and_weight, shape):
    """(windows [G', W C], their index and weight for each axis, the weights [S, W] in a window, the shape of the G' windows)."""
    *index, last = index_and_weight[: len(shape)]
    *weight, within = index_and_weight[len(shape) :]
    *rows, length = shape
    width, channels = last.shape[-1], flat.shape[-1]
    blocks = -(-length // width)
    padded = jnp.pad(flat.reshape(-1, length, channels), ((0, 0), (0, (blocks + 1) * width - length), (0, 0)))
    padded = padded.reshape(-1, blocks + 1, 1, width, channels)
    behind = np.arange(width) < np.arange(width)[:, None]           # [start, j]: of a block, the points before the start
    windows = jnp.where(behind[None, None, ..., None], padded[:, 1:], padded[:, :-1]).reshape(-1, width * channels)
    first = jnp.min(last, 1, keepdims=True)
    return windows, (*index, first, *weight, jnp.ones_like(within[:, :1])), within, (*rows, blocks * width)


def _by_platform(plain, blocks, windows):
    """The lowering of a primitive: `plain`, but on a CPU one of the others."""

    def lowered(*arguments, shape, consecutive):
        image, *taps = arguments
        samples, width = taps[len(shape) - 1].shape
        rows = samples * _tap_count(taps, shape) // width
        size = math.prod(shape) * width * image.shape[-1] * image.dtype.itemsize
        worth = consecutive and math.prod(shape) <= _WORTH_WINDOWS * rows and size <= _WINDOWS_BYTES
        cpu = windows if worth else blocks
        return jax.lax.platform_dependent(*arguments, cpu=partial(cpu, shape=shape), default=partial(plain, shape=shape))

    return lowered


def _tap_count(index_and_weight, shape):
    """The taps of a sample."""
    return math.prod(index.shape[-1] for index in index_and_weight[: len(shape)])


def _rows(index_and_weight, shape):
    """Flat indices and weights [S, width] of the taps of a row, for each combination of taps along the other axes."""
    index, weight = index_and_weight[: len(shape)], index_and_weight[len(shape) :]
    for combination in itertools.product(range(index[0].shape[-1]), repeat=len(shape) - 1):
        place, product = jnp.zeros_like(index[-1][:, :1]), jnp.ones_like(weight[-1][:, :1])
        for axis, tap in enumerate(combination):
            place = place * shape[axis] + index[axis][:, tap : tap + 1]
            product = product * weight[axis][:, tap : tap + 1]
        yield place * shape[-1] + index[-1], product * weight[-1]


def _add(flat, values, index, weight):
    values = jnp.broadcast_to(values[:, None], (*weight.shape, values.shape[-1]))
    return flat.at[index].add(weighted(weight[..., None], values), mode="promise_in_bounds")


def _multilinear(name, plain, lowered, rows):
    """The primitive of (image, *index, *weight) whose result has `rows(index, shape)` rows, linear in all but the indices.

    `plain` is the same in JAX's own operations.
    """
    primitive = Primitive(name)
    primitive.def_impl(jax.jit(lowered, static_argnames=("shape", "consecutive")))
    primitive.def_abstract_eval(
        lambda x, *taps, shape, consecutive: jax.core.ShapedArray((rows(taps[0], shape), x.shape[-1]), x.dtype))
    mlir.register_lowering(primitive, mlir.lower_fun(lowered, multiple_results=False))

    def differentiate(arguments, tangents, *, shape, consecutive):
        settings = {"shape": shape, "consecutive": consecutive}
        out = primitive.bind(*arguments, **settings)
        terms = [
            primitive.bind(*arguments[:k], tangent, *arguments[k + 1 :], **settings) for k, tangent in enumerate(tangents)
            if not (type(tangent) is ad.Zero or 1 <= k <= len(shape))
        ]
        return out, sum(terms[1:], terms[0]) if terms else ad.Zero.from_primal_value(out)

    def transpose(cotangent, *arguments, shape, consecutive):
        k = next(k for k, a in enumerate(arguments) if ad.is_undefined_primal(a))
        if type(cotangent) is ad.Zero:
            back = ad.Zero(arguments[k].aval)
        elif k == 0:
            back = {gather_p: spread_p, spread_p: gather_p}[primitive].bind(cotangent, *arguments[1:], shape=shape, consecutive=consecutive)
        else:
            of_weight = lambda weight: plain(*arguments[:k], weight, *arguments[k + 1 :], shape=shape)
            weight = jax.ShapeDtypeStruct(arguments[k].aval.shape, arguments[k].aval.dtype)
            back = jax.linear_transpose(of_weight, weight)(cotangent)[0]
        return [back if j == k else None for j in range(len(arguments))]

    def batch(arguments, axes, *, shape, consecutive):
        (x, *taps), (x_axis, *taps_axes) = arguments, axes
        if all(axis is None for axis in taps_axes):
            x = jnp.moveaxis(x, x_axis, 1)
            out = primitive.bind(x.reshape(len(x), -1), *taps, shape=shape, consecutive=consecutive)
            return out.reshape(len(out), *x.shape[1:]), 1
        if x_axis is None and primitive is gather_p:
            count = next(a.shape[axis] for a, axis in zip(taps, taps_axes) if axis is not None)
            front = [
                jnp.broadcast_to(a, (count, *a.shape)) if axis is None else jnp.moveaxis(a, axis, 0) for a, axis in zip(taps, taps_axes)]
            out = primitive.bind(x, *(a.reshape(-1, a.shape[-1]) for a in front), shape=shape, consecutive=consecutive)
            return out.reshape(count, -1, out.shape[-1]), 0
        return jax.vmap(partial(plain, shape=shape), axes)(*arguments), 0

    ad.primitive_jvps[primitive] = differentiate
    ad.primitive_transposes[primitive] = transpose
    batching.primitive_batchers[primitive] = batch
    return primitive


gather_p = _multilinear("gather_taps", _gather, _by_platform(_gather, _gather, _gather_windows), lambda index, shape: index.shape[0])
spread_p = _multilinear(
    "spread_taps", _spread, _by_platform(_spread, _spread_by_blocks, _spread_windows), lambda index, shape: math.prod(shape))
