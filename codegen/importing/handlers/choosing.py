"""Softmax and ArgMax."""

from __future__ import annotations

from typing import Literal

from codegen.arith import INT8_MIN
from codegen.importing.context import Context, Unsupported
from codegen.importing.graph import Node
from codegen.importing.values import Axes, elements, natural_axes
from codegen.ops.argmax import Argmax
from codegen.ops.base import Quantity
from codegen.ops.softmax import FEWEST_STEPS, MOST_STEPS, Softmax, whole_steps

PER_AXIS_OPSET = 13  # Softmax runs along one axis since then; before, over all axes from it on


def softmax(context: Context, node: Node) -> None:
    """Along one axis."""
    source, output = node.inputs[0], node.outputs[0]
    shape = context.shape(source)
    is_old = context.graph.opset < PER_AXIS_OPSET
    axis = int(node.attribute("axis", 1 if is_old else -1)) % len(shape)
    joined = shape[axis:] if is_old else shape[axis : axis + 1]
    if elements(joined) == 1:
        raise Unsupported("it runs over one element: the result is always 1")
    if is_old and elements(joined) != shape[axis]:
        rows = elements(shape[:axis])
        axes = natural_axes(shape)
        layer = context.network.reshaped(context.arranged(source, axes), (rows, elements(joined)))
        _add_softmax(context, output, Softmax(axis=1), layer, axes)
        return
    value = context.plain(source)
    op = Softmax(axis=value.axes.index(axis))
    _add_softmax(context, output, op, context.arrange(value, value.axes), value.axes)


def _add_softmax(context: Context, output: str, op: Softmax, layer: str, axes: Axes) -> None:
    """Its steps are whole parts of 1: any other scale of the model is reached by one more table."""
    own = context.graph.quantities.get(output)
    quantity = None
    if own is not None and whole_steps(own) is None:
        steps = min(max(round(1 / own.scale), FEWEST_STEPS), MOST_STEPS)
        quantity = Quantity(scale=1 / steps, zero_point=INT8_MIN)
    context.layer(output, op, [layer], axes, quantity=quantity)


def argmax(context: Context, node: Node) -> None:
    """The index of the largest along one axis."""
    source = node.inputs[0]
    shape = context.shape(source)
    axis = int(node.attribute("axis", 0)) % len(shape)
    if shape[axis] == 1:
        raise Unsupported("it chooses from one element: the result is always 0")
    value = context.plain(source)
    ties: Literal["first", "last"] = "last" if node.attribute("select_last_index", 0) else "first"
    op = Argmax(axis=value.axes.index(axis), ties=ties)
    kept = [a for a in value.axes if a != axis]
    if not node.attribute("keepdims", 1):
        kept = [a if a is None or a < axis else a - 1 for a in kept]
    layer = context.arrange(value, value.axes)
    context.layer(node.outputs[0], op, [layer], tuple(kept) or (None,))


HANDLERS = {"ArgMax": argmax, "Softmax": softmax}
