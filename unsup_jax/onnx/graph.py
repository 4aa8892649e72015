"""A graph of ONNX nodes, read from the bytes of a model, as a function."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy
from unsup_jax.onnx.operators import OPERATORS

onnx = Lazy("onnx")


@dataclass(frozen=True)
class Node:
    """One operation: `outputs` = operator(`inputs`), all by name; an optional one that is left out has an empty name."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Graph:
    """inputs -> outputs, a list each."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: dict[str, np.ndarray]

    def __call__(self, *given: Array) -> list[Array]:
        known = {**self.constants, **dict(zip(self.inputs, given)), "": None}
        for node in self.nodes:
            made = OPERATORS[node.operator](*(known[name] for name in node.inputs), **node.attributes)
            known |= zip(node.outputs, made if isinstance(made, (list, tuple)) else [made])
        return [known[name] for name in self.outputs]


def load(content: bytes, name: str) -> Graph:
    """The graph of an ONNX file's bytes. Raises `InputError` on what is no ONNX model, and on operators and weights that are not known here."""
    try:
        parsed = onnx.load_model_from_string(content).graph
    except ImportError as error:
        raise InputError(f'{name}: ONNX files need the package `onnx`: pip install "unsup_jax[export]"') from error
    except Exception as error:                                       # protobuf raises its own kinds
        raise InputError(f"{name}: not a readable ONNX model ({(str(error).splitlines() or [''])[0][:120]})") from error
    if not parsed.node or not parsed.output:
        raise InputError(f"{name}: not a readable ONNX model (it has no nodes)")
    unknown = sorted({(f"{node.domain}." if node.domain not in ("", "ai.onnx") else "") + node.op_type for node in parsed.node} - set(OPERATORS))
    if unknown:
        raise InputError(f"{name}: of the ONNX operators, {', '.join(unknown)} {'are' if len(unknown) > 1 else 'is'} not known here")
    if any(each.data_location == onnx.TensorProto.EXTERNAL for each in parsed.initializer):
        raise InputError(f"{name}: its weights are in another file; store them in the ONNX file itself")
    constants = {each.name: _number(onnx.numpy_helper.to_array(each)) for each in parsed.initializer}
    nodes = tuple(Node(node.op_type, tuple(node.input), tuple(node.output), _attributes(node)) for node in parsed.node)
    inputs = tuple(each.name for each in parsed.input if each.name not in constants)
    return Graph(inputs, _names(parsed.output), nodes, constants)


def _names(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(value.name for value in values)


def _attributes(node):
    read = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    plain = {name: value.decode() if isinstance(value, bytes) else value for name, value in read.items()}
    return {name: _number(onnx.numpy_helper.to_array(value)) if isinstance(value, onnx.TensorProto) else value for name, value in plain.items()}


def _number(array):
    return array.astype(np.float32) if array.dtype.kind == "f" and array.dtype != np.float32 else array
