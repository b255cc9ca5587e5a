"""concat: Concat in both; in integers each input is requantised first."""

from __future__ import annotations

import numpy as np

from codegen.export.builder import Builder, element_type
from codegen.export.exporter import Exporter, RealLayer, op_of
from codegen.export.integer_parts import int32, int64, requantise_to
from codegen.export.real_parts import real_axis
from codegen.ops.base import QuantLayer
from codegen.ops.concat import Concat


def _real(graph: Builder, layer: RealLayer) -> None:
    axis = real_axis(op_of(layer, Concat).axis, len(layer.input_shapes[0]))
    graph.node("Concat", layer.inputs, layer.output, axis=axis)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    parts = [_part(graph, layer, index) for index in range(len(layer.inputs))]
    graph.node("Concat", parts, layer.name, axis=op_of(layer, Concat).axis + 1)


def _part(graph: Builder, layer: QuantLayer, index: int) -> str:
    op, source = op_of(layer, Concat), layer.inputs[index]
    if op.is_copy(layer, index):
        return source
    name = f"{layer.name}/input{index}"
    wide = graph.node("Cast", [source], f"{name}/int32", to=element_type(np.int32))
    zero = int32(layer.input_quantities[index].zero_point)
    acc = graph.node(
        "Sub", [wide, graph.constant(f"{name}/input_zero_point", zero)], f"{name}/accumulator"
    )
    multiplier, left_shift = op.rescaling(layer, index)
    constant = graph.constant(
        f"{layer.name}.input{index}_multiplier", int64(multiplier << left_shift)
    )
    return requantise_to(graph, name, acc, constant, zero_point=layer.quantity.zero_point)


EXPORTER = Exporter(kind="concat", real=_real, integer=_integer)
