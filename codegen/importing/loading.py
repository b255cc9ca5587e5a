"""A file becomes an ONNX model that the format's own checks accept, or an error says why not."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError, EncodeError
from onnx.external_data_helper import (
    ExternalDataInfo,
    load_external_data_for_model,
    uses_external_data,
)
from onnx.inliner import inline_local_functions

from codegen.errors import HvError
from codegen.importing.graph import UNKNOWN_DOMAIN

OLDEST_OPSET = 7  # the first with today's broadcasting
STANDARD_DOMAINS = ("", "ai.onnx")  # two names of one domain
# ONNX Runtime's own names of standard operators, the same since the standard ones have an axis
BORROWED = {("com.microsoft", "QuantizeLinear"), ("com.microsoft", "DequantizeLinear")}
BORROWED_SINCE = 13
# what onnx, its C++ part and protobuf raise at bytes that make no model
FAULTS = (
    onnx.checker.ValidationError,
    onnx.shape_inference.InferenceError,
    DecodeError,
    EncodeError,
    ValueError,  # with UnicodeDecodeError
    TypeError,
    KeyError,
    IndexError,
    RuntimeError,
    OverflowError,
)
BROKEN_HINT = "export it again; onnx.checker.check_model says the same"


def load_model(path: Path) -> onnx.ModelProto:
    """Reads, checks, and opens local functions.

    Returns:
        A model whose standard domain is called "" and whose tensors are all in memory.

    Raises:
        HvError: no file, no ONNX, missing external data, versions unknown here, or a fault in it.
    """
    model = _parse(path, _bytes(path))
    _check_versions(path, model)
    _fetch_external(path, model)
    _one_name_for_the_standard(model)
    _set_unknown_operators_apart(model)
    try:
        onnx.checker.check_model(_with_shapes(model))
        if model.functions:
            model = inline_local_functions(model)
    except FAULTS as error:
        raise HvError(
            f"the model contradicts the ONNX format: {first_line(error)}",
            where=str(path),
            hint=BROKEN_HINT,
        ) from error
    return model


def opset_of(model: onnx.ModelProto) -> int:
    """The version of the standard operators."""
    return max((o.version for o in model.opset_import if o.domain in STANDARD_DOMAINS), default=0)


def first_line(error: BaseException) -> str:
    """What an error of another library says, without its stack."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise HvError("a folder, not an ONNX file", where=str(path), hint="name the .onnx file")
    if not path.exists():
        raise HvError("no such file", where=str(path), hint="name an .onnx file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HvError(
            f"cannot be read: {error.strerror}", where=str(path), hint="check its permissions"
        ) from error
    if not data:
        raise HvError("the file is empty", where=str(path), hint="export it again")
    return data


def _parse(path: Path, data: bytes) -> onnx.ModelProto:
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise HvError(
            "not an ONNX file, or not a whole one",
            where=str(path),
            hint="an ONNX file in protobuf's binary form is needed; copy or export it again",
        ) from error
    lacking = [
        what
        for what, there in (
            ("version", model.ir_version > 0),
            ("operator set", bool(model.opset_import)),
            ("nodes", bool(model.graph.node)),
        )
        if not there
    ]
    if lacking:
        raise HvError(
            f"not an ONNX model: it has no {', no '.join(lacking)}",
            where=str(path),
            hint="copy or export it again",
        )
    return model


def _check_versions(path: Path, model: onnx.ModelProto) -> None:
    newest, opset = onnx.defs.onnx_opset_version(), opset_of(model)
    if model.ir_version > onnx.IR_VERSION:
        raise HvError(
            f"IR version {model.ir_version} is newer than the installed onnx knows"
            f" ({onnx.IR_VERSION})",
            where=str(path),
            hint="update the onnx package, or export for an older version",
        )
    if opset == 0:
        raise HvError(
            "the model imports no standard operators",
            where=str(path),
            hint="export it with an opset of the domain ai.onnx",
        )
    if opset > newest:
        raise HvError(
            f"opset {opset} is newer than the installed onnx knows ({newest})",
            where=str(path),
            hint=f"update the onnx package, or export with opset_version={newest} or less",
        )
    if opset < OLDEST_OPSET:
        raise HvError(
            f"opset {opset} is older than {OLDEST_OPSET}",
            where=str(path),
            hint="export it again with opset 13 or newer, or use onnx.version_converter",
        )


def _fetch_external(path: Path, model: onnx.ModelProto) -> None:
    """Brings tensors that lie in files of their own into memory."""
    locations = [
        ExternalDataInfo(tensor).location
        for tensor in model.graph.initializer
        if uses_external_data(tensor)
    ]
    missing = sorted({name for name in locations if not (path.parent / name).is_file()})
    if missing:
        raise HvError(
            f"the weights lie in files that are not there: {', '.join(missing)}",
            where=str(path),
            hint="put them beside the .onnx file, under the names they were exported with",
        )
    try:
        load_external_data_for_model(model, str(path.parent))
    except (OSError, *FAULTS) as error:
        raise HvError(
            f"the weights beside the model cannot be read: {first_line(error)}",
            where=str(path),
            hint="copy the files of one export together",
        ) from error


def _with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy for the checker, which insists on a shape of each end; the user may give it later."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for value in (*copy.graph.input, *copy.graph.output):
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.shape.SetInParent()
    return copy


def _set_unknown_operators_apart(model: onnx.ModelProto) -> None:
    """What the standard does not know gets a domain of its own, for the importer to list.

    onnx's checker would otherwise refuse the first of them alone.
    """
    opset, own = opset_of(model), {(f.domain, f.name) for f in model.functions}
    unknown = [
        node
        for node in model.graph.node
        if not node.domain
        and ("", node.op_type) not in own
        and not onnx.defs.has(node.op_type, opset)
    ]
    for node in unknown:
        node.domain = UNKNOWN_DOMAIN
    if unknown:
        model.opset_import.append(onnx.helper.make_opsetid(UNKNOWN_DOMAIN, 1))


def _one_name_for_the_standard(model: onnx.ModelProto) -> None:
    opset = opset_of(model)
    others = [o for o in model.opset_import if o.domain not in STANDARD_DOMAINS]
    kept = [onnx.helper.make_opsetid("", opset), *others]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    for node in model.graph.node:
        if node.domain in STANDARD_DOMAINS or (
            (node.domain, node.op_type) in BORROWED and opset >= BORROWED_SINCE
        ):
            node.domain = ""
