"""pointwise: a 1x1 Conv or MatMul in real numbers, MatMulInteger over the channels in integers."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer, channels_second
from codegen.export.integer_parts import multiply_rows
from codegen.export.real_parts import activated, convolution
from codegen.ops.base import QuantLayer


def _real(graph: Builder, layer: RealLayer) -> None:
    if len(layer.input_shapes[0]) == 3:
        convolution(graph, layer, kernel_shape=(1, 1))
        return
    name = layer.name
    rows = graph.node("Flatten", [layer.parameters["weight"]], f"{name}/weight_rows", axis=1)
    columns = graph.node("Transpose", [rows], f"{name}/weight_columns", perm=(1, 0))
    product = graph.node("MatMul", [*layer.inputs, columns], f"{name}/product")
    activated(graph, layer, "Add", [product, layer.parameters["bias"]])


def _integer(graph: Builder, layer: QuantLayer) -> None:
    weight = layer.tensors["weight"]
    multiply_rows(graph, layer, weight.reshape(len(weight), -1).T)


EXPORTER = Exporter(kind="pointwise", real=_real, integer=_integer, weight_order=channels_second)
