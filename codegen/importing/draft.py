"""A graph while it is read: what the steps change, one after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import onnx

from codegen.importing.graph import Node, OwnIntegers
from codegen.ops.base import Quantity, Shape

REAL_TYPES = frozenset(
    {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.BFLOAT16,
        onnx.TensorProto.DOUBLE,
    }
)
BYTE_TYPES = frozenset({onnx.TensorProto.INT8, onnx.TensorProto.UINT8})


@dataclass(kw_only=True)
class Draft:
    """A graph in the making.

    Attributes:
        where: the file, for errors.
        opset: of the standard operators.
        inputs: names, in the model's order.
        outputs: the model's names and the tensors that they are, in the model's order.
        nodes: in an order in which they can run.
        constants: by name; types as in the file.
        shapes: of tensors that are no constants, where they are known.
        types: element types (TensorProto's numbers) of the same.
        no_tensors: "sequence" and the like, by the name of what is no tensor.
        fault: why not all shapes are known, as ONNX says, or "".
        own_integers: of the constants that came quantised.
        quantities: of activations.
        remarks: for people.
    """

    where: str
    opset: int
    inputs: list[str]
    outputs: list[tuple[str, str]]
    nodes: list[Node]
    constants: dict[str, np.ndarray]
    shapes: dict[str, Shape]
    types: dict[str, int]
    no_tensors: dict[str, str] = field(default_factory=dict)
    fault: str = ""
    own_integers: dict[str, OwnIntegers] = field(default_factory=dict)
    quantities: dict[str, Quantity] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def type_of(self, tensor: str) -> int:
        """The element type of any tensor; UNDEFINED where it is not known."""
        if tensor in self.constants:
            return onnx.helper.np_dtype_to_tensor_dtype(self.constants[tensor].dtype)
        return self.types.get(tensor, onnx.TensorProto.UNDEFINED)

    def read(self) -> set[str]:
        """Every tensor that a node or the outside reads."""
        return {tensor for _, tensor in self.outputs} | {
            tensor for node in self.nodes for tensor in node.inputs if tensor
        }

    def replace(self, step: Callable[[Node, dict[str, str]], Iterable[Node]]) -> None:
        """Runs a step over the nodes in order; readers of a dropped tensor read its replacement.

        Args:
            step: given a node with renamed inputs and the replacements so far, answers the nodes
                that take its place and adds to the replacements what it drops.
        """
        names: dict[str, str] = {}
        nodes: list[Node] = []
        for node in self.nodes:
            inputs = tuple(names.get(tensor, tensor) for tensor in node.inputs)
            nodes += step(dataclasses.replace(node, inputs=inputs), names)
        self.nodes = nodes
        self.outputs = [(name, names.get(tensor, tensor)) for name, tensor in self.outputs]


def type_name(kind: int) -> str:
    """What numpy calls an element type."""
    if kind == onnx.TensorProto.UNDEFINED:
        return "unknown"
    return str(onnx.helper.tensor_dtype_to_np_dtype(kind).name)
