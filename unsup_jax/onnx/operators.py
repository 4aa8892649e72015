"""What each ONNX operator computes: `OPERATORS[name](*inputs, **attributes)`; of several outputs, a list.

What is made of numbers alone, such as shapes, stays numbers of NumPy. Attributes that later versions of an operator take as inputs are taken as
either. A mode that is not computed here is refused.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from unsup_jax.errors import InputError

OPERATORS: dict[str, Callable[..., Any]] = {}


def _computes(*names):
    def keep(function):
        OPERATORS.update(dict.fromkeys(names, function))
        return function
    return keep


def _fixed(*values):
    """Whether all are numbers, of which nothing is traced."""
    return all(value is None or isinstance(value, (np.ndarray, np.generic, int, float)) for value in values)


def _numpy(*values):
    return np if _fixed(*values) else jnp


def _ints(value):
    return [int(n) for n in np.ravel(value)]


def _alike(*values):
    """Arrays of one rank and of one type; ONNX broadcasts as NumPy does."""
    if _fixed(*values):
        return values
    rank, kind = max(np.ndim(v) for v in values), jnp.result_type(*(v for v in values if not _fixed(v)))
    return [jnp.reshape(jnp.asarray(v), (1,) * (rank - np.ndim(v)) + np.shape(v)).astype(kind) for v in values]


def _elementwise(**functions):
    for name, function in functions.items():
        OPERATORS[name] = lambda *inputs, function=function, **_: function(_numpy(*inputs), *_alike(*inputs))


def _divided(xp, a, b):
    return xp.trunc(a / b).astype(a.dtype) if a.dtype.kind in "iu" else a / b      # as C does


_elementwise(
    Add=lambda xp, a, b: a + b, Sub=lambda xp, a, b: a - b, Mul=lambda xp, a, b: a * b, Div=_divided, Neg=lambda xp, a: -a,
    Exp=lambda xp, a: xp.exp(a), Log=lambda xp, a: xp.log(a), Sqrt=lambda xp, a: xp.sqrt(a), Abs=lambda xp, a: xp.abs(a),
    Sign=lambda xp, a: xp.sign(a), Floor=lambda xp, a: xp.floor(a), Ceil=lambda xp, a: xp.ceil(a), Round=lambda xp, a: xp.round(a),
    Sin=lambda xp, a: xp.sin(a), Cos=lambda xp, a: xp.cos(a), Tanh=lambda xp, a: xp.tanh(a), Reciprocal=lambda xp, a: 1 / a,
    Equal=lambda xp, a, b: a == b, Less=lambda xp, a, b: a < b, Greater=lambda xp, a, b: a > b, LessOrEqual=lambda xp, a, b: a <= b,
    GreaterOrEqual=lambda xp, a, b: a >= b, And=lambda xp, a, b: a & b, Or=lambda xp, a, b: a | b, Xor=lambda xp, a, b: a ^ b,
    Not=lambda xp, a: ~a, Identity=lambda xp, a: a, Dropout=lambda xp, a, *_: a, IsNaN=lambda xp, a: xp.isnan(a),
    Relu=lambda xp, a: xp.maximum(a, 0), Sigmoid=lambda xp, a: 1 / (1 + xp.exp(-a)) if xp is np else jax.nn.sigmoid(a),
    Softplus=lambda xp, a: xp.logaddexp(a, xp.zeros_like(a)), Softsign=lambda xp, a: a / (1 + xp.abs(a)), Erf=lambda xp, a: lax.erf(jnp.asarray(a)),
    HardSwish=lambda xp, a: a * xp.clip(a / 6 + 0.5, 0, 1), Mish=lambda xp, a: a * xp.tanh(xp.logaddexp(a, xp.zeros_like(a))),
)


def _of_several(name):
    def several(*inputs):
        xp, (first, *others) = _numpy(*inputs), _alike(*inputs)
        for other in others:
            first = getattr(xp, name)(first, other)
        return first
    return several


OPERATORS |= {"Max": _of_several("maximum"), "Min": _of_several("minimum"), "Sum": _of_several("add")}


@_computes("Pow")
def _pow(a, b):
    whole = _fixed(b) and np.size(b) == 1 and float(np.ravel(b)[0]).is_integer()
    return a ** int(np.ravel(b)[0]) if whole else jnp.power(*_alike(a, b)).astype(a.dtype)


@_computes("Mod")
def _mod(a, b, fmod=0):
    xp, (a, b) = _numpy(a, b), _alike(a, b)
    return (xp.fmod if fmod else xp.mod)(a, b)


@_computes("Where")
def _where(which, a, b):
    rank, (a, b) = max(np.ndim(v) for v in (which, a, b)), _alike(a, b)
    full = lambda v: _numpy(v).reshape(v, (1,) * (rank - np.ndim(v)) + np.shape(v))
    return _numpy(which, a, b).where(full(which), full(a), full(b))


@_computes("Clip")
def _clip(a, low=None, high=None, *, min=None, max=None):
    xp, low, high = _numpy(a, low, high), min if low is None else low, max if high is None else high
    a = a if low is None else xp.maximum(a, xp.asarray(low, a.dtype))
    return a if high is None else xp.minimum(a, xp.asarray(high, a.dtype))


@_computes("LeakyRelu")
def _leaky_relu(a, alpha=0.01):
    return jnp.where(a >= 0, a, alpha * a)


@_computes("PRelu")
def _prelu(a, slope):
    a, slope = _alike(a, slope)
    return jnp.where(a >= 0, a, slope * a)


@_computes("Elu")
def _elu(a, alpha=1.0):
    return jnp.where(a > 0, a, alpha * jnp.expm1(jnp.minimum(a, 0)))


@_computes("Selu")
def _selu(a, alpha=1.67326319217681884765625, gamma=1.05070102214813232421875):
    return gamma * _elu(a, alpha)


@_computes("HardSigmoid")
def _hard_sigmoid(a, alpha=0.2, beta=0.5):
    return jnp.clip(alpha * a + beta, 0, 1)


@_computes("Gelu")
def _gelu(a, approximate="none"):
    return jax.nn.gelu(a, approximate=approximate == "tanh")


@_computes("Softmax")
def _softmax(a, axis=-1):
    return jax.nn.softmax(a, axis)


@_computes("Cast")
def _cast(a, to, **_):
    kinds = {1: np.float32, 10: np.float32, 11: np.float32, 16: np.float32, 9: np.bool_, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64}
    if to not in kinds:
        raise InputError(f"ONNX: a cast to the type {to} is not known here")
    kind = np.int32 if kinds[to] == np.int64 and not _fixed(a) else kinds[to]
    return a.astype(kind)


@_computes("Constant")
def _constant(value=None, value_float=None, value_int=None, value_floats=None, value_ints=None):
    if value is not None:
        return value
    whole = value_int if value_int is not None else value_ints
    return np.asarray(whole, np.int64) if whole is not None else np.asarray(value_float if value_float is not None else value_floats, np.float32)


@_computes("ConstantOfShape")
def _constant_of_shape(shape, value=np.zeros(1, np.float32)):
    return np.full(_ints(shape), value[0])


@_computes("Shape")
def _shape(a, start=0, end=None):
    return np.array(np.shape(a)[start:end], np.int64)


@_computes("Size")
def _size(a):
    return np.array(math.prod(np.shape(a)), np.int64)


@_computes("Range")
def _range(start, limit, step):
    return np.arange(start.item(), limit.item(), step.item(), dtype=start.dtype)


@_computes("Reshape")
def _reshape(a, shape, allowzero=0):
    sizes = [np.shape(a)[i] if n == 0 and not allowzero else n for i, n in enumerate(_ints(shape))]
    return _numpy(a).reshape(a, sizes)


@_computes("Flatten")
def _flatten(a, axis=1):
    return a.reshape(math.prod(a.shape[:axis]), -1)


@_computes("Transpose")
def _transpose(a, perm=None):
    return _numpy(a).transpose(a, perm)


@_computes("Concat")
def _concat(*several, axis):
    return _numpy(*several).concatenate(several, axis)


@_computes("Unsqueeze")
def _unsqueeze(a, given=None, *, axes=None):
    return _numpy(a).expand_dims(a, tuple(_ints(axes if given is None else given)))


@_computes("Squeeze")
def _squeeze(a, given=None, *, axes=None):
    chosen = axes if given is None else given
    return _numpy(a).squeeze(a, None if chosen is None else tuple(_ints(chosen)))


@_computes("Expand")
def _expand(a, shape):
    return _numpy(a).broadcast_to(a, np.broadcast_shapes(np.shape(a), tuple(_ints(shape))))


@_computes("Tile")
def _tile(a, repeats):
    return _numpy(a).tile(a, _ints(repeats))


@_computes("Slice")
def _slice(a, from_=None, to=None, along=None, by=None, *, starts=None, ends=None, axes=None, steps=None):
    starts, ends = _ints(starts if from_ is None else from_), _ints(ends if to is None else to)
    chosen = axes if along is None else along
    axes = range(len(starts)) if chosen is None else _ints(chosen)
    steps = [1] * len(starts) if by is None else _ints(by)
    window = [slice(None)] * np.ndim(a)
    for axis, start, end, step in zip(axes, starts, ends, steps):
        n = np.shape(a)[axis]
        window[axis] = slice(start, None if step < 0 and end < -n else end, step)
    return a[tuple(window)]


@_computes("Gather")
def _gather(a, indices, axis=0):
    return np.take(a, indices, axis) if _fixed(a, indices) else jnp.take(a, jnp.asarray(indices), axis)


@_computes("Split")
def _split(a, given=None, *, axis=0, split=None, num_outputs=None):
    sizes = given if split is None else split
    if sizes is None:
        raise InputError("ONNX: a Split without sizes is not known here")
    return _numpy(a).split(a, np.cumsum(_ints(sizes))[:-1].tolist(), axis)


@_computes("Pad")
def _pad(a, given=None, value=None, along=None, *, pads=None, mode="constant", **_):
    counts, rank = _ints(pads if given is None else given), np.ndim(a)
    axes = range(rank) if along is None else [axis % rank for axis in _ints(along)]
    widths = [(0, 0)] * rank
    for i, axis in enumerate(axes):
        widths[axis] = counts[i], counts[i + len(counts) // 2]
    if mode != "constant":
        return jnp.pad(a, widths, mode)
    fill = jnp.asarray(0 if value is None else value, a.dtype).reshape(())
    return lax.pad(jnp.asarray(a), fill, [(low, high, 0) for low, high in widths])


@_computes("DepthToSpace")
def _depth_to_space(a, blocksize, mode="DCR"):
    n, c, h, w = a.shape
    c = c // blocksize**2
    split, order = (n, blocksize, blocksize, c, h, w), (0, 3, 4, 1, 5, 2)
    if mode == "CRD":
        split, order = (n, c, blocksize, blocksize, h, w), (0, 1, 4, 2, 5, 3)
    return a.reshape(split).transpose(order).reshape(n, c, h * blocksize, w * blocksize)


@_computes("SpaceToDepth")
def _space_to_depth(a, blocksize):
    n, c, h, w = a.shape
    blocks = a.reshape(n, c, h // blocksize, blocksize, w // blocksize, blocksize).transpose(0, 3, 5, 1, 2, 4)
    return blocks.reshape(n, -1, h // blocksize, w // blocksize)


@_computes("CumSum")
def _cumsum(a, axis, exclusive=0, reverse=0):
    if exclusive:
        raise InputError("ONNX: an exclusive CumSum is not known here")
    axis = int(np.ravel(axis)[0])
    return jnp.flip(jnp.cumsum(jnp.flip(a, axis), axis), axis) if reverse else jnp.cumsum(a, axis)


@_computes("Einsum")
def _einsum(*several, equation):
    return jnp.einsum(equation, *several)


@_computes("MatMul")
def _matmul(a, b):
    return _numpy(a, b).matmul(a, b)


@_computes("Gemm")
def _gemm(a, b, c=None, alpha=1.0, beta=1.0, transA=0, transB=0):
    made = alpha * ((a.T if transA else a) @ (b.T if transB else b))
    return made if c is None else sum(_alike(made, beta * c))


def _reduction(name):
    def reduced(a, given=None, *, axes=None, keepdims=1, noop_with_empty_axes=0):
        chosen = axes if given is None else given
        over = None if chosen is None or not np.size(chosen) else tuple(_ints(chosen))
        if over is None and noop_with_empty_axes:
            return a
        return getattr(_numpy(a), name)(a, axis=over, keepdims=bool(keepdims))
    return reduced


OPERATORS |= {f"Reduce{name}": _reduction(name.lower()) for name in ("Sum", "Mean", "Max", "Min", "Prod")}
OPERATORS["GlobalAveragePool"] = lambda a: jnp.mean(a, tuple(range(2, a.ndim)), keepdims=True)
OPERATORS["GlobalMaxPool"] = lambda a: jnp.max(a, tuple(range(2, a.ndim)), keepdims=True)


def _along_channels(parameter, a):
    """A parameter of channels, beside a [N, C, *S]."""
    return jnp.asarray(parameter).reshape(1, -1, *(1,) * (a.ndim - 2))


@_computes("BatchNormalization")
def _batch_normalization(a, scale, bias, mean, variance, epsilon=1e-5, **_):
    scale, bias, mean, variance = (_along_channels(each, a) for each in (scale, bias, mean, variance))
    return (a - mean) * lax.rsqrt(variance + epsilon) * scale + bias


@_computes("InstanceNormalization")
def _instance_normalization(a, scale, bias, epsilon=1e-5):
    return _standardized(a, tuple(range(2, a.ndim)), epsilon) * _along_channels(scale, a) + _along_channels(bias, a)


@_computes("GroupNormalization")
def _group_normalization(a, scale, bias, num_groups, epsilon=1e-5, **_):
    if np.size(scale) != a.shape[1]:
        raise InputError("ONNX: a GroupNormalization with one scale a group is not known here")
    groups = a.reshape(a.shape[0], num_groups, -1)
    return _standardized(groups, (2,), epsilon).reshape(a.shape) * _along_channels(scale, a) + _along_channels(bias, a)


@_computes("LayerNormalization")
def _layer_normalization(a, scale, bias=None, axis=-1, epsilon=1e-5, **_):
    made, scale = _alike(_standardized(a, tuple(range(axis % a.ndim, a.ndim)), epsilon), scale)
    return made * scale if bias is None else sum(_alike(made * scale, bias))


def _standardized(a, axes, epsilon):
    return (a - jnp.mean(a, axes, keepdims=True)) * lax.rsqrt(jnp.var(a, axes, keepdims=True) + epsilon)


def _padding(auto_pad, pads, sizes, window, strides, dilations):
    """(before, after) along each axis of space."""
    rank = len(sizes)
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        reach = [(-(-n // s) - 1) * s + (k - 1) * d + 1 for n, k, s, d in zip(sizes, window, strides, dilations)]
        missing = [max(r - n, 0) for r, n in zip(reach, sizes)]
        return [(m // 2, m - m // 2) if auto_pad == "SAME_UPPER" else (m - m // 2, m // 2) for m in missing]
    if auto_pad == "VALID" or pads is None:
        return [(0, 0)] * rank
    return list(zip(pads[:rank], pads[rank:]))


def _correlated(a, kernel, strides, padding, **options):
    """A convolution of channels that stand first, as one of channels that stand last: in a loop on a CPU, XLA takes 40 times as long for the other."""
    space = "DHW"[-(a.ndim - 2):]
    numbers = (f"N{space}C", f"{space}IO", f"N{space}C")
    made = lax.conv_general_dilated(
        jnp.moveaxis(a, 1, -1), jnp.moveaxis(kernel, (0, 1), (-1, -2)), strides, padding, dimension_numbers=numbers, **options)
    return jnp.moveaxis(made, -1, 1)


@_computes("Conv")
def _conv(a, kernel, bias=None, *, auto_pad="NOTSET", pads=None, strides=None, dilations=None, group=1, **_):
    rank = a.ndim - 2
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    padding = _padding(auto_pad, pads, a.shape[2:], kernel.shape[2:], strides, dilations)
    made = _correlated(a, jnp.asarray(kernel), strides, padding, rhs_dilation=dilations, feature_group_count=group)
    return made if bias is None else made + _along_channels(bias, made)


@_computes("ConvTranspose")
def _conv_transpose(
    a, kernel, bias=None, *, auto_pad="NOTSET", pads=None, strides=None, dilations=None, group=1, output_padding=None, output_shape=None, **_,
):
    rank = a.ndim - 2
    strides, dilations, more = strides or [1] * rank, dilations or [1] * rank, output_padding or [0] * rank
    if auto_pad not in ("NOTSET", "VALID") or output_shape:
        raise InputError("ONNX: a ConvTranspose of a given output shape is not known here")
    cut = _padding("NOTSET", pads, a.shape[2:], kernel.shape[2:], strides, dilations)
    reach = [(k - 1) * d for k, d in zip(kernel.shape[2:], dilations)]
    padding = [(r - low, r - high + extra) for r, (low, high), extra in zip(reach, cut, more)]
    turned = jnp.flip(jnp.asarray(kernel), range(2, kernel.ndim))
    turned = jnp.concatenate([part.swapaxes(0, 1) for part in jnp.split(turned, group, 0)], 0)     # [F, C / groups, *K]
    made = _correlated(a, turned, [1] * rank, padding, lhs_dilation=strides, rhs_dilation=dilations, feature_group_count=group)
    return made if bias is None else made + _along_channels(bias, made)


def _pooled(a, start, of_two, kernel_shape, auto_pad, pads, strides, dilations, ceil_mode):
    rank = a.ndim - 2
    strides, dilations = strides or [1] * rank, dilations or [1] * rank
    padding = _padding(auto_pad, pads, a.shape[2:], kernel_shape, strides, dilations)
    left = [(n + sum(p) - (k - 1) * d - 1) % s for n, p, k, d, s in zip(a.shape[2:], padding, kernel_shape, dilations, strides)]
    if ceil_mode and any(left):
        raise InputError("ONNX: pooling with ceil_mode is known here of sizes that the strides divide")
    return lax.reduce_window(
        a, jnp.asarray(start, a.dtype), of_two, (1, 1, *kernel_shape), (1, 1, *strides), [(0, 0), (0, 0), *padding],
        window_dilation=(1, 1, *dilations))


@_computes("MaxPool")
def _max_pool(a, *, kernel_shape, auto_pad="NOTSET", pads=None, strides=None, dilations=None, ceil_mode=0, **_):
    return _pooled(a, -jnp.inf, lax.max, kernel_shape, auto_pad, pads, strides, dilations, ceil_mode)


@_computes("AveragePool")
def _average_pool(a, *, kernel_shape, auto_pad="NOTSET", pads=None, strides=None, dilations=None, ceil_mode=0, count_include_pad=0):
    pooled = lambda image: _pooled(image, 0, lax.add, kernel_shape, auto_pad, pads, strides, dilations, ceil_mode)
    return pooled(a) / (math.prod(kernel_shape) if count_include_pad else pooled(jnp.ones_like(a)))


@_computes("Resize", "Upsample")
def _resize(
    a, *given, mode="nearest", coordinate_transformation_mode=None, nearest_mode="round_prefer_floor", scales=None, axes=None, **_,
):
    if len(given) < 2:                                                # Upsample, and Resize of version 10
        given, coordinate_transformation_mode = (None, given[0] if given else scales), "asymmetric"
    _, times, *sizes = given
    where, shape = coordinate_transformation_mode or "half_pixel", np.shape(a)
    if sizes and sizes[0] is not None:
        wanted = _ints(sizes[0])
        times = [m / n for m, n in zip(wanted, shape)]
    else:
        times = [float(t) for t in np.ravel(times)]
        wanted = [int(np.floor(n * t)) for n, t in zip(shape, times)]
    if mode not in ("nearest", "linear") or where not in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel") or axes is not None:
        raise InputError(f"ONNX: a Resize by {mode} and {where} is not known here")
    for axis, (n, m, t) in enumerate(zip(shape, wanted, times)):
        if m == n:
            continue
        place = np.arange(m)
        if where == "align_corners":
            place = place * ((n - 1) / max(m - 1, 1))
        elif where == "asymmetric":
            place = place / t
        else:
            place = (place + 0.5) / t - 0.5 if where == "half_pixel" or m > 1 else np.zeros(m)
        a = _taken(a, place, axis, n, mode, nearest_mode)
    return a


def _taken(a, place, axis, n, mode, nearest_mode):
    """a at places between its pixels along an axis."""
    place = np.clip(place, 0, n - 1)
    if mode == "nearest":
        rounded = {
            "floor": np.floor, "ceil": np.ceil, "round_prefer_floor": lambda p: np.ceil(p - 0.5), "round_prefer_ceil": lambda p: np.floor(p + 0.5),
        }[nearest_mode]
        return jnp.take(a, rounded(place).astype(np.int32), axis)
    low = np.minimum(np.floor(place), max(n - 2, 0)).astype(np.int32)
    part = jnp.asarray(place - low, a.dtype).reshape(*(1,) * axis, -1, *(1,) * (a.ndim - axis - 1))
    return (1 - part) * jnp.take(a, low, axis) + part * jnp.take(a, np.minimum(low + 1, n - 1), axis)
