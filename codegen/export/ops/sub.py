"""sub: Sub in real numbers; two products and one rounding in integers."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import rescaled_sum
from codegen.export.real_parts import activated
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    activated(graph, layer, "Sub", layer.inputs)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    rescaled_sum(graph, layer, "Sub")


EXPORTER = Exporter(kind="sub", real=_real, integer=_integer)
