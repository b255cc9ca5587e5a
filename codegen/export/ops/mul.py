"""mul: Mul in both; in integers of what lies above the zero points."""

from __future__ import annotations

import numpy as np

from codegen.export.builder import Builder, element_type
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import int32, int64, requantise
from codegen.export.real_parts import activated
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    activated(graph, layer, "Mul", layer.inputs)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    first, second = (
        _centred(graph, layer, source, which)
        for source, which in zip(layer.inputs, ("first", "second"), strict=True)
    )
    acc = graph.node("Mul", [first, second], f"{layer.name}/accumulator")
    multiplier = int64(layer.constants["multiplier"]) << layer.constants["left_shift"]
    constant = graph.constant(f"{layer.name}.multiplier", int64(multiplier))
    requantise(graph, layer, acc, constant)


def _centred(graph: Builder, layer: QuantLayer, source: str, which: str) -> str:
    wide = graph.node("Cast", [source], f"{layer.name}/{which}", to=element_type(np.int32))
    key = f"{which}_zero_point"
    zero_point = graph.constant(f"{layer.name}.{key}", int32(layer.constants[key]))
    return graph.node("Sub", [wide, zero_point], f"{layer.name}/{which}_centred")


EXPORTER = Exporter(kind="mul", real=_real, integer=_integer)
