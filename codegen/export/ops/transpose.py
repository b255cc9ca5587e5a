"""transpose: Transpose in both; in real numbers between the house's order and channels first."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer, op_of
from codegen.export.real_parts import from_house_order, house_order
from codegen.ops.base import QuantLayer
from codegen.ops.transpose import Transpose


def _real(graph: Builder, layer: RealLayer) -> None:
    op = op_of(layer, Transpose)
    source = house_order(graph, layer)
    moved = graph.node("Transpose", [source], f"{layer.name}/moved", perm=op.batched_axes)
    from_house_order(graph, layer, moved, op.output_shape(layer.input_shapes))


def _integer(graph: Builder, layer: QuantLayer) -> None:
    graph.node("Transpose", layer.inputs, layer.name, perm=op_of(layer, Transpose).batched_axes)


EXPORTER = Exporter(kind="transpose", real=_real, integer=_integer)
