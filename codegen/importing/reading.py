"""An ONNX file becomes a Graph: checked, static, constants folded, own scales taken out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

from codegen.errors import HvError
from codegen.importing.checks import check_draft
from codegen.importing.constants import fold
from codegen.importing.draft import REAL_TYPES, Draft, type_name
from codegen.importing.dropping import drop_idle, drop_unread
from codegen.importing.graph import Graph, GraphTensor
from codegen.importing.loading import BROKEN_HINT, FAULTS, first_line, load_model
from codegen.importing.own_scales import take_own_scales
from codegen.importing.static_shapes import fix_inputs
from codegen.ops.base import Shape

NO_SHAPES: Mapping[str, Shape] = {}


def read_model(path: Path, shapes: Mapping[str, Shape] = NO_SHAPES) -> Graph:
    """Reads a model.

    Args:
        path: an ONNX file in protobuf's binary form; external data lies beside it.
        shapes: full shapes, with the batch, of inputs that are dynamic in the file.

    Returns:
        The graph; nodes of other domains are in it as "domain::Operator", for the importer to
        refuse together with what else it does not support. Only what such nodes compute may lack
        its shape.

    Raises:
        HvError: no such file, no ONNX model, sizes unknown, types that integers cannot stand for.
    """
    try:
        return _read(path, shapes)
    except FAULTS as error:
        raise HvError(
            f"the model cannot be read: {first_line(error)}", where=str(path), hint=BROKEN_HINT
        ) from error


def _read(path: Path, shapes: Mapping[str, Shape]) -> Graph:
    model = load_model(path)
    remarks = fix_inputs(model, shapes, str(path))
    inputs = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    draft = fold(model, str(path))
    draft.remarks += remarks
    outputs = {name: draft.type_of(tensor) for name, tensor in draft.outputs}
    drop_unread(draft)
    drop_idle(draft)
    check_draft(draft)
    take_own_scales(draft)
    drop_unread(draft)
    _make_float32(draft)
    return _graph(path.stem, draft, inputs, outputs)


def _make_float32(draft: Draft) -> None:
    """One real type for all; the remark counts what had another."""
    read = draft.read() | set(draft.inputs)
    tensors = read | {name for node in draft.nodes for name in node.outputs if name}
    real = [kind for kind in map(draft.type_of, sorted(tensors)) if kind in REAL_TYPES]
    for kind, count in sorted(Counter(real).items()):
        if kind != onnx.TensorProto.FLOAT:
            noun = "tensor" if count == 1 else "tensors"
            draft.remarks.append(f"{count} {noun} of {type_name(kind)} taken as float32")
    for name in sorted(read & set(draft.constants)):
        if draft.type_of(name) in REAL_TYPES:
            draft.constants[name] = draft.constants[name].astype(np.float32)


def _graph(name: str, draft: Draft, inputs: dict[str, int], outputs: dict[str, int]) -> Graph:
    read = draft.read()
    constants = {key: draft.constants[key] for key in sorted(read & set(draft.constants))}
    live = read | set(draft.inputs) | {t for node in draft.nodes for t in node.outputs if t}
    shapes = {key: draft.shapes[key] for key in sorted(live & set(draft.shapes))}
    shapes |= {key: tuple(array.shape) for key, array in constants.items()}
    return Graph(
        name=name,
        opset=draft.opset,
        inputs=tuple(
            GraphTensor(name=key, tensor=key, shape=shapes[key], dtype=type_name(inputs[key]))
            for key in draft.inputs
        ),
        outputs=tuple(
            GraphTensor(
                name=key,
                tensor=tensor,
                shape=shapes.get(tensor, ()),
                dtype=type_name(outputs[key]),
            )
            for key, tensor in draft.outputs
        ),
        nodes=tuple(draft.nodes),
        constants=constants,
        shapes=shapes,
        quantities={key: draft.quantities[key] for key in sorted(live & set(draft.quantities))},
        own_integers={
            key: draft.own_integers[key] for key in sorted(read & set(draft.own_integers))
        },
        integers=_integers(draft, live),
        remarks=tuple(draft.remarks),
    )


def _integers(draft: Draft, live: set[str]) -> dict[str, str]:
    """Types of computed tensors that are neither real nor quantised; unknown ones are not in it."""
    apart = set(draft.constants) | set(draft.quantities)
    kinds = {name: draft.type_of(name) for name in sorted(live - apart)}
    known = REAL_TYPES | {onnx.TensorProto.UNDEFINED}
    return {name: type_name(kind) for name, kind in kinds.items() if kind not in known}
