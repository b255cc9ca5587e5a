"""Models of several nodes: what ONNX Runtime answers, and the same bits in reference and C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from codegen.errors import GateBreach
from codegen.importing.importer import import_graph
from tests.importing import (  # noqa: F401 - they fill CASES
    elementwise_cases,
    found_cases,
    opset_cases,
    weights_cases,
    wiring_cases,
)
from tests.importing.handler_cases import CASES
from tests.importing.node_checks import check_bits, check_layers, check_meaning
from tests.importing.node_tests import Case, prepare
from tests.importing.onnx_models import model, node, read, real

ort = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("name", CASES)
def test_meaning_and_precision(name: str, tmp_path: Path) -> None:
    proto, kinds = CASES[name]()
    prepared = prepare(_case(name, proto), tmp_path)
    check_meaning(prepared)
    check_layers(prepared)
    made = [layer.op.kind for layer in prepared.net.layers if not layer.op.is_alias]
    assert made == kinds.split()


def test_bits(tmp_path: Path) -> None:
    group = [prepare(_case(name, make()[0]), tmp_path) for name, make in CASES.items()]
    check_bits(group, tmp_path / "emitted")


@pytest.mark.parametrize(
    ("nodes", "kind", "words"),
    [
        ([node("Div", "x k", "y")], onnx.TensorProto.INT32, "integers, int32"),
        ([node("Add", "x x", "y")], onnx.TensorProto.INT8, "integers, int8"),
        ([node("Abs", "x", "y")], onnx.TensorProto.INT64, "integers, int64"),
    ],
)
def test_integer_arithmetic_is_refused(
    nodes: list[onnx.NodeProto], kind: int, words: str, tmp_path: Path
) -> None:
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind)
    proto = model(nodes, {"x": (kind, [1, 4])}, {"y": (kind, [1, 4])}, {"k": np.array(2, dtype)})
    with pytest.raises(GateBreach, match=words):
        import_graph(read(tmp_path, proto))


def test_bytes_that_are_cast_are_no_integers(tmp_path: Path) -> None:
    nodes = [node("Cast", "x", "c", to=onnx.TensorProto.FLOAT), node("Neg", "c", "y")]
    proto = model(nodes, {"x": (onnx.TensorProto.UINT8, [1, 4])}, {"y": real(1, 4)})
    assert import_graph(read(tmp_path, proto)).net.quantities["x"].zero_point == -128


def _case(name: str, proto: onnx.ModelProto) -> Case:
    """Random inputs, and what ONNX Runtime makes of them."""
    generator = np.random.default_rng(len(name))
    feeds = {
        value.name: generator.uniform(
            -3, 3, [size.dim_value for size in value.type.tensor_type.shape.dim]
        ).astype(np.float32)
        for value in proto.graph.input
    }
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return Case(
        name=name,
        model=proto,
        feeds=feeds,
        expected=dict(zip(names, session.run(names, feeds), strict=True)),
    )
