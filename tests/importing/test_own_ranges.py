"""Models that come quantised: how far a scale of the file reaches, in integers and in reals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from codegen import reference
from codegen.calibration.ranges import with_ranges
from codegen.importing.importer import import_graph
from codegen.quantise import quantise
from tests.importing.node_tests import run_real
from tests.importing.onnx_models import model, node, read, real
from tests.importing.random_graphs import session_of

SCALES: dict[str, Any] = {
    "s": np.float32(1 / 64),
    "z": np.int8(0),
    "wide": np.float32(1 / 8),
    "low": np.int8(-128),
}


def _pair(source: str, target: str, numbers: str) -> list[onnx.NodeProto]:
    return [
        node("QuantizeLinear", f"{source} {numbers}", f"{target}_q"),
        node("DequantizeLinear", f"{target}_q {numbers}", target),
    ]


def _steps(folder: Path, proto: onnx.ModelProto, samples: np.ndarray) -> float:
    """How many steps of the output the integer network is off ONNX Runtime's answer, at most."""
    imported = import_graph(read(folder, proto))
    inputs = {imported.inputs[0].name: imported.inputs[0].to_house(samples)}
    net = quantise(with_ranges(imported.net, run_real(imported.net, inputs), "minmax"))
    integers = {name: net.input_quantities[name].integers(x) for name, x in inputs.items()}
    (tensor,), outputs = imported.outputs, reference.run(net, integers)
    session = session_of(proto)
    wanted = np.stack([session.run(None, {"x": row[np.newaxis]})[0] for row in samples])
    layer = next(layer for layer in net.layers if layer.name == tensor.name)
    got = layer.quantity.reals(outputs[layer.name])
    return float(np.abs(got.reshape(wanted.shape) - wanted).max()) / layer.quantity.scale


def _samples(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1.5, 1.5, (9, *shape)).astype(np.float32)


def test_a_sum_has_the_steps_of_the_file(tmp_path: Path) -> None:
    nodes = [
        *_pair("x", "a", "s z"),
        node("ReduceSum", "a axes", "b"),
        *_pair("b", "y", "wide z"),
    ]
    proto = model(nodes, {"x": real(1, 16)}, {"y": real(1, 1)}, {**SCALES, "axes": [1]})
    assert _steps(tmp_path, proto, _samples(16)) <= 1


@pytest.mark.parametrize("filling", [0.5, 1.7, 9.0])
@pytest.mark.parametrize("numbers", ["s z", "wide z"])
def test_a_filling_reaches_as_far_as_the_file(tmp_path: Path, filling: float, numbers: str) -> None:
    nodes = [*_pair("x", "a", "s z"), node("Pad", "a p v", "b"), *_pair("b", "y", numbers)]
    constants = {**SCALES, "p": [0, 1, 0, 2], "v": np.float32(filling)}
    proto = model(nodes, {"x": real(1, 4)}, {"y": real(1, 7)}, constants)
    assert _steps(tmp_path, proto, _samples(4)) <= 1


def test_a_range_that_begins_at_zero_is_a_relu(tmp_path: Path) -> None:
    """What follows without scales gets its range behind it."""
    nodes = [
        *_pair("x", "a", "s z"),
        node("Sub", "a k", "b"),
        *_pair("b", "c", "s low"),
        node("ReduceMean", "c", "y", axes=[1]),
    ]
    proto = model(nodes, {"x": real(1, 6)}, {"y": real(1, 1)}, {**SCALES, "k": np.float32(1.0)})
    assert _steps(tmp_path, proto, _samples(6)) <= 3
