r"""ONNX of a function, written from its jaxpr: one node or a few for each primitive of JAX, at sizes that are symbols.

    function(images) -> jaxpr, its sizes polynomials in those of the images -> nodes, which compute each size they need from `Shape(images)`

Nothing is approximated: a primitive that has no node in `primitives.py` is refused by its name. What does not depend on the images is
computed here, and stands in the file as a number; a loop of few steps is unrolled.
"""

import ast
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Literal, Var

from unsup_jax.errors import InputError
from unsup_jax.export import primitives
from unsup_jax.lazy import Lazy

onnx = Lazy("onnx")

OPSET = 18
"""Version of ONNX's operators: the first whose reductions all take their axes as an input."""
_ARITHMETIC = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul"}
_UNROLLED = 64  # steps of a loop

Value = str | np.ndarray  # the name of what a node makes, or a constant


def check_installed() -> None:
    """Raise `InputError` where the package `onnx` is missing."""
    try:
        onnx.helper
    except ImportError as error:
        raise InputError('ONNX files need the package `onnx`: pip install "unsup_jax[export]"') from error


def onnx_model(function: Callable[..., Any], images: jax.ShapeDtypeStruct, *, name: str) -> Any:
    """The ONNX `ModelProto` of a function of images, of the input `images` and the output `estimates`; sizes that are symbols stay open.

    Raises `InputError` on a primitive that has no ONNX node here, and without the package `onnx`.
    """
    check_installed()
    closed = jax.make_jaxpr(function)(images)
    graph = Graph("images", images.shape)
    (result,) = graph.inline(closed, ["images"])
    graph.node("Identity", result, name="estimates")
    shape = lambda aval: [n if isinstance(n, int) else str(n) for n in aval.shape]
    info = lambda name, aval: onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(aval.dtype)), shape(aval))
    return graph.model(name, [info("images", closed.in_avals[0])], [info("estimates", closed.out_avals[0])])


