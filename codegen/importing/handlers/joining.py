"""Concat, Split, Slice, Gather of constant places, Pad."""

from __future__ import annotations

import dataclasses

import numpy as np

from codegen.arith import INT8_MAX, INT8_MIN
from codegen.importing.context import Context, Unsupported
from codegen.importing.folding import INFINITE
from codegen.importing.graph import Node
from codegen.importing.values import Axes, Value, default_axes, house_shape, natural_axes
from codegen.ops.base import Quantity, Shape
from codegen.ops.concat import Concat
from codegen.ops.expressions import Expression, X
from codegen.ops.pad import Pad
from codegen.ops.slice import Slice
from codegen.ops.windows import Padding

MOST_RUNS = 64  # layers that one Gather may become


def concat(context: Context, node: Node) -> None:
    """Inputs in the order of axes of the first one, if that has the axis; constants may join."""
    shape = context.shape(node.outputs[0])
    axis = int(node.attribute("axis")) % len(shape)
    computed = [t for t in node.inputs if t not in context.graph.constants]
    if not computed:
        raise Unsupported("all of its inputs are constants")
    axes = _axes_with(context.plain(computed[0]).axes, shape, axis)
    layers = [_joined(context, node, tensor, axes) for tensor in node.inputs]
    context.layer(node.outputs[0], Concat(axis=axes.index(axis)), layers, axes)


def split(context: Context, node: Node) -> None:
    """One slice for each output."""
    shape = context.shape(node.inputs[0])
    axis = int(node.attribute("axis", 0)) % len(shape)
    start = 0
    for output in node.outputs:
        size = context.shape(output)[axis] if output else 0
        if not output:
            raise Unsupported("one of its outputs has no name")
        starts, steps = [0] * len(shape), [1] * len(shape)
        starts[axis] = start
        _take(context, node.inputs[0], output, starts, steps)
        start += size


def slice_(context: Context, node: Node) -> None:
    """Constant starts, ends, axes and steps; as attributes before opset 10."""
    shape = context.shape(node.inputs[0])
    begin = _numbers(context, node, 1, "starts")
    if begin is None:
        raise Unsupported("it has no starts")
    axes = _numbers(context, node, 3, "axes") or list(range(len(begin)))
    steps = _numbers(context, node, 4, "steps") or [1] * len(begin)
    starts, strides = [0] * len(shape), [1] * len(shape)
    for axis, first, step in zip(axes, begin, steps, strict=True):
        size = shape[axis % len(shape)]
        lowest, highest = (0, size) if step > 0 else (0, size - 1)
        place = first + size if first < 0 else first
        starts[axis % len(shape)] = min(max(place, lowest), highest)
        strides[axis % len(shape)] = step
    _take(context, node.inputs[0], node.outputs[0], starts, strides)


def gather(context: Context, node: Node) -> None:
    """Constant places along one axis: a slice of each evenly spaced run, joined."""
    indices = context.required_constant(node, 1, "list of indices")
    source, output = node.inputs[0], node.outputs[0]
    shape = context.shape(source)
    axis = int(node.attribute("axis", 0)) % len(shape)
    runs = _even_runs([int(place) % shape[axis] for place in indices.reshape(-1)])
    if len(runs) > MOST_RUNS:
        raise Unsupported(
            f"its places are {len(runs)} runs that are evenly spaced, more than {MOST_RUNS}",
            "reorder the weights around it instead",
        )
    value = context.value(source)
    if len(runs) > 1 and axis not in value.axes:
        value = context.plain(source)
        axes = _axes_with(value.axes, shape, axis)
        value = Value(layer=context.arrange(value, axes), shape=shape, axes=axes)
    pieces = [_run(context, value, axis, run, node.name) for run in runs]
    taken = tuple(indices.size if a == axis else size for a, size in enumerate(shape))
    whole = pieces[0]
    if len(pieces) > 1:
        op = Concat(axis=value.axes.index(axis))
        layer = context.network.add(node.name, op, [_as_it_is(context, piece) for piece in pieces])
        whole = dataclasses.replace(value, layer=layer, shape=taken)
    if indices.ndim == 1:
        context.set(output, whole)
        return
    after = context.shape(output)
    names: dict[int, Shape] = {
        a: (a,) if a < axis else (a + indices.ndim - 1,) for a in range(len(shape))
    }
    names[axis] = tuple(range(axis, axis + indices.ndim))
    axes = tuple(n for a in whole.axes for n in ((None,) if a is None else names[a])) or (None,)
    layer = context.network.reshaped(whole.layer, house_shape(after, axes))
    context.set(output, dataclasses.replace(whole, layer=layer, shape=after, axes=axes))


