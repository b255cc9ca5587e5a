"""resize: Gather along the rows, then along the columns, in both."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer, op_of
from codegen.export.integer_parts import int64
from codegen.export.real_parts import real_axis
from codegen.ops.base import QuantLayer
from codegen.ops.resize import Resize


def _real(graph: Builder, layer: RealLayer) -> None:
    _gather(graph, layer, layer.output, (real_axis(0, 3), real_axis(1, 3)))


def _integer(graph: Builder, layer: QuantLayer) -> None:
    _gather(graph, layer, layer.name, (1, 2))


def _gather(
    graph: Builder, layer: RealLayer | QuantLayer, output: str, axes: tuple[int, int]
) -> None:
    op, (rows_axis, columns_axis) = op_of(layer, Resize), axes
    rows = graph.constant(f"{layer.name}.rows", int64(op.rows))
    columns = graph.constant(f"{layer.name}.columns", int64(op.columns))
    tall = graph.node("Gather", [*layer.inputs, rows], f"{layer.name}/tall", axis=rows_axis)
    graph.node("Gather", [tall, columns], output, axis=columns_axis)


EXPORTER = Exporter(kind="resize", real=_real, integer=_integer)
