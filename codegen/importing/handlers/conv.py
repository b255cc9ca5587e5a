"""Conv and ConvTranspose, in one and two dimensions."""

from __future__ import annotations

import numpy as np

from codegen.importing.context import Context, Unsupported
from codegen.importing.folding import Folded, Weights, bias_of, fold, symmetric_scales
from codegen.importing.graph import Node
from codegen.importing.values import image_axes
from codegen.importing.windows import Geometry, conv_geometry, padded_image, require_image
from codegen.ops.base import Op
from codegen.ops.conv2d import Conv2d
from codegen.ops.conv_transpose import ConvTranspose
from codegen.ops.depthwise import Depthwise
from codegen.ops.grouped_conv import GroupedConv
from codegen.ops.pointwise import Pointwise

_Order = tuple[int, ...]
_CHANNELS_LAST: _Order = (0, 2, 3, 1)
_DEPTHWISE: _Order = (1, 2, 0)


def conv(context: Context, node: Node) -> None:
    """Conv -> pointwise, depthwise, conv2d or grouped_conv."""
    weight, bias, scales = _weights(context, node, channel_axis=0)
    image = require_image(context, node)
    groups = int(node.attribute("group", 1))
    geometry = conv_geometry(node, weight.shape[2:], image)
    linear = Weights(weight=weight, bias=bias, scales=scales)
    folded = fold(context, linear, node.outputs[0], channel_axis=1)
    source, geometry = padded_image(context, node, geometry)
    op, order = _conv_operator(geometry, folded, groups, image[2])
    _add(context, folded, op, order, source)


def conv_transpose(context: Context, node: Node) -> None:
    """ConvTranspose."""
    weight, _, _ = _weights(context, node, channel_axis=None)
    groups = int(node.attribute("group", 1))
    channels = weight.shape[1] * groups
    grouped = weight.reshape(groups, -1, *weight.shape[1:])  # [g, Cin/g, Cout/g, ...]
    turned = np.moveaxis(grouped, 2, 1).reshape(channels, -1, *weight.shape[2:])
    bias = _bias(context, node, channels)
    image = require_image(context, node)
    geometry = conv_geometry(node, weight.shape[2:], image, transposed=True)
    scales = symmetric_scales(context, node.inputs[1], channels, 1) if groups == 1 else None
    linear = Weights(weight=turned, bias=bias, scales=scales)
    folded = fold(context, linear, node.outputs[0], channel_axis=1)
    op = ConvTranspose(
        kernel=geometry.kernel,
        stride=geometry.stride,
        padding=geometry.padding,
        output_padding=geometry.output_padding,
        dilation=geometry.dilation,
        channels=channels,
        groups=groups,
        activation=folded.activation,
    )
    axes = image_axes(context.shape(node.inputs[0]))
    _add(context, folded, op, _CHANNELS_LAST, context.arranged(node.inputs[0], axes))


def _conv_operator(
    geometry: Geometry, folded: Folded, groups: int, channels_in: int
) -> tuple[Op, _Order]:
    """The most special operator that does it."""
    channels, activation = len(folded.weights.bias), folded.activation
    kernel, stride, padding = geometry.kernel, geometry.stride, geometry.padding
    unit = (kernel, stride) == ((1, 1), (1, 1)) and not any(padding)
    dense_taps = geometry.dilation == (1, 1)
    if groups == 1 and unit:
        return Pointwise(channels=channels, activation=activation), _CHANNELS_LAST
    if dense_taps and groups == channels_in == channels and groups > 1:
        depthwise = Depthwise(kernel=kernel, stride=stride, padding=padding, activation=activation)
        return depthwise, _DEPTHWISE
    if dense_taps and groups == 1:
        conv2d = Conv2d(
            kernel=kernel, stride=stride, padding=padding, channels=channels, activation=activation
        )
        return conv2d, _CHANNELS_LAST
    grouped = GroupedConv(
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=geometry.dilation,
        channels=channels,
        groups=groups,
        activation=activation,
    )
    return grouped, _CHANNELS_LAST


def _ordered(weight: np.ndarray, order: _Order) -> np.ndarray:
    """The model's weights [Cout, Cin, kh, kw] -> the operator's; depthwise has no Cin."""
    return (weight[:, 0] if order == _DEPTHWISE else weight).transpose(order)


def _add(context: Context, folded: Folded, op: Op, order: _Order, source: str) -> None:
    weight = folded.weights.weight
    if weight.ndim == 3:
        weight = weight[:, :, np.newaxis]  # one dimension: an image of height 1
    context.layer(
        folded.tensor,
        op,
        [source],
        image_axes(context.shape(folded.tensor)),
        folded.tensors(_ordered(weight, order)),
        weight_scales=folded.weights.scales,
    )


def _weights(
    context: Context, node: Node, channel_axis: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    weight = context.required_constant(node, 1, "weight").astype(np.float64)
    if weight.ndim not in (3, 4):
        raise Unsupported(f"it has {weight.ndim - 2} dimensions", "one and two are supported")
    if channel_axis is None:
        return weight, np.zeros(0), None
    channels = weight.shape[channel_axis]
    scales = symmetric_scales(context, node.inputs[1], channels, channel_axis)
    return weight, _bias(context, node, channels), scales


def _bias(context: Context, node: Node, channels: int) -> np.ndarray:
    bias = bias_of(context, node)
    return np.zeros(channels) if bias is None else bias


HANDLERS = {"Conv": conv, "ConvTranspose": conv_transpose}
