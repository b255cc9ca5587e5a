"""reshape: Reshape in both; in real numbers between the house's order and channels first."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer, op_of
from codegen.export.integer_parts import int64
from codegen.export.real_parts import from_house_order, house_order
from codegen.ops.base import QuantLayer
from codegen.ops.reshape import Reshape


def _real(graph: Builder, layer: RealLayer) -> None:
    source = house_order(graph, layer)
    reshaped = _reshape(graph, layer, source, f"{layer.name}/reshaped")
    from_house_order(graph, layer, reshaped, op_of(layer, Reshape).shape)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    _reshape(graph, layer, layer.inputs[0], layer.name)


def _reshape(graph: Builder, layer: RealLayer | QuantLayer, source: str, output: str) -> str:
    """0 stands for the batch: that axis is kept."""
    shape = int64([0, *op_of(layer, Reshape).shape])
    return graph.node("Reshape", [source, graph.constant(f"{layer.name}/shape", shape)], output)


EXPORTER = Exporter(kind="reshape", real=_real, integer=_integer)
