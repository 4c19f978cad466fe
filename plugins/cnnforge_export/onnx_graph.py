"""What the converter to ONNX leaves to be done: constants that it took for inputs, operators that ONNX lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx

from cnnforge.errors import ExportError


def embed_constants(graph: onnx.GraphProto, values: list[np.ndarray]) -> None:
    """Give all inputs but the first, tensors that layers hold without their being weights, their values.

    Args:
        graph: Changed in place.
        values: In the order of the inputs.
    """
    constants = list(graph.input)[1:]
    for constant, value in zip(constants, values, strict=True):
        graph.initializer.append(onnx.numpy_helper.from_array(value, constant.name))
        graph.input.remove(constant)


def replace_unknown(graph: onnx.GraphProto) -> None:
    """Replace operators of TensorFlow that the converter left as they are by what ONNX has.

    Raises:
        ExportError: There is no replacement.
    """
    nodes = [replacement for node in graph.node for replacement in _replaced(node)]
    del graph.node[:]
    graph.node.extend(nodes)
    if unknown := {node.op_type: node.name for node in _all_nodes(graph) if not _is_known(node)}:
        received = ", ".join(f"{operator} of {name}" for operator, name in sorted(unknown.items()))
        raise ExportError(
            f"expected a network of operators that ONNX has, received {received}",
            hint="--format saved-model and --format litert may take it; or compute the layer with other operations",
        )


def _replaced(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    return _REPLACEMENTS[node.op_type](node) if node.op_type in _REPLACEMENTS and not _is_known(node) else [node]


def _erfc(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return 1 - erf(x), which exact GELU needs."""
    return _from_one(node, "Erf", is_one_first=True)


def _expm1(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return exp(x) - 1."""
    return _from_one(node, "Exp", is_one_first=False)


def _from_one(node: onnx.NodeProto, function: str, *, is_one_first: bool) -> list[onnx.NodeProto]:
    """Return the difference of 1, of the type of x, and a function of x."""
    source, name, make = node.input[0], node.output[0], onnx.helper.make_node
    one = onnx.helper.make_tensor("one", onnx.TensorProto.FLOAT, [], [1.0])
    operands = [f"{name}_one", f"{name}_function"]
    return [
        make("Constant", [], [f"{name}_float"], name=f"{node.name}_float", value=one),
        make("CastLike", [f"{name}_float", source], [f"{name}_one"], name=f"{node.name}_one"),
        make(function, [source], [f"{name}_function"], name=f"{node.name}_function"),
        make("Sub", operands if is_one_first else operands[::-1], [name], name=node.name),
    ]


_REPLACEMENTS: dict[str, Callable[[onnx.NodeProto], list[onnx.NodeProto]]] = {"Erfc": _erfc, "Expm1": _expm1}


def _all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                yield from _all_nodes(inner)


def _is_known(node: onnx.NodeProto) -> bool:
    return bool(onnx.defs.has(node.op_type, node.domain))
