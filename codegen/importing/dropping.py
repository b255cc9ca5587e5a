"""What computes nothing is dropped: nodes that keep their input, and those that nobody reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import onnx

from codegen.importing.draft import BYTE_TYPES, REAL_TYPES, Draft
from codegen.importing.graph import Node
from codegen.ops.base import Quantity

# uint8 numbers are moved by 128 to become int8
PLAIN_BYTES: dict[int, Quantity] = {
    onnx.TensorProto.UINT8: Quantity(scale=1.0, zero_point=-128),
    onnx.TensorProto.INT8: Quantity(scale=1.0, zero_point=0),
}


def drop_unread(draft: Draft) -> None:
    """Drops nodes none of whose results anybody reads; unread optional results become ""."""
    wanted = {tensor for _, tensor in draft.outputs}
    kept: list[Node] = []
    for node in reversed(draft.nodes):
        if wanted.isdisjoint(node.outputs):
            continue
        wanted.update(node.inputs)
        kept.append(node)
    optional = {node.op_type: _optional_outputs(node, draft.opset) for node in kept}
    draft.nodes = [
        dataclasses.replace(
            node,
            outputs=tuple(
                "" if at in optional[node.op_type] and name not in wanted else name
                for at, name in enumerate(node.outputs)
            ),
        )
        for node in reversed(kept)
    ]


def _optional_outputs(node: Node, opset: int) -> frozenset[int]:
    """Positions of the results that a node may leave out."""
    if not onnx.defs.has(node.op_type):
        return frozenset()
    schema = onnx.defs.get_schema(node.op_type, opset, "")
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    return frozenset(at for at, output in enumerate(schema.outputs) if output.option == optional)


def drop_idle(draft: Draft) -> None:
    """Drops Identity, Dropout as inference runs it, and casts that keep the numbers."""
    read = draft.read()

    def step(node: Node, names: dict[str, str]) -> Iterable[Node]:
        idle = (
            node.op_type == "Identity"
            or (node.op_type == "Dropout" and _is_inference(node, draft, read))
            or (node.op_type in ("Cast", "CastLike") and _keeps_numbers(node, draft))
        )
        if not idle:
            return [node]
        names[node.outputs[0]] = node.inputs[0]
        return []

    draft.replace(step)


def _is_inference(node: Node, draft: Draft, read: set[str]) -> bool:
    mask_is_read = any(name in read for name in node.outputs[1:])
    training = node.inputs[2] if len(node.inputs) > 2 else ""
    off = not training or (training in draft.constants and not draft.constants[training].any())
    return off and not mask_is_read


def _keeps_numbers(node: Node, draft: Draft) -> bool:
    """Whether a cast can go; an input of bytes that is cast gets the quantity of plain bytes."""
    source = draft.type_of(node.inputs[0])
    target = draft.type_of(node.outputs[0])
    if source == target or (source in REAL_TYPES and target in REAL_TYPES):
        return True
    if source in BYTE_TYPES and target in REAL_TYPES and node.inputs[0] in draft.inputs:
        plain = PLAIN_BYTES[source]
        return draft.quantities.setdefault(node.inputs[0], plain) == plain
    return False
