"""What the integer forms of several operators share; images are [N, H, W, C], as in the contract.

Products are taken of uint8: an int8 value q travels as q + 128 with the zero point 128. It is the
only pair of types whose integer products ONNX Runtime computes exactly on every processor; that of
uint8 and int8 saturates in 16 bits on x86 without VNNI.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codegen.arith import FRACTION_BITS, INT8_MAX, INT8_MIN, ROUND_HALF
from codegen.export.builder import Builder, element_type
from codegen.export.real_parts import (
    CHANNELS_FIRST,
    CHANNELS_LAST,
    dilations,
    window_attributes,
    window_of,
)
from codegen.nets import IMAGE
from codegen.ops.base import QuantLayer

BYTE_OFFSET = 128
FLOOR_OFFSET = 2**30  # quotients: |product| < 2**62, so product + 2**30 * 2**32 is not negative


def int64(values: object) -> np.ndarray:
    """Any integers as int64."""
    return np.asarray(values, np.int64, order="C")


def int32(values: object) -> np.ndarray:
    """Any integers as int32."""
    return np.asarray(values, np.int32, order="C")


def as_bytes(graph: Builder, tensor: str) -> str:
    """The uint8 form q + 128 of an int8 tensor; the camera's image has it already."""
    name = f"{tensor}/uint8"
    if tensor == IMAGE or graph.has(name):
        return tensor if tensor == IMAGE else name
    wide = graph.node("Cast", [tensor], f"{name}/wide", to=element_type(np.int32))
    offset = graph.constant("BYTE/offset", int32(BYTE_OFFSET))
    raised = graph.node("Add", [wide, offset], f"{name}/raised")
    return graph.node("Cast", [raised], name, to=element_type(np.uint8))


def byte_zero(graph: Builder) -> str:
    """The zero point of the uint8 form."""
    return graph.constant("BYTE/zero_point", np.array(BYTE_OFFSET, np.uint8))


def byte_constant(graph: Builder, name: str, values: np.ndarray) -> str:
    """int8 constants in their uint8 form."""
    return graph.constant(name, (values.astype(np.int16) + BYTE_OFFSET).astype(np.uint8))


def window_sums(graph: Builder, layer: QuantLayer, weight: str, group: int) -> str:
    """int32 [N, OH, OW, Cout]: sums of q * w over every window; padded taps read the zero point.

    Args:
        graph: the graph.
        layer: its operator is a sliding window.
        weight: name of the uint8 weights [Cout, Cin / group, kh, kw].
        group: how many groups of channels have windows of their own.
    """
    window = window_of(layer.op)
    source = bytes_channels_first(graph, layer)
    if any(window.padding):
        source = _pad(graph, layer, source)
    return convolution_sums(
        graph,
        layer,
        [source, weight],
        kernel_shape=window.kernel,
        strides=window.stride,
        group=group,
        **dilations(window),
    )


def window_totals(graph: Builder, layer: QuantLayer) -> str:
    """int32 [N, OH, OW, C]: sums over every window of each channel, a convolution with ones."""
    channels = layer.output_shape[2]
    ones = np.ones((channels, 1, *window_of(layer.op).kernel), np.int8)
    weight = byte_constant(graph, f"{layer.name}/ones", ones)
    return window_sums(graph, layer, weight, group=channels)


def window_maxima(graph: Builder, layer: QuantLayer) -> None:
    """The largest value of every window of int8 channels."""
    name, attributes = layer.name, window_attributes(layer.op)
    source = graph.node("Transpose", layer.inputs, f"{name}/channels_first", perm=CHANNELS_FIRST)
    largest = graph.node("MaxPool", [source], f"{name}/largest", **attributes)
    graph.node("Transpose", [largest], name, perm=CHANNELS_LAST)


