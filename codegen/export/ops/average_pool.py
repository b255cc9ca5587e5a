"""average_pool: AveragePool in real numbers; a convolution with ones in integers."""

from __future__ import annotations

import numpy as np

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import byte_constant, finish_mean, window_sums
from codegen.export.real_parts import window_attributes, window_of
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    attributes = window_attributes(layer.op)
    graph.node("AveragePool", layer.inputs, layer.output, count_include_pad=1, **attributes)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    channels = layer.output_shape[2]
    ones = np.ones((channels, 1, *window_of(layer.op).kernel), np.int8)
    weight = byte_constant(graph, f"{layer.name}/ones", ones)
    finish_mean(graph, layer, window_sums(graph, layer, weight, group=channels))


EXPORTER = Exporter(kind="average_pool", real=_real, integer=_integer)
