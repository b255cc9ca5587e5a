"""pad: Pad in both, along the axes where they lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer, op_of
from codegen.export.integer_parts import int64
from codegen.export.real_parts import float32, real_axis
from codegen.ops.base import QuantLayer
from codegen.ops.pad import Pad


def _real(graph: Builder, layer: RealLayer) -> None:
    rank = len(layer.input_shapes[0])
    axes = [real_axis(axis, rank) for axis in range(rank)]
    _pad(graph, layer, layer.output, axes, float32(op_of(layer, Pad).value))


def _integer(graph: Builder, layer: QuantLayer) -> None:
    axes = [axis + 1 for axis in range(len(layer.output_shape))]
    _pad(graph, layer, layer.name, axes, np.array(layer.constants.get("fill", 0), np.int8))


def _pad(
    graph: Builder,
    layer: RealLayer | QuantLayer,
    output: str,
    axes: Sequence[int],
    fill: np.ndarray,
) -> None:
    op = op_of(layer, Pad)
    sides = np.zeros((2, len(axes) + 1), np.int64)  # nothing is put around the batch
    sides[:, axes] = (op.before, op.after)
    inputs = [*layer.inputs, graph.constant(f"{layer.name}/sides", int64(sides.reshape(-1)))]
    if op.mode == "constant":
        inputs.append(graph.constant(f"{layer.name}/fill", fill))
    graph.node("Pad", inputs, output, mode=op.mode)


EXPORTER = Exporter(kind="pad", real=_real, integer=_integer)