def bytes_channels_first(graph: Builder, layer: QuantLayer) -> str:
    """uint8 [N, C, H, W]: the layer's first input, as ONNX's convolutions read it."""
    source = as_bytes(graph, layer.inputs[0])
    return graph.node("Transpose", [source], f"{layer.name}/channels_first", perm=CHANNELS_FIRST)


def convolution_sums(
    graph: Builder,
    layer: QuantLayer,
    operands: Sequence[str],
    **attributes: int | Sequence[int],
) -> str:
    """int32 [N, OH, OW, Cout]: ConvInteger of uint8 [N, C, H, W] and [Cout, C / group, kh, kw]."""
    zero = byte_zero(graph)
    name = f"{layer.name}/sums"
    inputs = [*operands, zero, zero]
    sums = graph.node("ConvInteger", inputs, f"{name}_channels_first", **attributes)
    return graph.node("Transpose", [sums], name, perm=CHANNELS_LAST)


def zero_point_byte(graph: Builder, layer: QuantLayer) -> str:
    """The uint8 form of real 0 in the layer's first input: what a tap reads beside the image."""
    value = layer.input_quantities[0].zero_point + BYTE_OFFSET
    return graph.constant(f"{layer.name}/padding_value", np.array(value, np.uint8))


def _pad(graph: Builder, layer: QuantLayer, source: str) -> str:
    top, left, bottom, right = window_of(layer.op).padding
    name = f"{layer.name}/padding"
    sides = graph.constant(name, int64([0, 0, top, left, 0, 0, bottom, right]))
    fill = zero_point_byte(graph, layer)
    return graph.node("Pad", [source, sides, fill], f"{layer.name}/padded")


def convolve(graph: Builder, layer: QuantLayer, weight: np.ndarray, group: int) -> None:
    """A convolution and all that follows; weight int8 in ONNX's order."""
    constant = byte_constant(graph, f"{layer.name}.weight", weight)
    finish_mac(graph, layer, window_sums(graph, layer, constant, group))


def multiply_rows(graph: Builder, layer: QuantLayer, weight: np.ndarray) -> None:
    """Dot products over the last axis and all that follows; weight int8 [Cin, Cout]."""
    constant = byte_constant(graph, f"{layer.name}.weight", weight)
    zero = byte_zero(graph)
    source = as_bytes(graph, layer.inputs[0])
    inputs = [source, constant, zero, zero]
    finish_mac(graph, layer, graph.node("MatMulInteger", inputs, f"{layer.name}/sums"))


def finish_mac(graph: Builder, layer: QuantLayer, sums: str) -> None:
    """int32 sums -> the layer's output: bias, then requantisation unless the layer keeps int32."""
    bias = graph.constant(f"{layer.name}.bias", int32(layer.tensors["bias"]))
    if layer.op.output_dtype == "int32":
        graph.node("Add", [sums, bias], layer.name)
        return
    acc = graph.node("Add", [sums, bias], f"{layer.name}/accumulator")
    multiplier = _multiplier(graph, layer, "multiplier")
    if "negative_multiplier" in layer.tensors:
        zero = graph.constant("ACCUMULATOR/zero", int32(0))
        positive = graph.node("GreaterOrEqual", [acc, zero], f"{layer.name}/positive")
        negative = _multiplier(graph, layer, "negative_multiplier")
        multiplier = graph.node(
            "Where", [positive, multiplier, negative], f"{layer.name}/multipliers"
        )
    requantise(graph, layer, acc, multiplier)


def finish_mean(graph: Builder, layer: QuantLayer, sums: str) -> None:
    """int32 sums over positions -> means; the twin of codegen.ops.pooling.finish_mean."""
    finish_sum(graph, layer, sums, int64(layer.constants["multiplier"]))


def finish_sum(graph: Builder, layer: QuantLayer, sums: str, multiplier: np.ndarray) -> None:
    """The same with int64 multipliers that broadcast over the sums [N, ...]."""
    bias = graph.constant(f"{layer.name}.bias", int32(layer.constants["bias"]))
    acc = graph.node("Add", [sums, bias], f"{layer.name}/accumulator")
    values = multiplier << layer.constants["left_shift"]
    requantise(graph, layer, acc, graph.constant(f"{layer.name}.multiplier", int64(values)))


