"""average_pool: AveragePool in real numbers; a convolution with ones in integers."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import finish_mean, window_totals
from codegen.export.real_parts import window_attributes
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    attributes = window_attributes(layer.op)
    graph.node("AveragePool", layer.inputs, layer.output, count_include_pad=1, **attributes)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    finish_mean(graph, layer, window_totals(graph, layer))


EXPORTER = Exporter(kind="average_pool", real=_real, integer=_integer)
