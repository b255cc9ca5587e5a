"""`hvcodegen export`: a person's network as an ONNX file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from codegen.cli.common import json_option, print_result
from codegen.cli.help import VerbWithHeadings
from codegen.cli.subject import Subject, SubjectOrder, subject_options
from codegen.errors import HvError

if TYPE_CHECKING:
    import onnx

FORMATS = {
    "onnx": "real numbers, as trained",
    "onnx-qdq": "QuantizeLinear and DequantizeLinear with the network's own scales",
    "onnx-integer": "integer operators only, the same bits as the firmware",
}


@click.command(cls=VerbWithHeadings, short_help="Write a verifier or a model as ONNX.")
@subject_options
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="onnx-integer",
    show_default=True,
    help="; ".join(f"{name}: {meaning}" for name, meaning in FORMATS.items()) + ".",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="File to write.  [default: build/<name>.onnx, <name>-qdq.onnx, <name>-integer.onnx]",
)
@json_option
def command(subject: SubjectOrder, form: str, output: Path | None, as_json: bool) -> None:
    """Write a network as ONNX, for other people's tools. Same input, same bytes.

    A verifier's input is the camera's crop, uint8 [N, height, width, channels].

    \b
    Examples:
      hvcodegen export --user alice --format onnx
      hvcodegen export --user alice --format onnx-integer -o alice.onnx
      hvcodegen export --onnx model.onnx --calibration samples.npz --format onnx-qdq
    """
    import hashlib

    from codegen.cli.quantisation import quantised_json, quantised_line
    from codegen.export.builder import OPSET, describe_tensor, model_bytes

    entry = subject.load()
    model = _model(entry, form)
    content = model_bytes(model)
    file = output or Path("build") / f"{entry.name}{form.removeprefix('onnx')}.onnx"
    _write(file, content)
    data = {
        **({"user": entry.name} if entry.user else quantised_json(entry)),
        "format": form,
        "file": str(file),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "opset": OPSET,
        "nodes": len(model.graph.node),
        "inputs": [describe_tensor(tensor) for tensor in model.graph.input],
        "outputs": [describe_tensor(tensor) for tensor in model.graph.output],
    }
    lines = [
        f"wrote {file}: {FORMATS[form]}",
        f"  input    {', '.join(data['inputs'])}",
        f"  output   {', '.join(data['outputs'])}",
        f"  graph    {len(model.graph.node)} nodes, opset {OPSET}, {len(content):,} bytes",
    ]
    print_result(as_json, data, lines + quantised_line(entry))


def _model(subject: Subject, form: str) -> onnx.ModelProto:
    from codegen.export.float_graph import float_graph
    from codegen.export.integer_graph import integer_graph
    from codegen.export.qdq_graph import qdq_graph

    if form == "onnx":
        as_trained = subject.model.imported.net if subject.model else subject.float_net
        return float_graph(as_trained)
    if form == "onnx-qdq":
        return qdq_graph(subject.quant_net)
    return integer_graph(subject.quant_net)


def _write(file: Path, content: bytes) -> None:
    """The whole file, or nothing."""
    if file.is_dir():
        raise HvError("the output is a folder", where=str(file), hint="name a file with -o")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, fresh = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise _unwritable(file, error) from error
    os.close(handle)
    try:
        Path(fresh).write_bytes(content)
        Path(fresh).chmod(0o644)
        Path(fresh).replace(file)
    except OSError as error:
        raise _unwritable(file, error) from error
    finally:
        Path(fresh).unlink(missing_ok=True)


def _unwritable(file: Path, error: OSError) -> HvError:
    return HvError(
        f"cannot write the output: {error.strerror or error}",
        where=str(file),
        hint="check the permissions and the free space",
    )
