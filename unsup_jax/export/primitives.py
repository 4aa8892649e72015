"""The ONNX nodes of each primitive of JAX, by its name: `WRITERS[name](graph, equation, *inputs)` gives the name of its output.

Images of JAX keep their channels last and ONNX has them first, so that a convolution is written between two transpositions, of which the
runtime takes out those that meet. Another primitive is another function here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy

onnx = Lazy("onnx")

WRITERS: dict[str, Callable[..., Any]] = {}


def _writes(*names):
    def keep(write):
        WRITERS.update(dict.fromkeys(names, write))
        return write
    return keep


def _one_to_one(**kinds):
    """Primitives that are one node of the same inputs."""
    for name, kind in kinds.items():
        WRITERS[name] = lambda graph, equation, *inputs, kind=kind: graph.node(kind, *inputs)


_one_to_one(
    add="Add", sub="Sub", mul="Mul", div="Div", max="Max", min="Min", neg="Neg", exp="Exp", log="Log", tanh="Tanh", logistic="Sigmoid", sqrt="Sqrt",
    abs="Abs", sign="Sign", floor="Floor", ceil="Ceil", sin="Sin", cos="Cos", erf="Erf", pow="Pow", eq="Equal", lt="Less", le="LessOrEqual",
    gt="Greater", ge="GreaterOrEqual", copy="Identity", copy_p="Identity", stop_gradient="Identity", is_finite="IsFinite", add_any="Add",
)
def _logical(kind):
    return lambda graph, equation, *inputs: graph.node(kind if equation.invars[0].aval.dtype == bool else f"Bitwise{kind}", *inputs)


WRITERS |= {"and": _logical("And"), "or": _logical("Or"), "xor": _logical("Xor"), "not": _logical("Not")}


def _number(value, like):
    return np.asarray(value, like.aval.dtype)


def _ints(*values):
    return np.array(values, np.int64)


@_writes("rem")
def _rem(graph, equation, a, b):
    return graph.node("Mod", a, b, fmod=1)


@_writes("ne")
def _ne(graph, equation, a, b):
    return graph.node("Not", graph.node("Equal", a, b))


@_writes("square")
def _square(graph, equation, a):
    return graph.node("Mul", a, a)


@_writes("rsqrt")
def _rsqrt(graph, equation, a):
    return graph.node("Reciprocal", graph.node("Sqrt", a))


@_writes("integer_pow")
def _integer_pow(graph, equation, a):
    return graph.node("Pow", a, _number(equation.params["y"], equation.invars[0]))


@_writes("expm1")
def _expm1(graph, equation, a):
    return graph.node("Sub", graph.node("Exp", a), _number(1, equation.invars[0]))


@_writes("log1p")
def _log1p(graph, equation, a):
    return graph.node("Log", graph.node("Add", a, _number(1, equation.invars[0])))


@_writes("clamp")
def _clamp(graph, equation, low, a, high):
    return graph.node("Min", graph.node("Max", a, low), high)


@_writes("select_n")
def _select_n(graph, equation, which, *cases):
    if len(cases) != 2 or equation.invars[0].aval.dtype != bool:
        raise InputError(f"ONNX: a choice of {len(cases)} cases; two are written")
    return graph.node("Where", which, cases[1], cases[0])


@_writes("convert_element_type")
def _convert_element_type(graph, equation, a):
    return graph.node("Cast", a, to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(equation.params["new_dtype"])))


@_writes("dim_as_value")
def _dim_as_value(graph, equation):
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(equation.outvars[0].aval.dtype))
    return graph.node("Cast", graph.node("Squeeze", graph.size(equation.params["dim"]), _ints(0)), to=kind)


@_writes("iota")
def _iota(graph, equation, *sizes):
    (out,), axis = equation.outvars, equation.params["dimension"]
    count = graph.node("Squeeze", graph.size(out.aval.shape[axis]), _ints(0))
    numbers = graph.node("Range", np.int64(0), count, np.int64(1))
    numbers = graph.node("Cast", numbers, to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(out.aval.dtype)))
    return _expanded(graph, numbers, (axis,), out.aval.shape)


@_writes("reshape")
def _reshape(graph, equation, a, *sizes):
    return graph.node("Reshape", a, graph.shape(equation.outvars[0].aval.shape))


@_writes("squeeze")
def _squeeze(graph, equation, a):
    return graph.node("Squeeze", a, _ints(*equation.params["dimensions"]))


@_writes("expand_dims")
def _expand_dims(graph, equation, a):
    return graph.node("Unsqueeze", a, _ints(*equation.params["dimensions"]))


@_writes("transpose")
def _transpose(graph, equation, a):
    return graph.node("Transpose", a, perm=[int(axis) for axis in equation.params["permutation"]])


@_writes("broadcast_in_dim")
def _broadcast_in_dim(graph, equation, a, *sizes):
    return _expanded(graph, a, equation.params["broadcast_dimensions"], equation.outvars[0].aval.shape)


def _expanded(graph, a, places, shape):
    """An array whose axes stand at `places` of a shape, repeated along the others."""
    others = [axis for axis in range(len(shape)) if axis not in [int(place) for place in places]]
    return graph.node("Expand", graph.node("Unsqueeze", a, _ints(*others)) if others else a, graph.shape(shape))


@_writes("concatenate")
def _concatenate(graph, equation, *several):
    return graph.node("Concat", *several, axis=int(equation.params["dimension"]))


@_writes("tile")
def _tile(graph, equation, a):
    return graph.node("Tile", a, _ints(*equation.params["reps"]))


@_writes("stack")
def _stack(graph, equation, *several):
    axis = int(equation.params["axis"])
    return graph.node("Concat", *(graph.node("Unsqueeze", a, _ints(axis)) for a in several), axis=axis)


@_writes("split")
def _split(graph, equation, a):
    sizes = [int(n) for n in equation.params["sizes"]]
    return graph.nodes("Split", a, _ints(*sizes), count=len(sizes), axis=int(equation.params["axis"]))


@_writes("slice")
def _slice(graph, equation, a):
    params, shape = equation.params, equation.invars[0].aval.shape
    steps = params["strides"] or (1,) * len(shape)
    return _sliced(graph, a, params["start_indices"], params["limit_indices"], steps, shape)


def _sliced(graph, a, starts, ends, steps, shape):
    cut = [axis for axis, n in enumerate(shape) if not (_same(starts[axis], 0) and _same(ends[axis], n) and steps[axis] == 1)]
    if not cut:
        return a
    starts, ends = (graph.shape([places[axis] for axis in cut]) for places in (starts, ends))
    return graph.node("Slice", a, starts, ends, _ints(*cut), _ints(*(steps[axis] for axis in cut)))


@_writes("dynamic_slice")
def _dynamic_slice(graph, equation, a, *starts):
    sizes, shape = equation.params["slice_sizes"], equation.invars[0].aval.shape
    starts = [graph.node("Reshape", graph.node("Cast", start, to=onnx.TensorProto.INT64), _ints(1)) for start in starts]
    last = graph.node("Sub", graph.shape(shape), graph.shape(sizes))
    starts = graph.node("Max", graph.node("Min", graph.node("Concat", *starts, axis=0), last), _ints(0))    # JAX keeps to the array
    return graph.node("Slice", a, starts, graph.node("Add", starts, graph.shape(sizes)), _ints(*range(len(shape))))


def _same(a, b):
    return str(a) == str(b)


@_writes("rev")
def _rev(graph, equation, a):
    axes = [int(axis) for axis in equation.params["dimensions"]]
    everything = np.iinfo(np.int64)
    return graph.node("Slice", a, _ints(*(-1 for _ in axes)), _ints(*(everything.min for _ in axes)), _ints(*axes), _ints(*(-1 for _ in axes)))


@_writes("pad")
def _pad(graph, equation, a, value):
    config = equation.params["padding_config"]
    if any(not _same(inside, 0) for *_, inside in config):
        raise InputError("ONNX has no node here for a padding between pixels")
    counts = graph.shape([low for low, _, _ in config] + [high for _, high, _ in config])
    return graph.node("Pad", a, counts, value)


@_writes("gather")
def _gather(graph, equation, a, indices):
    """Entries at constant places of some axes, whole along the others: how JAX reads x[0] under vmap."""
    numbers, sizes, shape = equation.params["dimension_numbers"], equation.params["slice_sizes"], equation.invars[0].aval.shape
    axes = [int(axis) for axis in numbers.start_index_map]
    whole = all(_same(sizes[axis], n) or axis in axes for axis, n in enumerate(shape))
    if not isinstance(indices, np.ndarray) or indices.ndim != 1 or not whole or numbers.operand_batching_dims:
        raise InputError("ONNX has no node here for a 'gather' at places that depend on the images")
    starts, ends = [0] * len(shape), list(shape)
    for axis, start in zip(axes, indices.tolist()):
        starts[axis], ends[axis] = start, start + sizes[axis]
    part = _sliced(graph, a, starts, ends, (1,) * len(shape), shape)
    return graph.node("Squeeze", part, _ints(*numbers.collapsed_slice_dims)) if numbers.collapsed_slice_dims else part


def _reduction(kind):
    def reduced(graph, equation, a):
        for axis in sorted(equation.params["axes"], reverse=True):  # one by one: a sum of all pixels at once loses three digits in onnxruntime
            a = graph.node(kind, a, _ints(axis), keepdims=0)
        return a
    return reduced


for _name, _kind in {"sum": "Sum", "max": "Max", "min": "Min", "prod": "Prod"}.items():
    WRITERS[f"reduce_{_name}"] = _reduction(f"Reduce{_kind}")


@_writes("cumsum")
def _cumsum(graph, equation, a):
    return graph.node("CumSum", a, np.int64(equation.params["axis"]), reverse=int(equation.params["reverse"]))


@_writes("dot_general")
def _dot_general(graph, equation, a, b):
    (contract_a, contract_b), (batch_a, batch_b) = equation.params["dimension_numbers"]
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    of_a = [next(letters) for _ in equation.invars[0].aval.shape]
    of_b = [next(letters) for _ in equation.invars[1].aval.shape]
    for i, j in [*zip(contract_a, contract_b), *zip(batch_a, batch_b)]:
        of_b[j] = of_a[i]
    batch = [of_a[i] for i in batch_a]
    own = lambda names, used: [name for i, name in enumerate(names) if i not in {int(k) for k in used}]
    out = batch + own(of_a, [*contract_a, *batch_a]) + own(of_b, [*contract_b, *batch_b])
    return graph.node("Einsum", a, b, equation=f"{''.join(of_a)},{''.join(of_b)}->{''.join(out)}")


@_writes("conv_general_dilated")
def _conv_general_dilated(graph, equation, a, kernel):
    params = equation.params
    if any(n != 1 for n in params["lhs_dilation"]) or params["batch_group_count"] != 1:
        raise InputError("ONNX has no node here for a convolution of a dilated image, or of groups of a batch")
    numbers = params["dimension_numbers"]
    back = [int(place) for place in np.argsort(numbers.out_spec)]
    return _convolved(
        graph, a, kernel, numbers.lhs_spec, numbers.rhs_spec, back, padding=params["padding"], strides=list(params["window_strides"]),
        dilations=list(params["rhs_dilation"]), group=params["feature_group_count"])


@_writes("convolve")
def _convolve(graph, equation, a, kernel):
    rank = len(equation.params["padding"])
    first, last = [0, rank + 1, *range(1, rank + 1)], [0, *range(2, rank + 2), 1]
    return _convolved(graph, a, kernel, first, [rank + 1, rank, *range(rank)], last, padding=equation.params["padding"])


def _convolved(graph, a, kernel, of_a, of_kernel, back, *, padding, **attributes):
    """A correlation, its image and kernel brought into ONNX's order, [N, C, *S] and [F, C, *K], and the result out of it."""
    kernel = kernel.transpose(of_kernel) if isinstance(kernel, np.ndarray) else graph.node("Transpose", kernel, perm=[int(k) for k in of_kernel])
    pads = [int(low) for low, _ in padding] + [int(high) for _, high in padding]
    made = graph.node("Conv", graph.node("Transpose", a, perm=[int(k) for k in of_a]), kernel, pads=pads, **attributes)
    return graph.node("Transpose", made, perm=back)
