"""Collects nodes and constants by name and makes a model of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from codegen import __version__
from codegen.ops.base import Shape

OPSET = 17  # old enough for most tools, new enough for every operator used here
IR_VERSION = 8  # the one that came with opset 17
BATCH = "N"  # the symbolic first axis of every tensor


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """A tensor that the model declares: an input, an output, or a layer's result.

    Attributes:
        name: the tensor's name.
        dtype: a numpy element type.
        shape: without the batch.
    """

    name: str
    dtype: type[np.generic]
    shape: Shape

    def proto(self) -> onnx.ValueInfoProto:
        """The declaration, batched."""
        return helper.make_tensor_value_info(
            self.name, element_type(self.dtype), [BATCH, *self.shape]
        )


class Builder:
    """A graph in the making. Names of layers are tensor names; what lies between has a slash."""

    def __init__(self, given: str) -> None:
        """`given` is any input of the graph: what says how many samples there are."""
        self.given = given
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, np.ndarray] = {}
        self._made: set[str] = set()

    def node(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str,
        **attributes: Any,  # noqa: ANN401 - integers or lists of them, as ONNX defines each node
    ) -> str:
        """Adds a node with one output and returns the output's name."""
        if self.has(output):
            raise ValueError(f"two tensors would be called {output}")
        self._made.add(output)
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: np.ndarray) -> str:
        """Adds a constant, or finds it if the same one was added before; returns its name."""
        known = self._constants.setdefault(name, values)
        if known.dtype != values.dtype or not np.array_equal(known, values):
            raise ValueError(f"two constants would be called {name}")
        return name

    def has(self, name: str) -> bool:
        """Whether a node makes this tensor already."""
        return name in self._made

    def model(
        self,
        name: str,
        summary: str,
        *,
        inputs: Sequence[TensorInfo],
        results: Sequence[TensorInfo],
        layers: Sequence[TensorInfo],
    ) -> onnx.ModelProto:
        """The finished model.

        Args:
            name: the architecture's.
            summary: what the graph computes, for people.
            inputs: what it is given, in order.
            results: the outputs, in order.
            layers: results of layers; declared, so that a checker compares the shapes.
        """
        kept = {result.name for result in results}
        graph = helper.make_graph(
            self._nodes,
            name,
            [given.proto() for given in inputs],
            [result.proto() for result in results],
            [numpy_helper.from_array(values, key) for key, values in self._constants.items()],
            value_info=[layer.proto() for layer in layers if layer.name not in kept],
        )
        return helper.make_model(
            graph,
            doc_string=summary,
            producer_name="hvcodegen",
            producer_version=__version__,
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )


def element_type(dtype: type[np.generic]) -> int:
    """ONNX's number of an element type, also the `to` of a Cast."""
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


def model_bytes(model: onnx.ModelProto) -> bytes:
    """The file's content; the same model gives the same bytes."""
    return bytes(model.SerializeToString(deterministic=True))


def describe_tensor(info: onnx.ValueInfoProto) -> str:
    """For people: "image uint8 [N, 64, 64, 3]"."""
    tensor = info.type.tensor_type
    dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    axes = ", ".join(axis.dim_param or str(axis.dim_value) for axis in tensor.shape.dim)
    return f"{info.name} {dtype} [{axes}]"
