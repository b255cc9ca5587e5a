"""lookup: the function node by node in real numbers, Gather in integers."""

from __future__ import annotations

import numpy as np

from codegen.export.builder import Builder, element_type
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.expression_nodes import add_expression
from codegen.export.integer_parts import as_bytes
from codegen.ops.base import QuantLayer
from codegen.ops.lookup import Lookup


def _real(graph: Builder, layer: RealLayer) -> None:
    if not isinstance(layer.op, Lookup):
        raise TypeError(f"{layer.op.kind} has no function")
    add_expression(graph, layer.op.function, layer.name, layer.inputs[0], layer.output)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    source = as_bytes(graph, layer.inputs[0])  # q + 128 is the index
    index = graph.node("Cast", [source], f"{layer.name}/index", to=element_type(np.int32))
    table = graph.constant(f"{layer.name}.table", layer.tensors["table"])
    graph.node("Gather", [table, index], layer.name, axis=0)


EXPORTER = Exporter(kind="lookup", real=_real, integer=_integer)
