"""What must hold of a graph before operators are looked at: shapes known, numbers finite."""

from __future__ import annotations

import math

import numpy as np
import onnx

from codegen.errors import HvError
from codegen.importing.draft import REAL_TYPES, Draft
from codegen.importing.graph import Node
from codegen.importing.handlers import HANDLERS

NO_NUMBERS: dict[int, str] = {
    onnx.TensorProto.STRING: "strings",
    onnx.TensorProto.COMPLEX64: "complex",
    onnx.TensorProto.COMPLEX128: "complex",
}
BOUNDED = frozenset({"Clip", "Max", "Min", "Pad"})  # an infinite number means "no bound" there


def check_draft(draft: Draft) -> None:
    """All checks, the first that fails raises.

    Raises:
        HvError: something is no tensor of numbers, a shape is not known, or a constant is not
            finite.
    """
    _check_tensors(draft)
    _check_shapes(draft)
    _check_finite(draft)


def _check_tensors(draft: Draft) -> None:
    live = draft.read() | {name for node in draft.nodes for name in node.outputs} | {*draft.inputs}
    kinds = draft.no_tensors | {
        name: NO_NUMBERS[kind] for name, kind in draft.types.items() if kind in NO_NUMBERS
    }
    faults = [f"{name} ({kinds[name]})" for name in sorted(live & set(kinds))]
    if faults:
        raise HvError(
            f"not tensors of numbers: {', '.join(faults)}",
            where=draft.where,
            hint="C gets plain tensors; take these parts out of the model",
        )


def _check_shapes(draft: Draft) -> None:
    beyond: set[str] = set()  # of nodes that the importer refuses, and of what follows them
    for node in draft.nodes:
        if node.op_type not in HANDLERS or not beyond.isdisjoint(node.inputs):
            beyond.update(node.outputs)
            continue
        for tensor in filter(None, node.outputs):
            if tensor not in draft.shapes:
                raise HvError(
                    f"the shape of {tensor} cannot be found out",
                    where=f"{draft.where}, node {node.name} ({node.op_type})",
                    hint=draft.fault
                    or "it depends on the numbers; export the model with fixed sizes",
                )
            if math.prod(draft.shapes[tensor]) == 0:
                raise HvError(
                    f"{tensor} has no elements: its shape is {list(draft.shapes[tensor])}",
                    where=f"{draft.where}, node {node.name} ({node.op_type})",
                    hint="every size is at least 1",
                )


def _check_finite(draft: Draft) -> None:
    readers: dict[str, list[Node]] = {}
    for node in draft.nodes:
        for tensor in node.inputs:
            readers.setdefault(tensor, []).append(node)
    faults = [
        f"{name} ({count} of {draft.constants[name].size})"
        for name in sorted(set(readers) & set(draft.constants))
        if (count := _not_finite(draft, name, readers[name]))
    ]
    if faults:
        raise HvError(
            f"constants with numbers that are not finite: {', '.join(faults)}",
            where=draft.where,
            hint="integers cannot stand for NaN or infinity; look at how the model was trained",
        )


def _not_finite(draft: Draft, name: str, readers: list[Node]) -> int:
    if draft.type_of(name) not in REAL_TYPES:
        return 0
    reals = draft.constants[name].astype(np.float32)
    bound = reals.size == 1 and all(node.op_type in BOUNDED for node in readers)
    return int(np.count_nonzero(np.isnan(reals) if bound else ~np.isfinite(reals)))
