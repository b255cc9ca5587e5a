"""constant: an initializer in both, repeated for every sample."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer
from codegen.export.integer_parts import int64
from codegen.export.real_parts import from_house_order
from codegen.ops.base import QuantLayer, Shape

_COUNT = "BATCH/count"


def _real(graph: Builder, layer: RealLayer) -> None:
    shape = layer.op.output_shape(layer.input_shapes)
    repeated = f"{layer.name}/repeated"
    _repeat(graph, layer.parameters["values"], shape, layer.name, repeated)
    from_house_order(graph, layer, repeated, shape)


def _integer(graph: Builder, layer: QuantLayer) -> None:
    values = graph.constant(f"{layer.name}.values", layer.tensors["values"])
    _repeat(graph, values, layer.output_shape, layer.name, layer.name)


def _repeat(graph: Builder, values: str, shape: Shape, name: str, output: str) -> None:
    """[...] -> [N, ...], N as many as there are samples."""
    if not graph.has(_COUNT):
        graph.node("Shape", [graph.given], _COUNT, start=0, end=1)
    own = graph.constant(f"{name}/own_shape", int64(shape))
    whole = graph.node("Concat", [_COUNT, own], f"{name}/shape", axis=0)
    graph.node("Expand", [values, whole], output)


EXPORTER = Exporter(kind="constant", real=_real, integer=_integer)
