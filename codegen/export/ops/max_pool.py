"""max_pool: MaxPool in both; ONNX's padding never wins either."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import window_maxima
from codegen.export.real_parts import window_attributes
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    graph.node("MaxPool", layer.inputs, layer.output, **window_attributes(layer.op))


def _integer(graph: Builder, layer: QuantLayer) -> None:
    window_maxima(graph, layer)


EXPORTER = Exporter(kind="max_pool", real=_real, integer=_integer)
