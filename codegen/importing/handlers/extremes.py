"""Max and Min of several tensors: stacked on one scale, the largest of each stack."""

from __future__ import annotations

import dataclasses

from codegen.importing.context import Context, Unsupported
from codegen.importing.graph import Node
from codegen.importing.handlers.elementwise import Operand, common_axes
from codegen.importing.values import Value, elements, house_shape
from codegen.ops.concat import Concat
from codegen.ops.expressions import Expression
from codegen.ops.max_pool import MaxPool


def extremum(context: Context, node: Node) -> None:
    """Constants of one element join a table; several tensors become a pool over their stack."""
    constants = context.graph.constants
    numbers = [float(constants[t].reshape(-1)[0]) for t in node.inputs if _is_number(context, t)]
    others = [tensor for tensor in node.inputs if not _is_number(context, tensor)]
    output = context.shape(node.outputs[0])
    if len(others) > 1:
        held = _largest(context, node, others)
    elif others and others[0] not in constants and context.shape(others[0]) == output:
        held = context.value(others[0])
    else:
        raise Unsupported("it broadcasts its only tensor, or has none", "supported: equal shapes")
    expression: Expression = held.expression
    for number in numbers:
        expression = (node.op_type.lower(), expression, number)
    context.set_expression(node.outputs[0], held, expression)


def _is_number(context: Context, tensor: str) -> bool:
    constant = context.graph.constants.get(tensor)
    return constant is not None and constant.size == 1


def _largest(context: Context, node: Node, tensors: list[str]) -> Value:
    """Max(a, b) is a pool over a on b; Min(a, b) is -Max(-a, -b)."""
    output, sign = context.shape(node.outputs[0]), -1 if node.op_type == "Min" else 1
    if any(context.shape(tensor) != output for tensor in tensors):
        raise Unsupported("its tensors have different shapes", "supported: equal shapes, numbers")
    operands = [_operand(context, tensor, sign) for tensor in tensors]
    axes = common_axes(output, operands)
    layers, count = [], elements(output)
    for number, operand in enumerate(operands):
        if isinstance(operand, Value):
            layer = context.arrange(operand, axes)
        else:
            layer = context.constant_layer(f"{node.name}_constant{number}", operand, axes)
        layers.append(context.network.pin(context.network.reshaped(layer, (1, 1, count))))
    stack = context.network.add(f"{node.name}_stack", Concat(axis=0), layers)
    op = MaxPool(kernel=(len(layers), 1))
    text = f"{node.name}_largest" if sign < 0 else node.name
    largest = context.network.add(text, op, [stack])
    value = Value(
        layer=context.network.reshaped(largest, house_shape(output, axes)), shape=output, axes=axes
    )
    return value if sign > 0 else dataclasses.replace(value, expression=("neg", value.expression))


def _operand(context: Context, tensor: str, sign: int) -> Operand:
    constant = context.graph.constants.get(tensor)
    if constant is not None:
        return sign * constant
    if sign > 0:
        return context.plain(tensor)
    value = context.value(tensor)
    mirrored = dataclasses.replace(value, expression=("neg", value.expression))
    return context.materialised(mirrored, f"{tensor}_negative")


HANDLERS = {"Max": extremum, "Min": extremum}
