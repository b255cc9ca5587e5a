"""Constants that came quantised: their integers are kept beside the real numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from codegen.errors import HvError
from codegen.importing.graph import OwnIntegers

INTEGER_TYPES = ("int8", "uint8", "int32")


@dataclass(frozen=True, kw_only=True)
class Dequantised:
    """A constant, both ways: float32, and as it came."""

    reals: np.ndarray
    integers: OwnIntegers


def attributes_of(node: onnx.NodeProto) -> dict[str, object]:
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
    axis = int(attributes.get("axis", 1))  # type: ignore[call-overload]
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
    along = [1] * own.integers.ndim
    if own.scale.ndim:
        along[own.axis] = -1
    zero_point = own.zero_point.reshape(along if own.scale.ndim else ())
    scale = own.scale.reshape(along if own.scale.ndim else ()).astype(np.float32)
    return np.asarray((own.integers.astype(np.int64) - zero_point).astype(np.float32) * scale)


def carried(
    node: onnx.NodeProto,
    own_integers: Mapping[str, OwnIntegers],
    constants: Mapping[str, np.ndarray],
    opset: int,
) -> dict[str, OwnIntegers]:
    """Integers that go through a folded node."""
    return {}
