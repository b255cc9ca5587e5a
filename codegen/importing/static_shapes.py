"""Inputs get the sizes that C needs: every one known."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from codegen.errors import HvError
from codegen.ops.base import Shape

HINT = "export the model with fixed sizes, or give them: --input-shape {example}"
BATCH_AXIS = 0


def fix_inputs(model: onnx.ModelProto, shapes: Mapping[str, Shape], where: str) -> tuple[str, ...]:
    """Gives every input of the model a static shape, in place.

    Args:
        model: the model; what an initializer fills is no input and leaves the list of inputs.
        shapes: full shapes, with the batch, of inputs that are dynamic in the file.
        where: the file, for errors.

    Returns:
        Remarks: which batch was taken as 1.

    Raises:
        HvError: a size is unknown, 0, or contradicts the file; an input is no tensor.
    """
    inputs = _true_inputs(model)
    _refuse_unknown_names(shapes, inputs, where)
    remarks: list[str] = []
    open_axes: list[str] = []
    for value in inputs:
        _refuse_no_tensor(value, where)
        if value.name in shapes:
            _set(value, _agreed(value, shapes[value.name], where))
        elif not value.type.tensor_type.HasField("shape"):
            open_axes.append(f"input {value.name}: no shape at all")
        else:
            remarks += _batch_of_one(value)
            open_axes += _open_axes(value)
    if open_axes:
        raise HvError(
            f"sizes that C needs are not known: {'; '.join(open_axes)}",
            where=where,
            hint=HINT.format(example=_example(inputs)),
        )
    _refuse_nothing(inputs, where)
    return tuple(remarks)


def _true_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    filled = {tensor.name for tensor in model.graph.initializer}
    filled |= {tensor.values.name for tensor in model.graph.sparse_initializer}
    kept = [value for value in model.graph.input if value.name not in filled]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return list(model.graph.input)


def _refuse_unknown_names(
    shapes: Mapping[str, Shape], inputs: list[onnx.ValueInfoProto], where: str
) -> None:
    names = [value.name for value in inputs]
    unknown = sorted(set(shapes) - set(names))
    if unknown:
        raise HvError(
            f"the model has no input {', '.join(unknown)}",
            where=where,
            hint=f"its inputs are: {', '.join(names) or 'none'}",
        )


def _refuse_no_tensor(value: onnx.ValueInfoProto, where: str) -> None:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        raise HvError(
            f"input {value.name} is no tensor but a {(kind or 'value of no type').split('_')[0]}",
            where=where,
            hint="give each tensor an input of its own",
        )


def _symbol(size: onnx.TensorShapeProto.Dimension) -> str | None:
    """What a dynamic axis is called, quoted and with a space before; None: it is static."""
    if size.HasField("dim_value") and size.dim_value >= 0:
        return None
    return f" ({size.dim_param!r})" if size.dim_param else ""


def _batch_of_one(value: onnx.ValueInfoProto) -> list[str]:
    sizes = value.type.tensor_type.shape.dim
    symbol = _symbol(sizes[BATCH_AXIS]) if sizes else None
    if symbol is None:
        return []
    sizes[BATCH_AXIS].dim_value = 1
    return [
        f"input {value.name}: axis {BATCH_AXIS}{symbol} is dynamic, taken as 1:"
        " the C runs one sample at a time"
    ]


def _open_axes(value: onnx.ValueInfoProto) -> list[str]:
    symbols = [_symbol(size) for size in value.type.tensor_type.shape.dim]
    return [
        f"input {value.name}: axis {axis}{symbol}"
        for axis, symbol in enumerate(symbols)
        if symbol is not None
    ]


def _example(inputs: list[onnx.ValueInfoProto]) -> str:
    """The option for the first input that needs it, with the sizes that are known."""
    for value in inputs:
        tensor = value.type.tensor_type
        if not tensor.HasField("shape"):
            return f"{value.name}=1,3,96,96"
        if _open_axes(value):
            sizes = [
                96 if _symbol(size) is not None else size.dim_value for size in tensor.shape.dim
            ]
            return f"{value.name}={','.join(map(str, sizes))}"
    return "NAME=1,3,96,96"


def _agreed(value: onnx.ValueInfoProto, given: Shape, where: str) -> Shape:
    """The given shape, where the file does not say otherwise."""
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        return tuple(given)
    sizes = tensor.shape.dim
    text = ",".join(map(str, given))
    if len(sizes) != len(given):
        raise HvError(
            f"input {value.name} has {len(sizes)} axes, not the {len(given)} of {text}",
            where=where,
            hint="give every axis, the batch included",
        )
    for axis, (size, wanted) in enumerate(zip(sizes, given, strict=True)):
        if _symbol(size) is None and size.dim_value != wanted:
            raise HvError(
                f"input {value.name}: axis {axis} is {size.dim_value} in the file, not {wanted}",
                where=where,
                hint="only dynamic axes can be given; export the model with other sizes",
            )
    return tuple(given)


def _set(value: onnx.ValueInfoProto, shape: Shape) -> None:
    tensor = value.type.tensor_type
    tensor.ClearField("shape")
    tensor.shape.SetInParent()  # of a scalar, no size says that there is a shape
    for size in shape:
        tensor.shape.dim.add().dim_value = size


def _refuse_nothing(inputs: list[onnx.ValueInfoProto], where: str) -> None:
    for value in inputs:
        sizes = [size.dim_value for size in value.type.tensor_type.shape.dim]
        if min(sizes, default=1) < 1:
            raise HvError(
                f"input {value.name} has no elements: its shape is {sizes}",
                where=where,
                hint="every size is at least 1",
            )
