"""conv_transpose: ConvTranspose in real numbers; a convolution of the spread image in integers."""

from __future__ import annotations

from codegen.export.builder import Builder
from codegen.export.exporter import Exporter, RealLayer, channels_second
from codegen.export.integer_parts import (
    byte_constant,
    bytes_channels_first,
    convolution_sums,
    finish_mac,
    int64,
    zero_point_byte,
)
from codegen.export.real_parts import activated, window_attributes
from codegen.ops.base import Op, QuantLayer
from codegen.ops.conv_transpose import ConvTranspose


def _real(graph: Builder, layer: RealLayer) -> None:
    op = _op(layer.op)
    inputs = [*layer.inputs, _input_channel_first(graph, layer), layer.parameters["bias"]]
    activated(
        graph,
        layer,
        "ConvTranspose",
        inputs,
        group=op.groups,
        output_padding=op.output_padding,
        **window_attributes(op),
    )


def _input_channel_first(graph: Builder, layer: RealLayer) -> str:
    """The house's weights [Cout, kh, kw, Cin / groups] -> ONNX's [Cin, Cout / groups, kh, kw].

    With nodes: quantised weights keep their scales per output channel on the first axis.
    """
    op, channels = _op(layer.op), layer.input_shapes[0][2]
    name, weight = f"{layer.name}/weight", layer.parameters["weight"]
    depth, outputs = channels // op.groups, op.channels // op.groups
    apart = graph.constant(f"{name}_by_group", int64([op.groups, outputs, *op.kernel, depth]))
    together = graph.constant(f"{name}_shape", int64([channels, outputs, *op.kernel]))
    groups = graph.node("Reshape", [weight, apart], f"{name}_groups")
    turned = graph.node("Transpose", [groups], f"{name}_turned", perm=(0, 4, 1, 2, 3))
    return graph.node("Reshape", [turned, together], f"{name}_inputs_first")


def _integer(graph: Builder, layer: QuantLayer) -> None:
    """The taps turned round: in a convolution the last one reads what lies furthest below."""
    op = _op(layer.op)
    turned = channels_second(layer.tensors["weight"])[:, :, ::-1, ::-1]
    weight = byte_constant(graph, f"{layer.name}.weight", turned)
    source = _pixels_read(graph, layer, _spread(graph, layer))
    sums = convolution_sums(
        graph,
        layer,
        [source, weight],
        kernel_shape=op.kernel,
        dilations=op.dilation,
        group=op.groups,
    )
    finish_mac(graph, layer, sums)


def _spread(graph: Builder, layer: QuantLayer) -> str:
    """uint8 [N, C, H * stride, W * stride]: pixels a stride apart, zero points in between."""
    name, (rows, columns) = f"{layer.name}/spread", _op(layer.op).stride
    height, width, channels = layer.input_shapes[0]
    axes = graph.constant("AXES/spread", int64([3, 5]))
    apart = graph.node("Unsqueeze", [bytes_channels_first(graph, layer), axes], f"{name}_pixels")
    sides = graph.constant(f"{name}_sides", int64([0] * 9 + [rows - 1, 0, columns - 1]))
    fill = zero_point_byte(graph, layer)
    padded = graph.node("Pad", [apart, sides, fill], f"{name}_blocks")
    shape = graph.constant(f"{name}_shape", int64([0, channels, height * rows, width * columns]))
    return graph.node("Reshape", [padded, shape], name)


def _pixels_read(graph: Builder, layer: QuantLayer, spread: str) -> str:
    """The part of the spread image that outputs read, with zero points around it."""
    op, name = _op(layer.op), f"{layer.name}/padding"
    (below, beside), (rows, columns) = op.reach, op.output_padding
    sides = graph.constant(name, int64([0, 0, below, beside, 0, 0, below + rows, beside + columns]))
    fill = zero_point_byte(graph, layer)
    padded = graph.node("Pad", [spread, sides, fill], f"{layer.name}/padded")
    top, left = op.padding[:2]
    height, width, _ = layer.output_shape
    starts = graph.constant(f"{name}_cut", int64([top, left]))
    ends = graph.constant(f"{name}_end", int64([top + height + below, left + width + beside]))
    axes = graph.constant("AXES/rows_columns", int64([2, 3]))
    return graph.node("Slice", [padded, starts, ends, axes], f"{layer.name}/pixels_read")


def _op(op: Op) -> ConvTranspose:
    if not isinstance(op, ConvTranspose):
        raise TypeError(f"{op.kind} is no conv_transpose")
    return op


EXPORTER = Exporter(kind="conv_transpose", real=_real, integer=_integer)
