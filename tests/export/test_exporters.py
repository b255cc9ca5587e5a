"""Rules for all formats: every operator has an exporter; same input, same bytes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from export_cases import CASES, DECISIONS, NETWORKS

from codegen.export.builder import Builder, model_bytes
from codegen.export.float_graph import float_graph
from codegen.export.integer_graph import integer_graph
from codegen.export.ops import EXPORTERS, find_exporter
from codegen.export.qdq_graph import qdq_graph
from codegen.nets import Architecture
from codegen.ops import OPS
from tests.networks import float_net, quant_net

ROOT = Path(__file__).resolve().parents[2]

_DIGESTS = """
import hashlib
from codegen.export.builder import model_bytes
from codegen.export.float_graph import float_graph
from codegen.export.integer_graph import integer_graph
from codegen.export.qdq_graph import qdq_graph
from codegen.nets import Architecture
from tests.networks import CONV_HEAD, DEPTHWISE_ALL, MOVES, float_net, quant_net
for data in (CONV_HEAD, DEPTHWISE_ALL, MOVES):
    arch = Architecture.from_json(data)
    for model in (
        float_graph(float_net(arch)), qdq_graph(quant_net(arch)), integer_graph(quant_net(arch))
    ):
        print(hashlib.sha256(model_bytes(model)).hexdigest())
"""


def test_every_operator_has_one_exporter() -> None:
    assert [exporter.kind for exporter in EXPORTERS] == [op.kind for op in OPS]


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.kind)
def test_an_exporter_has_a_file_and_writes_all_three_formats(op: type) -> None:
    kind = op.kind  # type: ignore[attr-defined]
    exporter = find_exporter(kind)
    module = f"codegen.export.ops.{kind}"
    assert exporter.real.__module__ == module  # onnx and onnx-qdq
    assert exporter.integer.__module__ == module


def test_the_tests_try_every_operator() -> None:
    assert {*CASES, *DECISIONS} == {op.kind for op in OPS}


def test_two_processes_write_the_same_bytes() -> None:
    done = [
        subprocess.run(
            [sys.executable, "-c", _DIGESTS],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for seed in ("1", "2")
    ]
    here = []
    for network in NETWORKS:
        arch = Architecture.from_json(network)
        quant = quant_net(arch)
        for model in (float_graph(float_net(arch)), qdq_graph(quant), integer_graph(quant)):
            here.append(hashlib.sha256(model_bytes(model)).hexdigest())
    assert done[0] == done[1] == here


def test_a_name_is_given_once() -> None:
    import numpy as np

    graph = Builder("image")
    graph.constant("a", np.array(1, np.int32))
    assert graph.constant("a", np.array(1, np.int32)) == "a"
    with pytest.raises(ValueError, match="two constants"):
        graph.constant("a", np.array(2, np.int32))
    with pytest.raises(ValueError, match="two constants"):
        graph.constant("a", np.array(1, np.int64))
    graph.node("Neg", ["a"], "b")
    with pytest.raises(ValueError, match="two tensors"):
        graph.node("Neg", ["a"], "b")
