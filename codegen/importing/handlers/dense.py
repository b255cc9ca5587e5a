"""Gemm and MatMul with constant weights."""

from __future__ import annotations

import numpy as np

from codegen.importing.context import Context, Unsupported
from codegen.importing.folding import Weights, fold, symmetric_scales
from codegen.importing.graph import Node
from codegen.importing.values import Value, elements, moving_axes
from codegen.ops.add import Add
from codegen.ops.constant import Constant
from codegen.ops.dense import Dense
from codegen.ops.pointwise import Pointwise


def gemm(context: Context, node: Node) -> None:
    """Y = alpha * A * B + beta * C, A computed."""
    if node.attribute("transA", 0):
        raise Unsupported("its first input is transposed", "export it with transA=0")
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
    if offset is None:
        multiply_rows(context, node, linear, node.outputs[0])
        return
    if offset.size in (1, len(weight)) and offset.ndim <= 2 and offset.shape[:-1] in ((), (1,)):
        linear = linear.scaled(np.ones(len(weight)), np.broadcast_to(offset, (1, len(weight)))[0])
        multiply_rows(context, node, linear, node.outputs[0])
        return
    _with_matrix_offset(context, node, linear, offset)


def matmul(context: Context, node: Node) -> None:
    """A * B, one of them constant and a matrix."""
    constant = context.constant(node, 1)
    if constant is not None and constant.ndim == 2:
        own = symmetric_scales(context, node.inputs[1], constant.shape[1], 1)
        weight = constant.astype(np.float64).T
        linear = Weights(weight=weight, bias=np.zeros(len(weight)), scales=own)
        multiply_rows(context, node, linear, node.outputs[0])
        return
    constant = context.constant(node, 0)
    if constant is not None and constant.ndim == 2 and len(context.shape(node.inputs[1])) >= 2:
        _multiply_columns(context, node, constant.astype(np.float64))
        return
    raise Unsupported(
        "neither input is a constant matrix",
        "products of two computed tensors are not supported; weights must be constants of the file",
    )


def multiply_rows(context: Context, node: Node, linear: Weights, output: str) -> None:
    """Dot products of the last axis of the node's first input with rows of the weights."""
    source = node.inputs[0]
    shape = context.shape(source)
    last = len(shape) - 1
    folded = fold(context, linear, output, channel_axis=last)
    weight = folded.weights.weight
    rows = tuple(axis for axis in range(last) if shape[axis] != 1)
    activation, channels = folded.activation, len(weight)
    if source in context.flattened:
        layer, order = _flattened(context, context.flattened[source])
        weight = weight[:, order]
    else:
        layer = context.arranged(source, (*rows, last))
    op = (Pointwise if rows else Dense)(channels=channels, activation=activation)
    if isinstance(op, Pointwise):
        weight = weight.reshape(channels, 1, 1, -1)
    context.layer(
        folded.tensor,
        op,
        [layer],
        (*rows, last),
        folded.tensors(weight),
        weight_scales=folded.weights.scales,
    )


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
    if not context.has_input(node, 2) or beta == 0:
        return None
    own = context.own_integers(node.inputs[2])
    if own is not None:
        return np.asarray((own.integers - own.zero_point) * own.scale * beta, np.float64)
    return context.required_constant(node, 2, "bias").astype(np.float64) * beta


def _with_matrix_offset(context: Context, node: Node, linear: Weights, offset: np.ndarray) -> None:
    """C differs from row to row: a constant is added."""
    shape = context.shape(node.outputs[0])
    source = context.arranged(node.inputs[0], (0, 1))
    weight = linear.weight.reshape(len(linear.weight), 1, 1, -1)
    product = context.network.add(
        f"{node.name}_product",
        Pointwise(channels=len(linear.weight)),
        [source],
        {"weight": weight, "bias": linear.bias},
        weight_scales=linear.scales,
    )
    values = offset.reshape((1,) * (2 - offset.ndim) + offset.shape)
    constant = context.network.add(
        f"{node.name}_offset", Constant(shape=values.shape), [], {"values": values}
    )
    context.layer(node.outputs[0], Add(), [product, constant], tuple(range(len(shape))))


HANDLERS = {"Gemm": gemm, "MatMul": matmul}
