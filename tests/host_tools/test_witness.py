"""ONNX Runtime as a witness: batches, names, and clear words when it cannot."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from codegen import reference
from codegen.errors import HvError, ProgramMissing
from codegen.export.builder import model_bytes
from codegen.export.integer_graph import integer_graph
from host_tools import witness
from host_tools.compare import compare
from tests.networks import conv_head, images


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_batches_are_joined(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    pytest.importorskip("onnxruntime", reason=witness.HINT)
    monkeypatch.setattr(witness, "BATCH", 4)
    net = conv_head()
    batch = images(net.arch, count, 1)
    got = witness.run_witness(model_bytes(integer_graph(net, every_layer=True)), {"image": batch})
    comparison = compare(reference.run(net, batch), got)
    assert comparison.bit_exact
    assert comparison.tensors_compared == count * len(net.layers)


def test_a_damaged_model_and_wrong_images_are_refused() -> None:
    pytest.importorskip("onnxruntime", reason=witness.HINT)
    net = conv_head()
    with pytest.raises(HvError, match="ONNX Runtime refused"):
        witness.run_witness(b"no model", {"image": images(net.arch, 1, 1)})
    small = np.zeros((1, 2, 2, 3), np.uint8)
    with pytest.raises(HvError, match="ONNX Runtime refused"):
        witness.run_witness(model_bytes(integer_graph(net)), {"image": small})


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> object:
        return None if name == "onnxruntime" else honest(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    assert witness.witness_version() is None
    with pytest.raises(ProgramMissing, match="not installed") as missing:
        witness.require_witness()
    assert missing.value.exit_code == 4
    assert missing.value.hint == "pip install onnxruntime"