class Graph:
    """Nodes and constants of an ONNX graph that is being written."""

    def __init__(self, source: str, shape: Sequence[Any]):
        """Of a function of the array `source`, of a shape whose symbols become what `Shape(source)` says."""
        self._nodes, self._constants, self._sizes, self._named = [], {}, {}, 0
        self._source = source
        self._axes = {str(n): axis for axis, n in enumerate(shape) if not isinstance(n, int)}

    def node(self, kind: str, *inputs: Value, name: str | None = None, **attributes: Any) -> str:
        """The name of the output of a new node."""
        return self.nodes(kind, *inputs, names=[name or self._new()], **attributes)[0]

    def nodes(self, kind: str, *inputs: Value, count: int = 1, names: list[str] | None = None, **attributes: Any) -> list[str]:
        """The names of the outputs of a new node of several."""
        names = names or [self._new() for _ in range(count)]
        self._nodes.append(onnx.helper.make_node(kind, [self.name(each) for each in inputs], names, **attributes))
        return names

    def name(self, value: Value) -> str:
        """The name of a value; a constant is stored where it has none yet."""
        if isinstance(value, str):
            return value
        value = np.asarray(value)
        found = (value.shape, value.dtype.str, value.tobytes())
        if found not in self._constants:
            self._constants[found] = f"c{len(self._constants)}"
        return self._constants[found]

    def shape(self, sizes: Sequence[Any]) -> Value:
        """A shape as int64 [rank], computed from the images' own where it has symbols."""
        if all(isinstance(n, (int, np.integer)) for n in sizes):
            return np.array(sizes, np.int64)
        return self.node("Concat", *map(self.size, sizes), axis=0)

    def size(self, n: Any) -> Value:
        """One size, a number or a polynomial in the images' sizes, as int64 [1]."""
        if isinstance(n, (int, np.integer)):
            return np.array([n], np.int64)
        if str(n) not in self._sizes:
            self._sizes[str(n)] = self._evaluated(ast.parse(str(n).replace("^", "**"), mode="eval").body)
        return self._sizes[str(n)]

    def _evaluated(self, tree):
        """The node that computes what jax.export writes of a size: +, -, *, powers, floordiv, mod, max and min of symbols and integers."""
        match tree:
            case ast.Name(id=name):
                return self.node("Shape", self._source, start=self._axes[name], end=self._axes[name] + 1)
            case ast.Constant(value=value):
                return np.array([value], np.int64)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.node("Neg", self._evaluated(operand))
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=power)):
                base = self._evaluated(left)
                return self._folded("Mul", [base] * power)
            case ast.BinOp(left=left, op=op, right=right):
                return self.node(_ARITHMETIC[type(op)], self._evaluated(left), self._evaluated(right))
            case ast.Call(func=ast.Name(id="mod"), args=[a, b]):
                return self.node("Mod", self._evaluated(a), self._evaluated(b))
            case ast.Call(func=ast.Name(id="floordiv"), args=[a, b]):
                a, b = self._evaluated(a), self._evaluated(b)
                return self.node("Div", self.node("Sub", a, self.node("Mod", a, b)), b)     # Div alone rounds towards zero
            case ast.Call(func=ast.Name(id=("max" | "min") as kind), args=several):
                return self.node(kind.capitalize(), *map(self._evaluated, several))
        raise InputError(f"ONNX: a size {ast.unparse(tree)} that is not known here")

    def _folded(self, kind, values):
        first, *others = values
        for other in others:
            first = self.node(kind, first, other)
        return first

    def inline(self, closed: ClosedJaxpr, inputs: Sequence[Value]) -> list[Value]:
        """The outputs of a jaxpr whose equations are written into this graph."""
        jaxpr, known = closed.jaxpr, {}
        known |= zip(jaxpr.constvars, map(np.asarray, closed.consts))
        known |= zip(jaxpr.invars, inputs)
        read = lambda atom: np.asarray(atom.val, atom.aval.dtype) if isinstance(atom, Literal) else known[atom]
        for equation in _live(jaxpr):
            known |= zip(equation.outvars, self._written(equation, [read(atom) for atom in equation.invars]))
        return [read(atom) for atom in jaxpr.outvars]

    def _written(self, equation, inputs):
        kind, params = equation.primitive.name, equation.params
        if kind == "scan":
            return self._unrolled(params, inputs)
        inner = params.get("call_jaxpr") or params.get("jaxpr") or params.get("fun_jaxpr")
        if inner is not None and kind not in ("while", "cond"):
            return self.inline(inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ()), inputs)
        fixed = kind != "dim_as_value" and all(isinstance(n, int) for out in equation.outvars for n in out.aval.shape)
        if fixed and all(isinstance(each, np.ndarray) for each in inputs) and not kind.startswith("random"):
            made = equation.primitive.bind(*map(jax.numpy.asarray, inputs), **params)
            return list(map(np.asarray, made)) if equation.primitive.multiple_results else [np.asarray(made)]
        write = primitives.WRITERS.get(kind)
        if write is None:
            raise InputError(f"ONNX has no node here for {kind!r}")
        made = write(self, equation, *inputs)
        return made if isinstance(made, list) else [made]

    def _unrolled(self, params, inputs):
        steps, kept, carried = params["length"], params["num_consts"], params["num_carry"]
        if steps > _UNROLLED:
            raise InputError(f"ONNX: a loop of {steps} steps; up to {_UNROLLED} are unrolled")
        constants, carry, over = inputs[:kept], inputs[kept : kept + carried], inputs[kept + carried :]
        made = {}
        for step in reversed(range(steps)) if params["reverse"] else range(steps):
            shown = [each[step] if isinstance(each, np.ndarray) else self.node("Gather", each, np.int64(step), axis=0) for each in over]
            results = self.inline(params["jaxpr"], [*constants, *carry, *shown])
            carry, made[step] = results[:carried], results[carried:]
        first = np.zeros(1, np.int64)
        stacked = [self.node("Concat", *(self.node("Unsqueeze", made[k][i], first) for k in range(steps)), axis=0) for i in range(len(made[0]))]
        return [*carry, *stacked]

    def model(self, name: str, inputs: list[Any], outputs: list[Any]) -> Any:
        """The checked `ModelProto`."""
        from_array = onnx.numpy_helper.from_array
        constants = [from_array(np.frombuffer(data, kind).reshape(shape), label) for (shape, kind, data), label in self._constants.items()]
        graph = onnx.helper.make_graph(self._nodes, name, inputs, outputs, constants)
        model = onnx.helper.make_model(
            graph, producer_name="unsup_jax", opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.checker.check_model(model)
        return model

    def _new(self):
        self._named += 1
        return f"v{self._named}"


def _live(jaxpr):
    """The equations that an output depends on, in their order."""
    wanted, found = {atom for atom in jaxpr.outvars if isinstance(atom, Var)}, []
    for equation in reversed(jaxpr.eqns):
        if wanted & set(equation.outvars):
            wanted |= {atom for atom in equation.invars if isinstance(atom, Var)}
            found.append(equation)
    return reversed(found)
