"""Resize and Upsample to the nearest pixel."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import SupportsFloat

import numpy as np

from codegen.importing.context import Context, Unsupported
from codegen.importing.graph import Node
from codegen.importing.values import image_axes
from codegen.importing.windows import require_image
from codegen.ops.resize import Resize

# the place in the input of an output pixel's middle: of its number, sizes in and out, and scale
_Place = Callable[[np.float32, np.float32, np.float32, np.float32], SupportsFloat]
_COORDINATES: dict[str, _Place] = {
    "asymmetric": lambda i, _in, _out, scale: i / scale,
    "half_pixel": lambda i, _in, _out, scale: (i + 0.5) / scale - 0.5,
    "pytorch_half_pixel": lambda i, _in, out, scale: (i + 0.5) / scale - 0.5 if out > 1 else 0.0,
    "align_corners": lambda i, size, out, _scale: i * (size - 1) / (out - 1) if out > 1 else 0.0,
    "half_pixel_symmetric": lambda i, size, out, scale: (
        size / 2 * (1 - out / (scale * size)) + (i + 0.5) / scale - 0.5
    ),
}
_HALFWAY = 1e-4  # from the middle between two pixels; float32 is closer, a true difference is not
_ROUNDING: dict[str, Callable[[float], int]] = {
    "floor": math.floor,
    "ceil": math.ceil,
    "round_prefer_floor": lambda place: math.ceil(place - 0.5 - _HALFWAY),
    "round_prefer_ceil": lambda place: math.floor(place + 0.5 + _HALFWAY),
}


def resize(context: Context, node: Node) -> None:
    """The source row and column of every output row and column are constants."""
    mode = node.attribute("mode", "nearest")
    if mode != "nearest":
        raise Unsupported(f"its mode is {mode}", "export it with mode='nearest'")
    require_image(context, node)
    source, output = node.inputs[0], node.outputs[0]
    before, after = context.shape(source), context.shape(output)
    if before[:2] != after[:2]:
        raise Unsupported("it changes the number of channels", "height and width can change")
    scales = _scales(context, node, before, after)
    places = [
        _places(node, size, wanted, scale)
        for size, wanted, scale in zip(before[2:], after[2:], scales[2:], strict=True)
    ]
    rows, columns = places if len(places) == 2 else ((0,), places[0])
    axes = image_axes(before)
    layer = context.arranged(source, axes)
    context.layer(output, Resize(rows=rows, columns=columns), [layer], axes)


def _places(node: Node, size: int, wanted: int, scale: float) -> tuple[int, ...]:
    # Upsample and Resize of opset 10 have neither attribute: i / scale, up where they shrink
    has_modes = node.op_type == "Resize" and len(node.inputs) > 2
    old = ("asymmetric", "floor" if scale >= 1 else "ceil")
    usual = ("half_pixel", "round_prefer_floor") if has_modes else old
    coordinate = node.attribute("coordinate_transformation_mode", usual[0])
    rounding = node.attribute("nearest_mode", usual[1])
    if coordinate not in _COORDINATES:
        raise Unsupported(
            f"its coordinates are {coordinate}", f"supported: {', '.join(_COORDINATES)}"
        )
    place, whole = _COORDINATES[coordinate], _ROUNDING[rounding]
    # in float32, as ONNX Runtime computes: what lies between two pixels falls to the same side
    numbers = [np.float32(number) for number in (size, wanted, scale)]
    places = (float(place(np.float32(i), *numbers)) for i in range(wanted))
    return tuple(min(max(whole(each), 0), size - 1) for each in places)


def _scales(
    context: Context, node: Node, before: tuple[int, ...], after: tuple[int, ...]
) -> list[float]:
    """Given scales, or the ratios of the sizes; `axes` (opset 18) lists those that are given."""
    ratios = [wanted / size for size, wanted in zip(before, after, strict=True)]
    values = node.attribute("scales")
    index = 2 if len(node.inputs) > 2 else 1
    if values is None and context.has_input(node, index):
        values = context.required_constant(node, index, "list of scales")
    given = np.asarray([] if values is None else values, np.float64).reshape(-1)
    axes = node.attribute("axes", range(len(before)))
    for axis, scale in zip(axes, given, strict=False):
        ratios[int(axis) % len(before)] = float(scale)
    return ratios


HANDLERS = {"Resize": resize, "Upsample": resize}
