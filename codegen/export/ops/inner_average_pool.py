"""inner_average_pool: AveragePool without its padding; in integers a multiplier per place."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import finish_sum, int64, window_totals
from codegen.export.real_parts import float32, window_attributes
from codegen.ops.base import Op, QuantLayer
from codegen.ops.inner_average_pool import InnerAveragePool


def _real(graph: Builder, layer: RealLayer) -> None:
    """What counts in the frame becomes part of the image; AveragePool pads with the rest."""
    op = _op(layer.op)
    (source,) = layer.inputs
    if any(op.frame):
        top, left, bottom, right = op.frame
        sides = graph.constant(f"{layer.name}/frame", int64([0, 0, top, left, 0, 0, bottom, right]))
        zero = graph.constant("REAL/zero", float32(0))
        source = graph.node("Pad", [source, sides, zero], f"{layer.name}/framed")
    attributes = {**window_attributes(op), "pads": op.uncounted}
    graph.node("AveragePool", [source], layer.output, count_include_pad=0, **attributes)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    counts = _op(layer.op).counts(layer.input_shapes)
    multiplier = int64(layer.tensors["multiplier"])[counts]
    finish_sum(graph, layer, window_totals(graph, layer), multiplier)


def _op(op: Op) -> InnerAveragePool:
    if not isinstance(op, InnerAveragePool):
        raise TypeError(f"{op.kind} is no inner_average_pool")
    return op


EXPORTER = Exporter(kind="inner_average_pool", real=_real, integer=_integer)
