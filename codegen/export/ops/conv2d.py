"""conv2d: Conv in real numbers, ConvInteger in integers."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer, channels_second
from codegen.export.integer_parts import convolve
from codegen.export.real_parts import convolution, window_attributes
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    convolution(graph, layer, **window_attributes(layer.op))


def _integer(graph: Builder, layer: QuantLayer) -> None:
    convolve(graph, layer, channels_second(layer.tensors["weight"]), group=1)


EXPORTER = Exporter(kind="conv2d", real=_real, integer=_integer, weight_order=channels_second)
