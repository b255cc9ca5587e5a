"""Add, Sub, Mul, Div: with constants, with each other, per channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from codegen.importing.context import Context, Unsupported
from codegen.importing.folding import (
    Folded,
    Weights,
    affine_of,
    batch_norm,
    fold,
    fuse_activation,
)
from codegen.importing.graph import Node
from codegen.importing.values import Axes, Value, default_axes, elements, moving_axes, natural_axes
from codegen.ops.add import Add
from codegen.ops.base import Activation, Op, Shape
from codegen.ops.depthwise import Depthwise
from codegen.ops.expressions import Expression, X, substituted
from codegen.ops.mul import Mul
from codegen.ops.sub import Sub

_FUNCTION = {"Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Pow": "pow"}
Operand = Value | np.ndarray  # a numpy array is a constant; a value has nothing left to be done
_OPERATOR: dict[str, type[Add] | type[Sub] | type[Mul]] = {"Add": Add, "Sub": Sub, "Mul": Mul}


def binary(context: Context, node: Node) -> None:
    """A node with two operands."""
    for index in (0, 1):
        constant = context.constant(node, index)
        if constant is not None:
            _with_constant(context, node, 1 - index, constant.astype(np.float64))
            return
    first, second = (context.value(tensor) for tensor in node.inputs)
    if (first.layer, first.axes, first.shape) == (second.layer, second.axes, second.shape):
        function = (_FUNCTION[node.op_type], first.expression, second.expression)
        context.set_expression(node.outputs[0], first, function)
        return
    if node.op_type == "Div":
        inverse = dataclasses.replace(second, expression=("reciprocal", second.expression))
        reciprocal = context.materialised(inverse, f"{node.name}_reciprocal")
        _between(context, node, Mul, (context.plain(node.inputs[0]), reciprocal))
        return
    if node.op_type not in _OPERATOR:
        raise Unsupported(
            "both of its operands are computed by the model",
            "supported between two computed tensors: Add, Sub, Mul, Div",
        )
    operands = (context.plain(node.inputs[0]), context.plain(node.inputs[1]))
    _between(context, node, _OPERATOR[node.op_type], operands)


def batch_normalization(context: Context, node: Node) -> None:
    """One that could not be folded: a 1x1 depthwise convolution."""
    scale, offset = batch_norm(context, node)
    per_channel(context, node.inputs[0], node.outputs[0], 1, scale, offset)


def per_channel(
    context: Context,
    source: str,
    output: str,
    axis: int,
    scale: np.ndarray,
    offset: np.ndarray,
) -> None:
    """* scale + offset along one axis of the model, and what can be folded into that."""
    linear = Weights(weight=scale.reshape(-1, 1), bias=np.array(offset, np.float64))
    _add_per_channel(context, source, axis, fold(context, linear, output, channel_axis=axis))


def per_channel_slope(context: Context, node: Node, axis: int, slopes: np.ndarray) -> None:
    """A PReLU on its own: the convolution by ones carries it."""
    ones = Weights(weight=np.ones((len(slopes), 1)), bias=np.zeros(len(slopes)))
    folded = Folded(
        weights=ones, activation=Activation(kind="prelu"), slope=slopes, tensor=node.outputs[0]
    )
    _add_per_channel(context, node.inputs[0], axis, folded)


def per_element_slope(context: Context, node: Node, slopes: np.ndarray) -> None:
    """The same with a slope for each element: every element is a channel."""
    source, output = node.inputs[0], node.outputs[0]
    shape = context.shape(source)
    axes = natural_axes(shape)
    count = elements(shape)
    pixel = context.network.reshaped(context.arranged(source, axes), (1, 1, count))
    tensors = {
        "weight": np.ones((1, 1, count)),
        "bias": np.zeros(count),
        "slope": slopes.flatten(),
    }
    op = Depthwise(kernel=(1, 1), activation=Activation(kind="prelu"))
    context.layer(output, op, [pixel], axes, tensors)


def _add_per_channel(context: Context, source: str, axis: int, folded: Folded) -> None:
    shape = context.shape(source)
    axes = (*(a for a in moving_axes(shape, default_axes(shape)) if a != axis), axis)
    rows = elements(shape) // shape[axis]
    layer = context.network.reshaped(context.arranged(source, axes), (1, rows, shape[axis]))
    op = Depthwise(kernel=(1, 1), activation=folded.activation)
    weight = folded.weights.weight.reshape(1, 1, -1)
    context.layer(folded.tensor, op, [layer], axes, folded.tensors(weight))


def _with_constant(context: Context, node: Node, index: int, constant: np.ndarray) -> None:
    source, output = node.inputs[index], node.outputs[0]
    keeps_shape = context.shape(output) == context.shape(source)
    if constant.size == 1 and keeps_shape and node.op_type in _FUNCTION:
        number: Expression = float(constant.reshape(-1)[0])
        operands = (X, number) if index == 0 else (number, X)
        value = context.value(source)
        whole = substituted((_FUNCTION[node.op_type], *operands), value.expression)
        context.set_expression(output, value, whole)
        return
    for axis in range(len(context.shape(source))) if keeps_shape else ():
        affine = affine_of(context, node, source, axis)
        if affine is not None:
            per_channel(context, source, output, axis, *affine)
            return
    if node.op_type == "Div" and index == 0 and constant.all():
        _between(context, node, Mul, (context.plain(source), 1 / constant))
    elif node.op_type in _OPERATOR:
        value = context.plain(source)
        pair = (value, constant) if index == 0 else (constant, value)
        _between(context, node, _OPERATOR[node.op_type], pair)
    else:
        raise Unsupported("its constant has several elements", "supported: Add, Sub, Mul, Div")


def _between(
    context: Context,
    node: Node,
    operator: type[Add] | type[Sub] | type[Mul],
    operands: tuple[Operand, Operand],
) -> None:
    """Two operands that broadcast."""
    output = context.shape(node.outputs[0])
    axes = common_axes(output, operands)
    layers = []
    for number, operand in enumerate(operands):
        own = own_axes(axes, len(output) - len(operand.shape))
        if isinstance(operand, np.ndarray):
            layers.append(context.constant_layer(f"{node.name}_constant{number}", operand, own))
        else:
            layers.append(context.operand(operand, own))
    activation, _, tensor = fuse_activation(context, node.outputs[0], None)
    op: Op = operator(activation=activation)
    context.layer(tensor, op, layers, axes)


def common_axes(output: Shape, operands: Sequence[Operand]) -> Axes:
    """The order of axes of an operand as large as the output; else what is usual."""
    for operand in operands:
        if isinstance(operand, Value) and operand.shape == output:
            return operand.axes
    return default_axes(output)


def own_axes(axes: Axes, missing: int) -> Axes:
    """Axes of the output as axes of an operand that lacks the first ones."""
    return tuple(None if a is None or a < missing else a - missing for a in axes)


HANDLERS = {
    "Add": binary,
    "Sub": binary,
    "Mul": binary,
    "Div": binary,
    "Pow": binary,
    "BatchNormalization": batch_normalization,
}
