"""Gemm and MatMul with constant weights."""

from __future__ import annotations

import numpy as np

from codegen.importing.context import Context, Unsupported
from codegen.importing.folding import (
    Folded,
    Weights,
    bias_of,
    fold,
    symmetric_scales,
    unfolded,
)
from codegen.importing.graph import Node
from codegen.importing.values import Axes, Value, elements, moving_axes, natural_axes
from codegen.ops.add import Add
from codegen.ops.dense import Dense
from codegen.ops.grouped_conv import GroupedConv
from codegen.ops.pointwise import Pointwise


def gemm(context: Context, node: Node) -> None:
    """Y = alpha * A * B + beta * C, A computed."""
    weight = context.required_constant(node, 1, "weight").astype(np.float64)
    output_axis = 0 if node.attribute("transB", 0) else 1
    weight = weight if output_axis == 0 else weight.T
    alpha, beta = float(node.attribute("alpha", 1.0)), float(node.attribute("beta", 1.0))
    own = symmetric_scales(context, node.inputs[1], len(weight), output_axis)
    linear = Weights(
        weight=weight * alpha,
        bias=np.zeros(len(weight)),
        scales=own if alpha == 1.0 else None,
    )
    offset = _offset(context, node, beta)
    if offset is not None and not _is_row(offset, len(weight)):
        _with_matrix_offset(context, node, linear, offset)
        return
    if offset is not None:
        row = np.broadcast_to(offset, (1, len(weight)))[0]
        linear = linear.scaled(np.ones(len(weight)), row)
    folded = fold(context, linear, node.outputs[0], channel_axis=1)
    _multiply(context, node, folded, _gemm_source(node), (0, 1))


def matmul(context: Context, node: Node) -> None:
    """A * B, one of them constant."""
    constant = context.constant(node, 1)
    if constant is not None:
        _multiply_constant(context, node, constant)
        return
    constant = context.constant(node, 0)
    if constant is not None and constant.ndim == 2 and len(context.shape(node.inputs[1])) >= 2:
        _multiply_columns(context, node, constant.astype(np.float64))
        return
    raise Unsupported(
        "neither input is a constant matrix",
        "products of two computed tensors are not supported; weights must be constants of the file",
    )


def _multiply_constant(context: Context, node: Node, constant: np.ndarray) -> None:
    """A matrix, a vector, or a stack of matrices, one for each matrix of the computed tensor."""
    rank, output = len(context.shape(node.inputs[0])), node.outputs[0]
    is_matrix = constant.ndim == 2 or elements(constant.shape[:-2]) == 1 < constant.ndim
    if constant.ndim > 2 and rank > 1 and not is_matrix:
        _multiply_stack(context, node, constant.astype(np.float64))
        return
    columns = constant.reshape(1, -1) if constant.ndim == 1 else np.swapaxes(constant, -2, -1)
    weight = columns.reshape(-1, columns.shape[-1]).astype(np.float64)
    scales = None
    if constant.ndim == 2:
        scales = symmetric_scales(context, node.inputs[1], len(weight), 1)
    linear = Weights(weight=weight, bias=np.zeros(len(weight)), scales=scales)
    last = len(context.shape(output)) - 1
    if is_matrix:  # a stack of one adds axes of size 1
        folded = fold(context, linear, output, channel_axis=last)
        made: Axes = tuple(range(last - rank + 1, last + 1))
    else:
        folded = unfolded(linear, output)
        stack = natural_axes(context.shape(output))
        made = stack if constant.ndim > 2 else (*range(rank - 1), None)
    _multiply(context, node, folded, tuple(range(rank)), made)


def _multiply(
    context: Context, node: Node, folded: Folded, source_axes: tuple[int, ...], axes: Axes
) -> None:
    """Dot products along the last of the source's axes with rows of the weights.

    `axes` are the output's: one for each of the others, then that of the rows of the weights.
    """
    source = node.inputs[0]
    shape = context.shape(source)
    rows = [place for place, axis in enumerate(source_axes[:-1]) if shape[axis] != 1]
    weight = folded.weights.weight
    if source in context.flattened:
        layer, order = _flattened(context, context.flattened[source])
        weight = weight[:, order]
    else:
        kept = (*(source_axes[place] for place in rows), source_axes[-1])
        layer = context.arranged(source, kept)
    op = (Pointwise if rows else Dense)(channels=len(weight), activation=folded.activation)
    if isinstance(op, Pointwise):
        weight = weight.reshape(len(weight), 1, 1, -1)
    made = (*(axes[place] for place in rows), *axes[len(source_axes) - 1 :])
    scales = folded.weights.scales
    tensors = folded.tensors(weight)
    context.layer(folded.tensor, op, [layer], made, tensors, weight_scales=scales)


