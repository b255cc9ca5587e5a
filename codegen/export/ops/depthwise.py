"""depthwise: Conv and ConvInteger with a group for every channel."""

from __future__ import annotations

import numpy as np

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import convolve
from codegen.export.real_parts import convolution, window_attributes
from codegen.ops.base import QuantLayer


def _weight_order(weight: np.ndarray) -> np.ndarray:
    """[kh, kw, C] -> [C, 1, kh, kw]."""
    return weight.transpose(2, 0, 1)[:, np.newaxis]


def _real(graph: Builder, layer: RealLayer) -> None:
    channels = layer.input_shapes[0][2]
    convolution(graph, layer, group=channels, **window_attributes(layer.op))


def _integer(graph: Builder, layer: QuantLayer) -> None:
    weight = _weight_order(layer.tensors["weight"])
    convolve(graph, layer, weight, group=layer.output_shape[2])


EXPORTER = Exporter(kind="depthwise", real=_real, integer=_integer, weight_order=_weight_order)
