"""slice: Slice in both, along the axes where they lie."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer, op_of
from codegen.export.integer_parts import int64
from codegen.export.real_parts import real_axis
from codegen.ops.base import QuantLayer
from codegen.ops.slice import Slice

BEFORE_ALL = -(2**31)  # -1 would count from the end; this is clamped to in front of index 0


def _real(graph: Builder, layer: RealLayer) -> None:
    rank = len(layer.input_shapes[0])
    _slice(graph, layer, layer.output, [real_axis(axis, rank) for axis in range(rank)])


def _integer(graph: Builder, layer: QuantLayer) -> None:
    axes = [axis + 1 for axis in range(len(layer.output_shape))]
    _slice(graph, layer, layer.name, axes)


def _slice(graph: Builder, layer: RealLayer | QuantLayer, output: str, axes: Sequence[int]) -> None:
    op = op_of(layer, Slice)
    ends = [_end(indices) for indices in op.indices()]
    numbers = {"starts": op.start, "ends": ends, "axes": axes, "steps": op.step}
    constants = [
        graph.constant(f"{layer.name}/{name}", int64(values)) for name, values in numbers.items()
    ]
    graph.node("Slice", [*layer.inputs, *constants], output)


def _end(indices: range) -> int:
    """The index next to the last one, on the far side; BEFORE_ALL where there is none."""
    end = indices[-1] + (1 if indices.step > 0 else -1)
    return end if end >= 0 else BEFORE_ALL


EXPORTER = Exporter(kind="slice", real=_real, integer=_integer)