def _as_it_is(context: Context, value: Value) -> str:
    """The layer of a value, in the shape that its axes say: an input's may be another."""
    return context.network.pin(context.network.reshaped(value.layer, value.house_shape))


def _even_runs(places: list[int]) -> list[list[int]]:
    """Places cut into runs with one gap each, never 0; the first runs as long as can be."""
    runs = [places[:1]]
    for place in places[1:]:
        run = runs[-1]
        gap = place - run[-1]
        if gap and (len(run) == 1 or gap == run[1] - run[0]):
            run.append(place)
        else:
            runs.append([place])
    return runs


def _run(context: Context, value: Value, axis: int, run: list[int], text: str) -> Value:
    starts, steps = [0] * len(value.shape), [1] * len(value.shape)
    starts[axis], steps[axis] = run[0], run[1] - run[0] if len(run) > 1 else 1
    taken = tuple(len(run) if a == axis else size for a, size in enumerate(value.shape))
    return _slice(context, value, taken, starts, steps, text)


def pad(context: Context, node: Node) -> None:
    """Constant, reflected or repeated edges."""
    source, output = node.inputs[0], node.outputs[0]
    shape = context.shape(source)
    before, after = _pads(context, node, len(shape))
    mode = node.attribute("mode", "constant")
    if min(*before, *after) < 0:
        raise Unsupported("it removes elements", "use a Slice")
    if mode not in ("constant", "reflect", "edge"):
        raise Unsupported(f"its mode is {mode}", "constant, reflect and edge are supported")
    if mode == "constant" and _joins_a_convolution(context, node, before, after):
        frame = _frame(before[2:], after[2:])
        context.framed[output] = (source, frame)
        return
    filling = 0.0
    if mode == "constant":
        filling = float(np.nan_to_num(np.float32(_pad_value(context, node))))  # inf: the largest
    value, filling, back = _moved_to_zero(context, node, filling)
    padded = [axis for axis in range(len(shape)) if before[axis] or after[axis]]
    axes = value.axes
    if any(axis not in axes for axis in padded):
        axes = default_axes(context.shape(output))
        axes = axes if all(axis in axes for axis in padded) else tuple(range(len(shape)))
    op = Pad(
        before=tuple(0 if axis is None else before[axis] for axis in axes),
        after=tuple(0 if axis is None else after[axis] for axis in axes),
        mode=mode,
        value=filling,
    )
    layer = context.network.add(context.name_of(output), op, [context.arrange(value, axes)])
    context.set(output, Value(layer=layer, shape=context.shape(output), axes=axes, expression=back))


def _moved_to_zero(context: Context, node: Node, filling: float) -> tuple[Value, float, Expression]:
    """What is padded with what, and what is to be done afterwards.

    Padding has its input's scale, whose range may not reach as far as what is filled in. So x is
    padded as (x - filling), with zeros, which every range has; the filling is added behind it.
    An infinite filling is for a pool that follows: the end of the range is as good.
    """
    value = context.plain(node.inputs[0])
    own = context.graph.quantities.get(node.outputs[0])
    if own is not None:  # beyond its ends nothing can be filled in
        filling = float(own.reals(own.integers(np.array(filling))))
    quantity = context.network.quantity(value.layer)
    is_end = not abs(filling) < INFINITE
    if filling == 0.0 or is_end or (quantity is not None and _reaches(quantity, filling)):
        return value, filling, X
    moved = dataclasses.replace(value, expression=("sub", X, filling))
    if own is not None:
        own = dataclasses.replace(own, zero_point=int(own.integers(np.array(filling))))
    text = f"{node.name}_moved"
    return context.materialised(moved, text, quantity=own), 0.0, ("add", X, filling)


