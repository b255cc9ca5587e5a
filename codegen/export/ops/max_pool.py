"""max_pool: MaxPool in both; ONNX's padding never wins either."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.real_parts import CHANNELS_FIRST, CHANNELS_LAST, window_attributes
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    graph.node("MaxPool", layer.inputs, layer.output, **window_attributes(layer.op))


def _integer(graph: Builder, layer: QuantLayer) -> None:
    name = layer.name
    source = graph.node("Transpose", layer.inputs, f"{name}/channels_first", perm=CHANNELS_FIRST)
    largest = graph.node("MaxPool", [source], f"{name}/largest", **window_attributes(layer.op))
    graph.node("Transpose", [largest], name, perm=CHANNELS_LAST)


EXPORTER = Exporter(kind="max_pool", real=_real, integer=_integer)
