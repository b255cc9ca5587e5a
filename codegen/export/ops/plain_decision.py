"""plain_decision: one comparison with the threshold."""

from __future__ import annotations

from codegen.export import integer_parts, real_parts
from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import int32
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    real_parts.decide(graph, layer, layer.inputs[0])


def _integer(graph: Builder, layer: QuantLayer) -> None:
    (score,) = layer.inputs
    threshold = graph.constant(f"{layer.name}.threshold", int32(layer.tensors["threshold"]))
    accepted = graph.node("GreaterOrEqual", [score, threshold], f"{layer.name}/accepted")
    no_norm = graph.node("Sub", [score, score], f"{layer.name}/norm_squared")  # 0 for each image
    integer_parts.decide(graph, layer, norm_squared=no_norm, accepted=accepted, score=score)


EXPORTER = Exporter(kind="plain_decision", real=_real, integer=_integer)
