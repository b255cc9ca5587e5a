"""softmax: Softmax in real numbers; Gather, ReduceSum and Div on int64 in integers."""

from __future__ import annotations

import numpy as np

from codegen.arith import INT8_MAX, INT8_MIN
from codegen.export.builder import Builder, element_type
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import int64
from codegen.export.real_parts import real_axis
from codegen.ops.along_axis import AlongAxis
from codegen.ops.base import Op, QuantLayer


def _axis(op: Op) -> int:
    """The house's axis."""
    if not isinstance(op, AlongAxis):
        raise TypeError(f"{op.kind} has no axis")
    return op.axis


def _real(graph: Builder, layer: RealLayer) -> None:
    axis = real_axis(_axis(layer.op), len(layer.input_shapes[0]))
    graph.node("Softmax", layer.inputs, layer.output, axis=axis)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    name = layer.name
    e = _exponentials(graph, layer)
    axes = graph.constant(f"{name}/axis", int64([_axis(layer.op) + 1]))
    total = graph.node("ReduceSum", [e, axes], f"{name}/sum", keepdims=1)
    two = graph.constant("INTEGER/two", int64(2))
    half = graph.node("Div", [total, two], f"{name}/half")
    steps = graph.constant(f"{name}.steps", int64(layer.constants["steps"]))
    share = graph.node("Mul", [e, steps], f"{name}/share")
    raised = graph.node("Add", [share, half], f"{name}/raised")
    rounded = graph.node("Div", [raised, total], f"{name}/rounded")
    zero_point = graph.constant(f"{name}/zero_point", int64(INT8_MIN))
    moved = graph.node("Add", [rounded, zero_point], f"{name}/unclamped")
    bounds = [
        graph.constant(f"INT8/{end}", int64(value))
        for end, value in (("lo", INT8_MIN), ("hi", INT8_MAX))
    ]
    clamped = graph.node("Clip", [moved, *bounds], f"{name}/clamped")
    graph.node("Cast", [clamped], name, to=element_type(np.int8))


def _exponentials(graph: Builder, layer: QuantLayer) -> str:
    """int64, the shape of the input."""
    name, axis = layer.name, _axis(layer.op) + 1
    wide = graph.node("Cast", layer.inputs, f"{name}/wide", to=element_type(np.int32))
    largest = graph.node("ReduceMax", [wide], f"{name}/largest", axes=[axis], keepdims=1)
    distance = graph.node("Sub", [largest, wide], f"{name}/distance")
    table = graph.constant(f"{name}.table", int64(layer.tensors["table"]))
    return graph.node("Gather", [table, distance], f"{name}/exponentials", axis=0)


EXPORTER = Exporter(kind="softmax", real=_real, integer=_integer)