def _reaches(quantity: Quantity, number: float) -> bool:
    lowest, highest = quantity.reals(np.array([INT8_MIN, INT8_MAX]))
    half = quantity.scale / 2
    return bool(lowest - half <= number <= highest + half)


def _joins_a_convolution(context: Context, node: Node, before: list[int], after: list[int]) -> bool:
    """Whether the zeros around an image are for one Conv alone: it has padding of its own."""
    reader = context.only_reader(node.outputs[0])
    return (
        reader is not None
        and reader.op_type == "Conv"
        and reader.attribute("auto_pad", "NOTSET") in ("NOTSET", "VALID")
        and len(before) in (3, 4)
        and not any(before[:2] + after[:2])
        and _pad_value(context, node) == 0
    )


def _frame(before: list[int], after: list[int]) -> Padding:
    """Top, left, bottom, right; a signal has no top and no bottom."""
    top, left = [0, *before][-2:]
    bottom, right = [0, *after][-2:]
    return top, left, bottom, right


def _joined(context: Context, node: Node, tensor: str, axes: Axes) -> str:
    constant = context.graph.constants.get(tensor)
    if constant is None:
        return context.operand(context.plain(tensor), axes)
    return context.constant_layer(f"{node.name}_constant", constant, axes)


def _axes_with(axes: Axes, shape: Shape, axis: int) -> Axes:
    """These axes if they name `axis` and every axis that is longer than 1, else usual ones."""
    for candidate in (axes, default_axes(shape), natural_axes(shape)):
        named = {a for a in candidate if a is not None}
        if axis in named and named >= {a for a, size in enumerate(shape) if size != 1}:
            return candidate
    return tuple(range(len(shape)))


def _take(context: Context, source: str, output: str, starts: list[int], steps: list[int]) -> None:
    value, shape = context.value(source), context.shape(output)
    context.set(output, _slice(context, value, shape, starts, steps, context.name_of(output)))


def _slice(
    context: Context, value: Value, shape: Shape, starts: list[int], steps: list[int], text: str
) -> Value:
    """Part of a value, of the model's `shape`; what is pending stays pending."""
    if 0 in shape:
        raise Unsupported("its result is empty")
    if shape == value.shape and not any(starts) and set(steps) == {1}:
        return value
    axes = value.axes
    op = Slice(
        start=tuple(0 if axis is None else starts[axis] for axis in axes),
        size=house_shape(shape, axes),
        step=tuple(1 if axis is None else steps[axis] for axis in axes),
    )
    plain = dataclasses.replace(value, expression=X)
    layer = context.network.add(text, op, [context.arrange(plain, axes)])
    return dataclasses.replace(value, layer=layer, shape=shape)


def _numbers(context: Context, node: Node, index: int, name: str) -> list[int] | None:
    if context.has_input(node, index):
        values = context.required_constant(node, index, f"list of {name}")
        return [int(value) for value in values.reshape(-1)]
    numbers = node.attribute(name)
    return None if numbers is None else [int(number) for number in numbers]


def _pads(context: Context, node: Node, rank: int) -> tuple[list[int], list[int]]:
    numbers = _numbers(context, node, 1, "pads") or [0] * (2 * rank)
    axes = list(range(rank))
    if context.has_input(node, 3):
        listed = context.required_constant(node, 3, "list of axes").reshape(-1)
        axes = [int(axis) % rank for axis in listed]
    before, after = [0] * rank, [0] * rank
    for place, axis in enumerate(axes):
        before[axis], after[axis] = numbers[place], numbers[place + len(axes)]
    return before, after


def _pad_value(context: Context, node: Node) -> float:
    if context.has_input(node, 2):
        return float(context.required_constant(node, 2, "value").reshape(-1)[0])
    return float(node.attribute("value", 0.0))


HANDLERS = {
    "Concat": concat,
    "Gather": gather,
    "Pad": pad,
    "Slice": slice_,
    "Split": split,
}
