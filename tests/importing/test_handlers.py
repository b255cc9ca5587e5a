"""Models of several nodes: what ONNX Runtime answers, and the same bits in reference and C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.importing.handler_cases import CASES
from tests.importing.node_checks import check_c, check_layers, check_meaning
from tests.importing.node_tests import Case, prepare

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
    check_c(group, tmp_path / "emitted")


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
