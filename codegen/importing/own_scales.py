"""Activations that come quantised: their scales are taken out, their conversions dropped."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import onnx

from codegen.arith import INT8_MIN
from codegen.errors import HvError
from codegen.importing.draft import BYTE_TYPES, REAL_TYPES, Draft, type_name
from codegen.importing.graph import Node
from codegen.ops.base import Quantity

# what a node of another domain computes has no known type; bytes may be plain ones, cast to real
QUANTISABLE = {*REAL_TYPES, *BYTE_TYPES, onnx.TensorProto.UNDEFINED}
REQUANTISE = "Requantise"  # the house's own node: the same numbers with another quantity


def take_own_scales(draft: Draft) -> None:
    """Drops QuantizeLinear and DequantizeLinear of activations; what they say is recorded.

    A tensor that is quantised again with other numbers goes through a node "Requantise", whose
    output has the second quantity.

    Raises:
        HvError: a type other than int8 and uint8, more than one scale, a scale that is computed or
            no positive number, or two readings of the same integers.
    """
    kinds: dict[str, int] = {}  # of the integers of each quantised tensor

    def step(node: Node, names: dict[str, str]) -> Iterable[Node]:
        if node.op_type == "QuantizeLinear":
            return _quantise(draft, node, names, kinds)
        if node.op_type == "DequantizeLinear":
            _dequantise(draft, node, names, kinds)
            return []
        return [node]

    draft.replace(step)


def _quantise(
    draft: Draft, node: Node, names: dict[str, str], kinds: dict[str, int]
) -> Iterable[Node]:
    source, target = node.inputs[0], node.outputs[0]
    kind = draft.type_of(target)
    if source not in kinds and draft.type_of(source) not in QUANTISABLE:
        raise _fault(
            draft, node, f"{source} is {type_name(draft.type_of(source))}, not real numbers"
        )
    quantity = _quantity(draft, node, kind)
    if draft.quantities.setdefault(source, quantity) == quantity:
        names[target] = source
        kinds[source] = kind
        return []
    draft.quantities[target] = quantity
    kinds[target] = kind
    return [Node(op_type=REQUANTISE, name=node.name, inputs=(source,), outputs=(target,))]


def _dequantise(draft: Draft, node: Node, names: dict[str, str], kinds: dict[str, int]) -> None:
    source = node.inputs[0]
    quantity = _quantity(draft, node, kinds.get(source, draft.type_of(source)))
    known = draft.quantities.setdefault(source, quantity)
    if known != quantity:
        raise _fault(
            draft,
            node,
            f"{source} is read as {_text(quantity)} but is {_text(known)}",
            hint="both ends of a quantised tensor must say the same; quantise the model again",
        )
    names[node.outputs[0]] = source


def _quantity(draft: Draft, node: Node, kind: int) -> Quantity:
    """What a node says about the integers that it makes or reads, as int8.

    Args:
        draft: the graph.
        node: QuantizeLinear or DequantizeLinear.
        kind: the type of these integers, where the node has no zero point that says it.
    """
    zero_points = node.inputs[2] if len(node.inputs) > 2 else ""
    if zero_points in draft.constants:
        kind = draft.type_of(zero_points)
    if kind not in BYTE_TYPES:
        raise _fault(
            draft,
            node,
            f"{node.inputs[0]} is quantised as {type_name(kind)}",
            hint="quantise activations to int8 or uint8",
        )
    scale = _one_number(draft, node, node.inputs[1], "scale")
    zero_point = int(_one_number(draft, node, zero_points, "zero point")) if zero_points else 0
    if not (math.isfinite(scale) and scale > 0):
        raise _fault(
            draft,
            node,
            f"the scale of {node.inputs[0]} is {scale:g}, not a positive number",
            hint="quantise the model again",
        )
    offset = INT8_MIN if kind == onnx.TensorProto.UINT8 else 0
    return Quantity(scale=scale, zero_point=zero_point + offset)


def _one_number(draft: Draft, node: Node, tensor: str, what: str) -> float:
    if tensor not in draft.constants:
        raise _fault(
            draft,
            node,
            f"the {what} of {node.inputs[0]} is computed while the model runs",
            hint="use static quantisation: scales that are constants",
        )
    numbers = np.asarray(draft.constants[tensor], np.float64).reshape(-1)
    if numbers.size != 1:
        raise _fault(
            draft,
            node,
            f"the activation {node.inputs[0]} has {numbers.size} {what}s",
            hint="give activations one scale each; only weights can have one per channel",
        )
    return float(numbers[0])


def _text(quantity: Quantity) -> str:
    return f"scale {quantity.scale:g}, zero point {quantity.zero_point} (int8)"


def _fault(draft: Draft, node: Node, what: str, hint: str = "quantise real numbers") -> HvError:
    return HvError(what, where=f"{draft.where}, node {node.name} ({node.op_type})", hint=hint)
