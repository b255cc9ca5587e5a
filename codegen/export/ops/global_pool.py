"""global_pool: GlobalAveragePool in real numbers, ReduceSum in integers."""

from __future__ import annotations

import numpy as np

from codegen.export.builder import Builder, element_type
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import finish_mean, int64
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    mean = graph.node("GlobalAveragePool", layer.inputs, f"{layer.name}/mean")
    graph.node("Flatten", [mean], layer.output, axis=1)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    wide = graph.node("Cast", layer.inputs, f"{layer.name}/pixels", to=element_type(np.int32))
    axes = graph.constant("AXES/image", int64([1, 2]))
    finish_mean(
        graph, layer, graph.node("ReduceSum", [wide, axes], f"{layer.name}/sums", keepdims=0)
    )


EXPORTER = Exporter(kind="global_pool", real=_real, integer=_integer)
