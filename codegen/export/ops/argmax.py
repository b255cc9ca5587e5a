"""argmax: ArgMax in both; real numbers carry the positions as float32."""

from __future__ import annotations

import numpy as np

from codegen.export.builder import Builder, element_type
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.real_parts import from_house_order, house_order
from codegen.ops.argmax import Argmax
from codegen.ops.base import Op, QuantLayer


def _positions(graph: Builder, op: Op, name: str, tensor: str, rank: int) -> str:
    """int64, the axes in the house's order; `rank` without the batch."""
    if not isinstance(op, Argmax):
        raise TypeError(f"{op.kind} finds no positions")
    return graph.node(
        "ArgMax",
        [tensor],
        f"{name}/positions",
        axis=op.axis + 1,
        keepdims=int(rank == 1),
        select_last_index=int(op.ties == "last"),
    )


def _real(graph: Builder, layer: RealLayer) -> None:
    shapes = layer.input_shapes
    source = house_order(graph, layer)
    positions = _positions(graph, layer.op, layer.name, source, len(shapes[0]))
    real = graph.node("Cast", [positions], f"{layer.name}/real", to=element_type(np.float32))
    from_house_order(graph, layer, real, layer.op.output_shape(shapes))


def _integer(graph: Builder, layer: QuantLayer) -> None:
    name = layer.name
    wide = graph.node("Cast", layer.inputs, f"{name}/wide", to=element_type(np.int32))
    positions = _positions(graph, layer.op, name, wide, len(layer.input_shapes[0]))
    graph.node("Cast", [positions], name, to=element_type(np.int32))


EXPORTER = Exporter(kind="argmax", real=_real, integer=_integer)