def _multiply_stack(context: Context, node: Node, constant: np.ndarray) -> None:
    """[..., M, K] * [..., K, N]: a convolution with a group for each matrix of the stack."""
    shape, output = context.shape(node.inputs[0]), context.shape(node.outputs[0])
    last = len(output) - 1
    if shape[:-2] != output[:-2]:
        raise Unsupported(
            f"its weight of shape {list(constant.shape)} makes a stack of its input",
            "repeat the input with Concat before it",
        )
    stack = [axis for axis in range(last - 1) if shape[axis] != 1]
    count, rows = elements([shape[axis] for axis in stack]), shape[-2]
    whole = np.broadcast_to(constant, (*shape[:-2], *constant.shape[-2:]))
    weight = np.moveaxis(whole, -1, -2).reshape(count * output[-1], 1, 1, shape[-1])
    axes = (last - 1, *stack, last)
    layer = context.arranged(node.inputs[0], axes)
    image = context.network.reshaped(layer, (1, rows, count * shape[-1]))
    op = GroupedConv(kernel=(1, 1), channels=len(weight), groups=count)
    tensors = {"weight": weight, "bias": np.zeros(len(weight))}
    context.layer(node.outputs[0], op, [image], axes, tensors)


def _gemm_source(node: Node) -> tuple[int, int]:
    """The axes of A: rows, what is summed over."""
    return (1, 0) if node.attribute("transA", 0) else (0, 1)


def _is_row(offset: np.ndarray, channels: int) -> bool:
    """Whether C is the same for every row."""
    return offset.size in (1, channels) and offset.ndim <= 2 and offset.shape[:-1] in ((), (1,))


def _flattened(context: Context, value: Value) -> tuple[str, np.ndarray]:
    """A vector in the house's order, and where each of its elements stands in the model's."""
    positions = np.arange(elements(value.shape)).reshape(value.shape)
    axes = moving_axes(value.shape, value.axes)
    rest = [axis for axis in range(len(value.shape)) if axis not in axes]
    order = positions.transpose(*axes, *rest).reshape(-1)
    return context.network.reshaped(value.layer, (positions.size,)), order


def _multiply_columns(context: Context, node: Node, weight: np.ndarray) -> None:
    """W * X = (X' * W')': the products run over the last axis but one."""
    shape = context.shape(node.inputs[1])
    last = len(shape) - 1
    linear = Weights(weight=weight, bias=np.zeros(len(weight)))
    folded = fold(context, linear, node.outputs[0], channel_axis=last - 1)
    axes = (*(axis for axis in range(last - 1) if shape[axis] != 1), last, last - 1)
    op = Pointwise(channels=len(weight), activation=folded.activation)
    layer = context.arranged(node.inputs[1], axes)
    tensors = folded.tensors(folded.weights.weight.reshape(len(weight), 1, 1, -1))
    context.layer(folded.tensor, op, [layer], axes, tensors)


def _offset(context: Context, node: Node, beta: float) -> np.ndarray | None:
    offset = bias_of(context, node) if beta else None
    return None if offset is None else offset * beta


def _with_matrix_offset(context: Context, node: Node, linear: Weights, offset: np.ndarray) -> None:
    """C differs from row to row: a constant is added."""
    source = context.arranged(node.inputs[0], _gemm_source(node))
    weight = linear.weight.reshape(len(linear.weight), 1, 1, -1)
    product = context.network.add(
        f"{node.name}_product",
        Pointwise(channels=len(linear.weight)),
        [source],
        {"weight": weight, "bias": linear.bias},
        weight_scales=linear.scales,
    )
    values = offset.reshape((1,) * (2 - offset.ndim) + offset.shape)
    axes = (0, 1)
    constant = context.constant_layer(f"{node.name}_offset", values, axes)
    context.layer(node.outputs[0], Add(), [product, constant], axes)


HANDLERS = {"Gemm": gemm, "MatMul": matmul}
