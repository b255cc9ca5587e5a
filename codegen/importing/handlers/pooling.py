"""Pools, global pools and reductions."""

from __future__ import annotations

import dataclasses

from codegen.importing.ceil_pools import COUNTED_PADS
from codegen.importing.context import Context, Unsupported
from codegen.importing.graph import Node
from codegen.importing.values import Axes, Value, elements, house_shape, image_axes, moving_axes
from codegen.importing.windows import Geometry, conv_geometry, require_image
from codegen.ops.average_pool import AveragePool
from codegen.ops.base import Op
from codegen.ops.dilated_max_pool import DilatedMaxPool
from codegen.ops.expressions import Expression, X
from codegen.ops.global_pool import GlobalPool
from codegen.ops.inner_average_pool import InnerAveragePool
from codegen.ops.max_pool import MaxPool


def max_pool(context: Context, node: Node) -> None:
    """MaxPool without indices."""
    if sum(map(bool, node.outputs)) > 1:
        raise Unsupported("its indices are used", "only the largest values are supported")
    geometry = _geometry(context, node)
    kernel, stride, padding = geometry.kernel, geometry.stride, geometry.padding
    op: Op = MaxPool(kernel=kernel, stride=stride, padding=padding)
    if geometry.dilation != (1, 1):
        dilation = geometry.dilation
        op = DilatedMaxPool(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
    _slide(context, node, op)


def average_pool(context: Context, node: Node) -> None:
    """AveragePool; which taps count in the divisor follows the model."""
    geometry = _geometry(context, node)
    if geometry.dilation != (1, 1):
        raise Unsupported("its window is dilated", "averages without dilation are supported")
    kernel, stride, padding = geometry.kernel, geometry.stride, geometry.padding
    counts_padding = bool(node.attribute("count_include_pad", 0))
    given = conv_geometry(
        node,
        node.attribute("kernel_shape"),
        require_image(context, node),
        pads=node.attribute(COUNTED_PADS),
    )
    counted = tuple(map(min, given.padding, padding)) if counts_padding else (0, 0, 0, 0)
    op: Op
    if counted == padding:
        op = AveragePool(kernel=kernel, stride=stride, padding=padding)
    else:
        top, left, bottom, right = counted
        op = InnerAveragePool(
            kernel=kernel, stride=stride, padding=padding, counted=(top, left, bottom, right)
        )
    _slide(context, node, op)


def global_pool(context: Context, node: Node) -> None:
    """The mean, or the largest, over height and width."""
    shape = context.shape(node.inputs[0])
    require_image(context, node)
    _reduce(context, node, tuple(range(2, len(shape))), keeps_axes=True)


def reduce(context: Context, node: Node) -> None:
    """ReduceMean, ReduceSum and ReduceMax over any axes."""
    rank = len(context.shape(node.inputs[0]))
    axes = node.attribute("axes")
    if context.has_input(node, 1):
        axes = context.required_constant(node, 1, "list of axes").reshape(-1).tolist()
    if not axes and node.attribute("noop_with_empty_axes", 0):
        context.apply(node, X)
        return
    chosen = tuple(sorted({int(axis) % rank for axis in axes})) if axes else tuple(range(rank))
    _reduce(context, node, chosen, keeps_axes=bool(node.attribute("keepdims", 1)))


def _reduce(context: Context, node: Node, reduced: tuple[int, ...], *, keeps_axes: bool) -> None:
    """The reduced axes first, so that the kernels of images serve: height 1, width n, channels."""
    source, output = node.inputs[0], node.outputs[0]
    shape = context.shape(source)
    order = moving_axes(shape, context.plain(source).axes)
    kept = tuple(axis for axis in order if axis not in reduced)
    moving = tuple(axis for axis in order if axis in reduced)
    positions, channels = (elements([shape[a] for a in axes]) for axes in (moving, kept))
    layer = context.arranged(source, (*moving, *kept) or (None,))
    image = context.network.reshaped(layer, (1, positions, channels))
    later = {axis: axis - sum(r < axis for r in reduced) for axis in kept}
    axes: Axes = (kept if keeps_axes else tuple(later[axis] for axis in kept)) or (None,)
    is_maximum = node.op_type in ("ReduceMax", "GlobalMaxPool")
    op = MaxPool(kernel=(1, positions)) if is_maximum else GlobalPool()
    if node.op_type != "ReduceSum":
        context.layer(output, op, [image], axes)
        return
    # the sum is the mean in steps that are larger by the number of elements
    own = context.graph.quantities.get(output)
    mean = None if own is None else dataclasses.replace(own, scale=own.scale / positions)
    layer = context.network.add(context.name_of(output), op, [image], quantity=mean)
    made = context.shape(output)
    held = context.network.reshaped(layer, house_shape(made, axes))
    expression: Expression = ("mul", X, float(positions))
    context.set(output, Value(layer=held, shape=made, axes=axes, expression=expression))


def _geometry(context: Context, node: Node) -> Geometry:
    """The padding at the ends is what the output's size needs: ceil_mode enlarges it."""
    image = require_image(context, node)
    geometry = conv_geometry(node, node.attribute("kernel_shape"), image)
    output = context.shape(node.outputs[0])
    rows, columns, _ = house_shape(output, image_axes(output))
    top, left, _, _ = geometry.padding
    ends = (
        (outputs - 1) * stride + span - size - before
        for outputs, stride, span, size, before in (
            (rows, geometry.stride[0], geometry.span[0], image[0], top),
            (columns, geometry.stride[1], geometry.span[1], image[1], left),
        )
    )
    bottom, right = (max(end, 0) for end in ends)
    padding = (top, left, bottom, right)
    if max(top, bottom) >= geometry.span[0] or max(left, right) >= geometry.span[1]:
        raise Unsupported(
            f"its padding {list(padding)} is as wide as its window {list(geometry.kernel)}",
            "some windows would have no input at all",
        )
    return dataclasses.replace(geometry, padding=padding)


def _slide(context: Context, node: Node, op: Op) -> None:
    axes = image_axes(context.shape(node.inputs[0]))
    context.layer(node.outputs[0], op, [context.arranged(node.inputs[0], axes)], axes)


HANDLERS = {
    "AveragePool": average_pool,
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "MaxPool": max_pool,
    "ReduceMax": reduce,
    "ReduceMean": reduce,
    "ReduceSum": reduce,
}
