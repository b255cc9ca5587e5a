"""Small ONNX files, written with onnx.helper."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from codegen.importing.graph import Graph
from codegen.importing.reading import read_model

Sizes = Sequence[int | str | None] | None
Ends = Mapping[str, tuple[int, Sizes]]


def real(*sizes: int | str | None) -> tuple[int, Sizes]:
    """The type of a float32 tensor."""
    return TensorProto.FLOAT, sizes


def node(op: str, inputs: str, outputs: str, **attributes: object) -> onnx.NodeProto:
    """A node; names are split at spaces, "-" stands for an absent one."""
    named = [["" if name == "-" else name for name in text.split()] for text in (inputs, outputs)]
    return helper.make_node(op, *named, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Ends,
    outputs: Ends,
    constants: Mapping[str, Any] = {},
    *,
    opset: int = 17,
    opsets: Mapping[str, int] = {},
) -> onnx.ModelProto:
    """A model; Python's and numpy's arrays become initializers."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, *end) for name, end in inputs.items()],
        [helper.make_tensor_value_info(name, *end) for name, end in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    versions = {"": opset, **opsets}
    imports = [helper.make_opsetid(domain, version) for domain, version in versions.items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def one(op: str, **attributes: object) -> onnx.ModelProto:
    """A model of one node on x [1, 4]."""
    return model([node(op, "x", "y", **attributes)], {"x": real(1, 4)}, {"y": real(1, 4)})


def written(folder: Path, proto: onnx.ModelProto) -> Path:
    """The model as a file."""
    path = folder / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def read(folder: Path, proto: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]] = {}) -> Graph:
    """The model, written and read."""
    return read_model(written(folder, proto), shapes)


def kinds(graph: Graph) -> list[str]:
    """The operators, in order."""
    return [each.op_type for each in graph.nodes]