def rescaled_sum(graph: Builder, layer: QuantLayer, kind: str) -> None:
    """`kind` (Add or Sub) of two rescaled operands, and one rounding."""
    products = []
    for source, which in zip(layer.inputs, ("first", "second"), strict=True):
        wide = graph.node("Cast", [source], f"{layer.name}/{which}", to=element_type(np.int32))
        key = f"{which}_multiplier"
        scale = graph.constant(f"{layer.name}.{key}", int32(layer.constants[key]))
        products.append(graph.node("Mul", [wide, scale], f"{layer.name}/{which}_product"))
    total = graph.node(kind, products, f"{layer.name}/sum")
    bias = graph.constant(f"{layer.name}.bias", int32(layer.constants["bias"]))
    acc = graph.node("Add", [total, bias], f"{layer.name}/accumulator")
    multiplier = graph.constant(f"{layer.name}.multiplier", int64(layer.constants["multiplier"]))
    requantise(graph, layer, acc, multiplier)


def requantise(graph: Builder, layer: QuantLayer, acc: str, multiplier: str) -> None:
    """An int32 accumulator -> the layer's int8 output, clamped to its own bounds."""
    lo, hi = layer.constants.get("lo", INT8_MIN), layer.constants.get("hi", INT8_MAX)
    requantise_to(
        graph, layer.name, acc, multiplier, zero_point=layer.quantity.zero_point, lo=lo, hi=hi
    )


def requantise_to(
    graph: Builder,
    name: str,
    acc: str,
    multiplier: str,
    *,
    zero_point: int,
    lo: int = INT8_MIN,
    hi: int = INT8_MAX,
) -> str:
    """codegen.arith.requantise on int64: int32 `acc` -> int8 `name`; the left shift is in it.

    floor(p / 2**32) is Div(p + 2**62, 2**32) - 2**30: Div truncates, and nothing is negative there.
    """
    wide = graph.node("Cast", [acc], f"{name}/wide", to=element_type(np.int64))
    product = graph.node("Mul", [wide, multiplier], f"{name}/product")
    half = graph.constant("Q32/offset", int64(ROUND_HALF + (FLOOR_OFFSET << FRACTION_BITS)))
    raised = graph.node("Add", [product, half], f"{name}/raised_product")
    unit = graph.constant("Q32/divisor", int64(2**FRACTION_BITS))
    quotient = graph.node("Div", [raised, unit], f"{name}/quotient")
    moved_zero = graph.constant(f"{name}/zero_point", int64(zero_point - FLOOR_OFFSET))
    moved = graph.node("Add", [quotient, moved_zero], f"{name}/unclamped")
    bounds = [graph.constant(f"{name}/{end}", int64(v)) for end, v in (("lo", lo), ("hi", hi))]
    clamped = graph.node("Clip", [moved, *bounds], f"{name}/clamped")
    return graph.node("Cast", [clamped], name, to=element_type(np.int8))


def decide(graph: Builder, layer: QuantLayer, norm_squared: str, accepted: str, score: str) -> None:
    """Joins int32 [N, 1] columns into the decision's [N, 3]; `accepted` is bool."""
    flag = graph.node("Cast", [accepted], f"{layer.name}/flag", to=element_type(np.int32))
    graph.node("Concat", [score, norm_squared, flag], layer.name, axis=1)


def _multiplier(graph: Builder, layer: QuantLayer, tensor: str) -> str:
    """With the left shift in it: acc * 2**s * m is the same product either way."""
    values = int64(layer.tensors[tensor]) << layer.constants["left_shift"]
    return graph.constant(f"{layer.name}.{tensor}", int64(values))
