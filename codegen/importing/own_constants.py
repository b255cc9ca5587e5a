"""Constants that came quantised: their integers are kept beside the real numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from codegen.errors import HvError
from codegen.importing.evaluation import evaluate
from codegen.importing.graph import OwnIntegers

# operators that only move elements of their first input
MOVERS = frozenset(
    {
        *("Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Tile"),
        *("Transpose", "Unsqueeze"),
    }
)
INTEGER_TYPES = ("int8", "uint8", "int32")


@dataclass(frozen=True, kw_only=True)
class Dequantised:
    """A constant, both ways: float32, and as it came."""

    reals: np.ndarray
    integers: OwnIntegers


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes by name."""
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def dequantised(
    node: onnx.NodeProto, constants: Mapping[str, np.ndarray], where: str
) -> Dequantised:
    """What DequantizeLinear makes of a constant.

    Raises:
        HvError: an integer type that the house does not have, or scales in blocks.
    """
    integers = constants[node.input[0]]
    scale = np.asarray(constants[node.input[1]], np.float64)
    given = len(node.input) > 2 and node.input[2]
    zero_point = constants[node.input[2]].astype(np.int64) if given else np.zeros(scale.shape, int)
    attributes = attributes_of(node)
    if integers.dtype.name not in INTEGER_TYPES:
        raise HvError(
            f"the constant {node.input[0]} is quantised as {integers.dtype.name}",
            where=where,
            hint=f"quantise to one of {', '.join(INTEGER_TYPES)}",
        )
    axis = int(attributes.get("axis", 1))
    axis += integers.ndim if axis < 0 else 0
    single = scale.size == 1
    if attributes.get("block_size") or not (
        single or scale.shape == integers.shape[axis : axis + 1]
    ):
        raise HvError(
            f"the constant {node.input[0]} has scales of shape {list(scale.shape)} for its shape"
            f" {list(integers.shape)}",
            where=where,
            hint="quantise with one scale, or with one scale per channel",
        )
    if not np.all(np.isfinite(scale) & (scale > 0)):
        raise HvError(
            f"the constant {node.input[0]} has scales that are not positive numbers",
            where=where,
            hint="quantise the model again",
        )
    shape = () if single else scale.shape
    own = OwnIntegers(
        integers=integers,
        scale=scale.reshape(shape),
        zero_point=zero_point.reshape(shape),
        axis=0 if single else axis,
    )
    return Dequantised(reals=reals_of(own), integers=own)


def reals_of(own: OwnIntegers) -> np.ndarray:
    """float32, as DequantizeLinear computes: the difference and the product each rounded once."""
    scale = own.aligned(own.scale).astype(np.float32)
    return np.asarray(own.differences.astype(np.float32) * scale)


def carried(
    node: onnx.NodeProto,
    own_integers: Mapping[str, OwnIntegers],
    constants: Mapping[str, np.ndarray],
    opset: int,
) -> dict[str, OwnIntegers]:
    """The integers behind a folded node's result, where the node only moves elements.

    The channel of every element is moved along with it, so that the scales find their axis again.
    """
    own = own_integers.get(node.input[0]) if node.input else None
    if own is None or node.op_type not in MOVERS:
        return {}
    others = {name: constants[name] for name in node.input[1:] if name}
    moved = [
        evaluate(node, {**others, node.input[0]: array}, opset)
        for array in (own.integers, _channels(own))
    ]
    if moved[0] is None or moved[1] is None:
        return {}
    name = node.output[0]
    integers, channels = moved[0][name], moved[1][name]
    if own.scale.ndim == 0:
        return {
            name: OwnIntegers(integers=integers, scale=own.scale, zero_point=own.zero_point, axis=0)
        }
    found = _axis_of(channels)
    if found is None:
        return {}
    axis, order = found
    scale, zero_point = own.scale[order], own.zero_point[order]
    return {name: OwnIntegers(integers=integers, scale=scale, zero_point=zero_point, axis=axis)}


def _channels(own: OwnIntegers) -> np.ndarray:
    """int64, the shape of the integers: where each one's scale is."""
    numbers = np.arange(own.scale.size).reshape(own.scale.shape)
    return np.broadcast_to(own.aligned(numbers), own.integers.shape).copy()


def _axis_of(channels: np.ndarray) -> tuple[int, np.ndarray] | None:
    """The axis that the channels run along, and which they are; None: they run along several."""
    for axis in range(channels.ndim):
        lines = np.moveaxis(channels, axis, 0).reshape(channels.shape[axis], -1)
        if channels.size and bool(np.all(lines == lines[:, :1])):
            return axis, lines[:, 0]
    return None
