"""dense: Gemm in real numbers, MatMulInteger in integers."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import multiply_rows
from codegen.export.real_parts import activated
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    parameters = [layer.parameters["weight"], layer.parameters["bias"]]
    activated(graph, layer, "Gemm", [*layer.inputs, *parameters], transB=1)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    multiply_rows(graph, layer, layer.tensors["weight"].T)


EXPORTER = Exporter(kind="dense", real=_real, integer=_integer)
