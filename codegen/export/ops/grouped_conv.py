"""grouped_conv: Conv in real numbers, ConvInteger in integers, with groups and dilations."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer, channels_second
from codegen.export.integer_parts import convolve
from codegen.export.real_parts import convolution, grouped, window_attributes
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    convolution(graph, layer, group=grouped(layer.op).groups, **window_attributes(layer.op))


def _integer(graph: Builder, layer: QuantLayer) -> None:
    weight = channels_second(layer.tensors["weight"])
    convolve(graph, layer, weight, group=grouped(layer.op).groups)


EXPORTER = Exporter(kind="grouped_conv", real=_real, integer=_integer, weight_order=channels_second)
