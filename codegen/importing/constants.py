"""Constants are computed once, here: what depends on nothing but constants and static shapes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from codegen.errors import HvError
from codegen.importing.ceil_pools import settle_sizes
from codegen.importing.draft import Draft
from codegen.importing.evaluation import evaluate
from codegen.importing.graph import Node, OwnIntegers
from codegen.importing.loading import BROKEN_HINT, FAULTS, first_line, opset_of
from codegen.importing.own_constants import attributes_of, carried, dequantised
from codegen.ops.base import Shape

SHAPE_ELEMENTS = 1024  # constants up to this size can be shapes: inference sees their values
FOLDED_ELEMENTS = 2**26  # a larger result is no constant that a microcontroller could hold
CHANCE = frozenset(
    {
        *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
        *("Bernoulli", "Multinomial", "Dropout"),
    }
)


def fold(model: onnx.ModelProto, where: str) -> Draft:
    """Computes constants and shapes until nothing changes.

    Raises:
        HvError: shapes contradict each other, a constant cannot be read or is of a refused kind.
    """
    folder = _Folder(model, where)
    while True:
        types = folder.infer()
        shapes = _shapes(types)
        if not settle_sizes(folder.nodes, shapes) and not folder.fold_once(shapes):
            return folder.draft(types)


class _Folder:
    """The nodes that are left and the constants so far."""

    def __init__(self, model: onnx.ModelProto, where: str) -> None:
        if model.graph.sparse_initializer:
            names = [tensor.values.name for tensor in model.graph.sparse_initializer]
            raise HvError(
                f"sparse constants: {', '.join(names)}", where=where, hint="store them dense"
            )
        self.model = model
        self.where = where
        self.opset = opset_of(model)
        self.nodes = list(model.graph.node)
        self.constants = {t.name: self._array(t.name, t) for t in model.graph.initializer}
        self.own_integers: dict[str, OwnIntegers] = {}

    def infer(self, *, strict: bool = False) -> dict[str, onnx.TypeProto]:
        """Types of all tensors but constants, as far as ONNX can tell."""
        graph = onnx.GraphProto(name="g", node=self.nodes, input=self.model.graph.input)
        for name, array in self.constants.items():
            if array.size <= SHAPE_ELEMENTS:
                graph.initializer.append(numpy_helper.from_array(array, name))
            else:
                kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
                graph.input.append(onnx.helper.make_tensor_value_info(name, kind, array.shape))
        graph.output.extend(
            onnx.ValueInfoProto(name=value.name)
            for value in self.model.graph.output
            if value.name not in self.constants
        )
        whole = onnx.ModelProto(
            ir_version=max(self.model.ir_version, 4), opset_import=self.model.opset_import
        )
        whole.graph.CopyFrom(graph)
        try:
            known = onnx.shape_inference.infer_shapes(
                whole, data_prop=True, strict_mode=strict
            ).graph
        except FAULTS as error:
            raise HvError(
                f"the shapes contradict each other: {first_line(error)}",
                where=self.where,
                hint=BROKEN_HINT,
            ) from error
        return {
            value.name: value.type
            for value in (*known.input, *known.value_info, *known.output)
            if value.name not in self.constants and value.type.WhichOneof("value")
        }

    def fold_once(self, shapes: Mapping[str, Shape]) -> bool:
        """One walk over the nodes; whether any was folded."""
        left = [node for node in self.nodes if not self._folded(node, shapes)]
        changed = len(left) < len(self.nodes)
        self.nodes = left
        return changed

    def draft(self, types: Mapping[str, onnx.TypeProto]) -> Draft:
        """What is left, for the next steps."""
        shapes = _shapes(types)
        return Draft(
            where=self.where,
            fault=self._fault(shapes),
            opset=self.opset,
            inputs=[value.name for value in self.model.graph.input],
            outputs=[(value.name, value.name) for value in self.model.graph.output],
            nodes=[_node(node) for node in self.nodes],
            constants=self.constants,
            shapes=shapes,
            types={
                name: kind.tensor_type.elem_type
                for name, kind in types.items()
                if kind.HasField("tensor_type")
            },
            no_tensors={
                name: kind.WhichOneof("value").removesuffix("_type")
                for name, kind in types.items()
                if not kind.HasField("tensor_type")
            },
            own_integers=self.own_integers,
        )

    def _fault(self, shapes: Mapping[str, Shape]) -> str:
        """Why ONNX does not know every shape, if it says why."""
        if all(name in shapes for node in self.nodes for name in node.output if name):
            return ""
        try:
            self.infer(strict=True)
        except HvError as error:
            return error.what
        return ""

    def _folded(self, node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> bool:
        """Whether the node became constants."""
        if node.domain:
            return False
        if node.op_type == "Constant":
            self.constants[node.output[0]] = self._constant(node)
            return True
        if node.op_type in ("Shape", "Size") and node.input[0] in shapes:
            self.constants[node.output[0]] = _measured(node, shapes[node.input[0]])
            return True
        if not self._can_run(node, shapes):
            return False
        if node.op_type == "DequantizeLinear":
            own = dequantised(node, self.constants, self.where)
            self.own_integers[node.output[0]] = own.integers
            self.constants[node.output[0]] = own.reals
            return True
        return self._run(node)

    def _can_run(self, node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> bool:
        known = all(name in self.constants for name in node.input if name)
        deterministic = node.op_type not in CHANCE and not _subgraphs(node)
        small = all(math.prod(shapes.get(name, ())) <= FOLDED_ELEMENTS for name in node.output)
        return known and deterministic and small

    def _run(self, node: onnx.NodeProto) -> bool:
        feeds = {name: self.constants[name] for name in node.input if name}
        results = evaluate(node, feeds, self.opset)
        if results is None:
            return False
        self.constants.update(results)
        self.own_integers.update(carried(node, self.own_integers, self.constants, self.opset))
        return True

    def _constant(self, node: onnx.NodeProto) -> np.ndarray:
        """The value of a Constant node."""
        attribute = node.attribute[0]
        value = onnx.helper.get_attribute_value(attribute)
        if attribute.name == "value":
            return self._array(node.output[0], value)
        if attribute.name in ("value_float", "value_floats"):
            return np.array(value, np.float32)
        if attribute.name in ("value_int", "value_ints"):
            return np.array(value, np.int64)
        kind = {"sparse_value": "sparse"}.get(attribute.name, "of strings")
        raise HvError(
            f"the constant {node.output[0]} is {kind}",
            where=self.where,
            hint="constants are dense tensors of numbers",
        )

    def _array(self, name: str, tensor: onnx.TensorProto) -> np.ndarray:
        try:
            array = numpy_helper.to_array(tensor)
        except FAULTS as error:
            raise HvError(
                f"the constant {name} cannot be read: {first_line(error)}",
                where=self.where,
                hint=BROKEN_HINT,
            ) from error
        if array.dtype == object:
            raise HvError(
                f"the constant {name} is of strings",
                where=self.where,
                hint="constants are dense tensors of numbers",
            )
        return array


def _measured(node: onnx.NodeProto, shape: Shape) -> np.ndarray:
    """What Shape or Size answers."""
    if node.op_type == "Size":
        return np.array(math.prod(shape), np.int64)
    ends = attributes_of(node)
    return np.array(shape[ends.get("start", 0) : ends.get("end", len(shape))], np.int64)


def _shapes(types: Mapping[str, onnx.TypeProto]) -> dict[str, Shape]:
    """The shapes that are wholly known."""
    known: dict[str, Shape] = {}
    for name, kind in types.items():
        tensor = kind.tensor_type
        if not tensor.HasField("shape"):
            continue
        if all(size.HasField("dim_value") and size.dim_value >= 0 for size in tensor.shape.dim):
            known[name] = tuple(size.dim_value for size in tensor.shape.dim)
    return known


def _subgraphs(node: onnx.NodeProto) -> Iterable[onnx.GraphProto]:
    return [g for a in node.attribute for g in ([a.g] if a.HasField("g") else a.graphs)]


def _node(node: onnx.NodeProto) -> Node:
    """The house's form of a node; graphs within it are left out: nothing here runs them."""
    made = next((name for name in node.output if name), node.op_type)
    return Node(
        op_type=f"{node.domain}::{node.op_type}" if node.domain else node.op_type,
        name=node.name or made,
        inputs=(*node.input, *_captured(node)),
        outputs=tuple(node.output),
        attributes={a.name: _attribute(a) for a in node.attribute if not _is_graph(a)},
    )


def _is_graph(attribute: onnx.AttributeProto) -> bool:
    return attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)


def _captured(node: onnx.NodeProto) -> list[str]:
    """What the graphs within a node read from around it."""
    names: list[str] = []
    for graph in _subgraphs(node):
        within = {name for inner in graph.node for name in inner.output}
        within |= {value.name for value in (*graph.input, *graph.initializer)}
        read = [name for inner in graph.node for name in (*inner.input, *_captured(inner))]
        names += [name for name in dict.fromkeys(read) if name and name not in within]
    return [name for name in dict.fromkeys(names) if name not in node.input]


def _attribute(attribute: onnx.AttributeProto) -> object:
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if attribute.type == onnx.AttributeProto.STRINGS:
        return [text.decode("utf-8", "replace") for text in value]
    if attribute.type in (onnx.AttributeProto.INTS, onnx.AttributeProto.FLOATS):
        return list(value)
    return value
