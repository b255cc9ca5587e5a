"""add: Add in real numbers; two products and one rounding in integers."""

from __future__ import annotations

import numpy as np

from codegen.export.builder import Builder, element_type
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import int32, int64, requantise
from codegen.export.real_parts import activated
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    activated(graph, layer, "Add", layer.inputs)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    first, second = (
        _product(graph, layer, source, which)
        for source, which in zip(layer.inputs, ("first", "second"), strict=True)
    )
    total = graph.node("Add", [first, second], f"{layer.name}/sum")
    bias = graph.constant(f"{layer.name}.bias", int32(layer.constants["bias"]))
    acc = graph.node("Add", [total, bias], f"{layer.name}/accumulator")
    multiplier = graph.constant(f"{layer.name}.multiplier", int64(layer.constants["multiplier"]))
    requantise(graph, layer, acc, multiplier)


def _product(graph: Builder, layer: QuantLayer, source: str, which: str) -> str:
    wide = graph.node("Cast", [source], f"{layer.name}/{which}", to=element_type(np.int32))
    key = f"{which}_multiplier"
    multiplier = graph.constant(f"{layer.name}.{key}", int32(layer.constants[key]))
    return graph.node("Mul", [wide, multiplier], f"{layer.name}/{which}_product")


EXPORTER = Exporter(kind="add", real=_real, integer=_integer)
