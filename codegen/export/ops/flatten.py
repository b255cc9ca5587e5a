"""flatten: the house reads an image channels last, so the real form turns it first."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.real_parts import CHANNELS_LAST
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    (source,) = layer.inputs
    if len(layer.input_shapes[0]) == 3:
        source = graph.node(
            "Transpose", [source], f"{layer.name}/channels_last", perm=CHANNELS_LAST
        )
    graph.node("Flatten", [source], layer.output, axis=1)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    graph.node("Flatten", layer.inputs, layer.name, axis=1)


EXPORTER = Exporter(kind="flatten", real=_real, integer=_integer)
