"""Reshape and its kin, Transpose: other names for the same bytes wherever that is enough."""

from __future__ import annotations

import dataclasses

from codegen.importing.context import Context
from codegen.importing.graph import Node
from codegen.importing.values import Axes, Value, elements, house_shape, moving_axes
from codegen.ops.base import Shape
from codegen.ops.expressions import X


def reshape(context: Context, node: Node) -> None:
    """Reshape, Flatten, Squeeze and Unsqueeze: the output's shape is known."""
    source, output = node.inputs[0], node.outputs[0]
    value, shape = context.value(source), context.shape(output)
    axes = relabelled(value, shape)
    if axes is not None:
        context.set(output, dataclasses.replace(value, shape=shape, axes=axes))
        return
    before, after = _regrouped(value, shape)
    moves = before != moving_axes(value.shape, value.axes)
    if moves and value.expression == X and _only_weights_follow(context, value, output):
        context.flattened[output] = value
        return
    layer = context.arrange(dataclasses.replace(value, expression=X), before)
    held = context.network.reshaped(layer, house_shape(shape, after))
    context.set(output, Value(layer=held, shape=shape, axes=after, expression=value.expression))


def transpose(context: Context, node: Node) -> None:
    """No byte moves here: whoever reads the tensor says which order it needs."""
    value = context.value(node.inputs[0])
    rank = len(value.shape)
    perm = [int(axis) for axis in node.attribute("perm", range(rank - 1, -1, -1))]
    axes = tuple(None if axis is None else perm.index(axis) for axis in value.axes)
    shape = tuple(value.shape[axis] for axis in perm)
    context.set(node.outputs[0], dataclasses.replace(value, shape=shape, axes=axes))


def same(context: Context, node: Node) -> None:
    """The same values; a quantity of its own makes it a layer."""
    context.set(node.outputs[0], context.value(node.inputs[0]))


def depth_to_space(context: Context, node: Node) -> None:
    """Channels become pixels; DCR and CRD differ in which part of the channel is which."""
    first, (channels, height, width), layer, axes = _images(context, node)
    block = int(node.attribute("blocksize"))
    rest = channels // (block * block)
    if node.attribute("mode", "DCR") == "CRD":
        split, turned = (height, width, rest, block, block), (0, 3, 1, 4, 2)
    else:
        split, turned = (height, width, block, block, rest), (0, 2, 1, 3, 4)
    _move(context, node, layer, (*first, *split), turned, axes)


def space_to_depth(context: Context, node: Node) -> None:
    """Pixels become channels; DCR and CRD as above."""
    first, (channels, height, width), layer, axes = _images(context, node)
    block = int(node.attribute("blocksize"))
    split = (height // block, block, width // block, block, channels)
    turned = (0, 2, 4, 1, 3) if node.attribute("mode", "DCR") == "CRD" else (0, 2, 1, 3, 4)
    _move(context, node, layer, (*first, *split), turned, axes)


def _images(
    context: Context, node: Node
) -> tuple[Shape, tuple[int, int, int], str, tuple[int, ...]]:
    """The batch unless it is 1; channels, height, width; the layer, channels last; its axes."""
    source = node.inputs[0]
    count, channels, height, width = context.shape(source)
    axes = (2, 3, 1) if count == 1 else (0, 2, 3, 1)
    first = () if count == 1 else (count,)
    return first, (channels, height, width), context.arranged(source, axes), axes


def _move(
    context: Context, node: Node, layer: str, split: Shape, turned: Shape, axes: tuple[int, ...]
) -> None:
    """Splits the layer's axes and turns them; a batch before them stays in its place."""
    more = len(split) - len(turned)
    order = (*range(more), *(axis + more for axis in turned))
    moved = context.network.transposed(context.network.reshaped(layer, split), order)
    context.hold(node.outputs[0], moved, axes)


def relabelled(value: Value, shape: Shape) -> Axes | None:
    """The value's axes in a shape that differs in sizes of 1 alone; None in any other."""
    before = [axis for axis, size in enumerate(value.shape) if size != 1]
    after = [axis for axis, size in enumerate(shape) if size != 1]
    if [value.shape[axis] for axis in before] != [shape[axis] for axis in after]:
        return None
    names = dict(zip(before, after, strict=True))
    return tuple(None if axis is None else names.get(axis) for axis in value.axes)


def _regrouped(value: Value, shape: Shape) -> tuple[Axes, Axes]:
    """Orders of axes before and behind a reshape, between which no byte moves.

    Axes that become one must be neighbours in the model's order; beyond that the value keeps its
    own order, so that an image whose channels are split and joined stays channels last.
    """
    order = moving_axes(value.shape, value.axes)
    groups = sorted(_groups(value.shape, shape), key=lambda g: min(map(order.index, g[0])))
    before = tuple(axis for group, _ in groups for axis in group)
    after = tuple(axis for _, group in groups for axis in group)
    return before or (None,), after or (None,)


def _groups(before: Shape, after: Shape) -> list[tuple[list[int], list[int]]]:
    """The shortest runs of axes longer than 1, before and after, that hold the same elements."""
    groups: list[tuple[list[int], list[int]]] = []
    left = [axis for axis, size in enumerate(after) if size != 1]
    run: tuple[list[int], list[int]] = ([], [])
    for axis, size in enumerate(before):
        if size == 1:
            continue
        run[0].append(axis)
        wanted = elements([before[a] for a in run[0]])
        while elements([after[a] for a in run[1]]) < wanted:
            run[1].append(left.pop(0))
        if elements([after[a] for a in run[1]]) == wanted:
            groups.append(run)
            run = ([], [])
    return groups


def _only_weights_follow(context: Context, value: Value, tensor: str) -> bool:
    """Whether only constant weights meet a flattened tensor: they are turned instead of it."""
    shape, readers = context.shape(tensor), context.readers(tensor)
    own = context.graph.quantities.get(tensor)
    has_scale_of_its_own = own is not None and own != context.network.quantity(value.layer)
    if context.is_answer(tensor) or has_scale_of_its_own or not readers:
        return False
    return elements(shape[:-1]) == 1 and all(
        node.op_type in ("Gemm", "MatMul")
        and node.inputs[0] == tensor
        and node.inputs[1] in context.graph.constants
        and len(context.shape(node.inputs[1])) <= 2
        and not node.attribute("transA", 0)
        for node in readers
    )


HANDLERS = {
    "DepthToSpace": depth_to_space,
    "Flatten": reshape,
    "Requantise": same,
    "Reshape": reshape,
    "SpaceToDepth": space_to_depth,
    "Squeeze": reshape,
    "Transpose": transpose,
    "Unsqueeze": reshape,
}
