"""Models that come quantised: their scales and integers are found, their conversions gone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from codegen.errors import HvError
from codegen.importing.graph import Graph
from codegen.importing.own_constants import reals_of
from codegen.importing.reading import read_model
from codegen.ops.base import Quantity
from tests.importing.onnx_models import Ends, kinds, model, node, read, real, written

NUMBERS: dict[str, Any] = {
    "s": np.float32(0.5),
    "s2": np.float32(0.25),
    "z": np.int8(3),
    "zu": np.uint8(131),
    "z2": np.int8(-7),
}
X, Y = {"x": real(1, 4)}, {"y": real(1, 4)}
BYTES = {"x": (TensorProto.UINT8, (1, 4))}
HALF = Quantity(scale=0.5, zero_point=3)
QUARTER = Quantity(scale=0.25, zero_point=-7)


def q(source: str, target: str, numbers: str = "s z") -> onnx.NodeProto:
    return node("QuantizeLinear", f"{source} {numbers}", target)


def dq(source: str, target: str, numbers: str = "s z", **attributes: object) -> onnx.NodeProto:
    return node("DequantizeLinear", f"{source} {numbers}", target, **attributes)


def graph_of(
    folder: Path,
    nodes: list[onnx.NodeProto],
    inputs: Ends = X,
    outputs: Ends = Y,
    constants: Mapping[str, Any] = {},
    opset: int = 17,
) -> Graph:
    return read(folder, model(nodes, inputs, outputs, {**NUMBERS, **constants}, opset=opset))


@pytest.mark.parametrize("numbers", ["s z", "s zu"])
def test_a_pair_goes_and_leaves_its_numbers(tmp_path: Path, numbers: str) -> None:
    nodes = [
        *(q("x", "xq", numbers), dq("xq", "a", numbers), dq("xq", "b", numbers)),
        *(node("Add", "a b", "c"), q("c", "cq", "s2 z2"), dq("cq", "y", "s2 z2")),
    ]
    graph = graph_of(tmp_path, nodes)
    assert [(n.op_type, n.inputs, n.outputs) for n in graph.nodes] == [("Add", ("x", "x"), ("c",))]
    assert graph.quantities == {"x": HALF, "c": QUARTER}
    assert graph.outputs[0].tensor == "c"
    assert not graph.constants


def test_a_zero_point_that_is_left_out(tmp_path: Path) -> None:
    graph = graph_of(tmp_path, [q("x", "xq", "s"), dq("xq", "a", "s"), node("Relu", "a", "y")])
    assert graph.quantities["x"] == Quantity(scale=0.5, zero_point=-128)


def test_bytes_in_and_out(tmp_path: Path) -> None:
    nodes = [dq("x", "a", "s zu"), node("Relu", "a", "b"), q("b", "y", "s2 z2")]
    graph = graph_of(tmp_path, nodes, BYTES, {"y": (TensorProto.INT8, (1, 4))})
    assert kinds(graph) == ["Relu"]
    assert graph.quantities == {"x": HALF, "b": QUARTER}
    assert graph.inputs[0].dtype == "uint8"
    assert (graph.outputs[0].tensor, graph.outputs[0].dtype) == ("b", "int8")


@pytest.mark.parametrize(
    ("kind", "quantity"),
    [
        (TensorProto.UINT8, Quantity(scale=1.0, zero_point=-128)),
        (TensorProto.INT8, Quantity(scale=1.0, zero_point=0)),
    ],
)
def test_plain_bytes(tmp_path: Path, kind: int, quantity: Quantity) -> None:
    nodes = [node("Cast", "x", "a", to=TensorProto.FLOAT), node("Relu", "a", "y")]
    graph = graph_of(tmp_path, nodes, {"x": (kind, (1, 4))})
    assert kinds(graph) == ["Relu"]
    assert graph.quantities == {"x": quantity}


def test_a_second_quantity_needs_a_node(tmp_path: Path) -> None:
    nodes = [
        *(q("x", "xq"), dq("xq", "a"), q("a", "aq", "s2 z2"), dq("aq", "b", "s2 z2")),
        node("Add", "a b", "y"),
    ]
    graph = graph_of(tmp_path, nodes)
    assert [(n.op_type, n.inputs, n.outputs) for n in graph.nodes] == [
        ("Requantise", ("x",), ("aq",)),
        ("Add", ("x", "aq"), ("y",)),
    ]
    assert graph.quantities == {"x": HALF, "aq": QUARTER}
    assert graph.shapes["aq"] == (1, 4)


def test_the_same_quantity_again_needs_none(tmp_path: Path) -> None:
    nodes = [q("x", "xq"), dq("xq", "a"), q("a", "aq"), dq("aq", "b"), node("Relu", "b", "y")]
    graph = graph_of(tmp_path, nodes)
    assert kinds(graph) == ["Relu"]
    assert graph.quantities == {"x": HALF}


def test_integers_that_are_moved_between_the_ends(tmp_path: Path) -> None:
    nodes = [q("x", "xq"), node("Transpose", "xq", "t", perm=[1, 0]), dq("t", "y")]
    graph = graph_of(tmp_path, nodes, outputs={"y": real(4, 1)})
    assert kinds(graph) == ["Transpose"]
    assert graph.quantities == {"x": HALF, "t": HALF}


def test_weights_keep_their_integers(tmp_path: Path) -> None:
    weights = np.array([[1, -2], [3, 4], [5, 6]], np.int8)
    constants = {"w": weights, "ws": np.array([0.5, 0.25], np.float32), "wz": np.zeros(2, np.int8)}
    nodes = [dq("w", "wr", "ws wz", axis=-1), node("MatMul", "x wr", "y")]
    graph = graph_of(tmp_path, nodes, {"x": real(1, 3)}, {"y": real(1, 2)}, constants)
    own = graph.own_integers["wr"]
    assert np.array_equal(own.integers, weights)
    assert (own.scale.tolist(), own.zero_point.tolist(), own.axis) == ([0.5, 0.25], [0, 0], 1)
    assert graph.constants["wr"].tolist() == [[0.5, -0.5], [1.5, 1.0], [2.5, 1.5]]
    assert list(graph.constants) == ["wr"]


def test_weights_that_are_quantised_in_the_file(tmp_path: Path) -> None:
    constants = {"w": np.array([[0.24, 1e6]], np.float32).T}
    nodes = [q("w", "wq"), dq("wq", "wr"), node("MatMul", "x wr", "y")]
    graph = graph_of(tmp_path, nodes, {"x": real(1, 2)}, {"y": real(1, 1)}, constants)
    own = graph.own_integers["wr"]
    assert own.integers.dtype == np.int8
    assert own.integers.tolist() == [[3], [127]]
    assert (own.scale.shape, float(own.scale), int(own.zero_point)) == ((), 0.5, 3)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(3)), st.integers(0, 2), st.booleans())
def test_integers_and_scales_move_with_the_weights(
    tmp_path: Path, order: list[int], axis: int, squeezed: bool
) -> None:
    integers = np.arange(24, dtype=np.int8).reshape(2, 3, 4)
    scales = np.linspace(0.1, 0.9, integers.shape[axis], dtype=np.float32)
    zero_points = np.arange(scales.size, dtype=np.int8)
    constants = {"w": integers, "ws": scales, "wz": zero_points, "one": [1]}
    nodes = [dq("w", "wr", "ws wz", axis=axis), node("Transpose", "wr", "t", perm=order)]
    nodes += [node("Unsqueeze", "t one", "u")] if squeezed else [node("Identity", "t", "u")]
    nodes += [node("Add", "x u", "y")]
    graph = graph_of(tmp_path, nodes, {"x": real(1)}, {"y": (TensorProto.FLOAT, None)}, constants)
    own = graph.own_integers["u"]
    assert own.scale.size == scales.size
    assert np.array_equal(reals_of(own), graph.constants["u"])


def test_scales_that_are_mixed_are_given_up(tmp_path: Path) -> None:
    """Two channels in one row: the real numbers stay, the integers go."""
    constants = {"w": np.ones((2, 3), np.int8), "ws": np.array([0.5, 1], np.float32)}
    constants |= {"wz": np.zeros(2, np.int8), "flat": [3, 2]}
    nodes = [dq("w", "wr", "ws wz", axis=0), node("Reshape", "wr flat", "u")]
    nodes += [node("Add", "x u", "y")]
    graph = graph_of(tmp_path, nodes, {"x": real(1)}, {"y": real(3, 2)}, constants)
    assert not graph.own_integers
    assert graph.constants["u"].reshape(-1).tolist() == [0.5, 0.5, 0.5, 1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("nodes", "what"),
    [
        ([q("x", "xq", "s z16"), dq("xq", "y", "s z16")], "x is quantised as int16"),
        (
            [q("x", "xq", "s4 z4"), dq("xq", "y", "s4 z4")],
            "the activation x has 4 scales",
        ),
        (
            [q("x", "xq"), dq("xq", "y", "s2 z2")],
            "x is read as scale 0.25, zero point -7 (int8) but is scale 0.5, zero point 3 (int8)",
        ),
        ([q("x", "xq", "bad z"), dq("xq", "y", "bad z")], "the scale of x is -1, not a positive"),
        (
            [
                node("ReduceMax", "x", "top", keepdims=0),
                *(q("x", "xq", "top z"), dq("xq", "y", "top z")),
            ],
            "the scale of x is computed while the model runs",
        ),
        ([dq("w16", "w", "s z16"), node("Add", "x w", "y")], "the constant w16 is quantised as"),
        (
            [dq("w8", "w", "bad z"), node("Add", "x w", "y")],
            "the constant w8 has scales that are not positive numbers",
        ),
    ],
)
def test_what_cannot_be_taken_over(tmp_path: Path, nodes: list[onnx.NodeProto], what: str) -> None:
    constants = {
        "z16": np.int16(3),
        "w16": np.ones(4, np.int16),
        "w8": np.ones(4, np.int8),
        "s4": np.ones(4, np.float32),
        "z4": np.zeros(4, np.int8),
        "bad": np.float32(-1),
    }
    with pytest.raises(HvError) as caught:
        graph_of(tmp_path, nodes, constants=constants, opset=21)
    assert caught.value.what.startswith(what)
    assert caught.value.hint


def test_quantities_around_a_node_of_another_domain(tmp_path: Path) -> None:
    """Nothing is known of its result; that it cannot be imported is said later, with the rest."""
    own = onnx.helper.make_node("Own", ["a"], ["b"], domain="house")
    nodes = [q("x", "xq"), dq("xq", "a"), own, q("b", "bq", "s2 z2"), dq("bq", "y", "s2 z2")]
    proto = model(nodes, X, Y, NUMBERS, opsets={"house": 1})
    graph = read(tmp_path, proto)
    assert [(n.op_type, n.inputs, n.outputs) for n in graph.nodes] == [
        ("house::Own", ("x",), ("b",))
    ]
    assert graph.quantities == {"x": HALF, "b": QUARTER}


def test_an_input_cannot_be_two_things(tmp_path: Path) -> None:
    nodes = [node("Cast", "x", "a", to=TensorProto.FLOAT), dq("x", "b", "s zu")]
    with pytest.raises(HvError, match=r"x is read as scale 0\.5"):
        graph_of(tmp_path, [*nodes, node("Add", "a b", "y")], BYTES)


class Images(CalibrationDataReader):
    """A few tensors of noise."""

    def __init__(self) -> None:
        noise = np.random.default_rng(0)
        self.left = [noise.normal(size=(1, 3, 8, 8)).astype(np.float32) for _ in range(3)]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return {"x": self.left.pop()} if self.left else None


def network() -> onnx.ModelProto:
    noise = np.random.default_rng(1)
    return model(
        [
            node("Conv", "x w b", "c"),
            node("Relu", "c", "r"),
            node("MaxPool", "r", "m", kernel_shape=[2, 2], strides=[2, 2]),
            node("Flatten", "m", "f"),
            node("Gemm", "f w2 b2", "y", transB=1),
        ],
        {"x": real(1, 3, 8, 8)},
        {"y": real(1, 5)},
        {
            "w": noise.normal(size=(4, 3, 3, 3)).astype(np.float32),
            "b": noise.normal(size=4).astype(np.float32),
            "w2": noise.normal(size=(5, 36)).astype(np.float32),
            "b2": noise.normal(size=5).astype(np.float32),
        },
    )


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("contrib", [True, False])
@pytest.mark.parametrize("kind", [QuantType.QInt8, QuantType.QUInt8])
def test_models_that_onnx_runtime_quantised(
    tmp_path: Path, kind: QuantType, contrib: bool, per_channel: bool
) -> None:
    path = tmp_path / "quantised.onnx"
    quantize_static(
        written(tmp_path, network()),
        path,
        Images(),
        quant_format=QuantFormat.QDQ,
        activation_type=kind,
        weight_type=QuantType.QInt8,
        per_channel=per_channel,
        extra_options={"UseQDQContribOps": contrib},
    )
    graph = read_model(path)
    assert kinds(graph) == ["Conv", "MaxPool", "Flatten", "Gemm"]
    assert set(graph.quantities) == {
        *(graph.inputs[0].tensor, graph.outputs[0].tensor),
        *(name for each in graph.nodes for name in each.outputs),
    }
    weights = {name: own for name, own in graph.own_integers.items() if own.integers.ndim > 1}
    assert len(weights) == 2 and len(graph.own_integers) == 4
    assert all((own.scale.ndim == 1) == per_channel for own in weights.values())
    assert set(graph.own_integers) == {n for n, x in graph.constants.items() if x.dtype.kind == "f"}


def test_real_constants_are_those_of_onnx_runtime(tmp_path: Path) -> None:
    integers = np.arange(-128, 128, dtype=np.int16).astype(np.int8).reshape(2, 128)
    constants = {"w": integers, "ws": np.array([0.1, 0.3], np.float32)}
    constants |= {"wz": np.array([-7, 9], np.int8)}
    nodes = [dq("w", "wr", "ws wz", axis=0), node("Add", "x wr", "y")]
    proto = model(nodes, {"x": real(1)}, {"y": real(2, 128)}, constants)
    graph = read_model(written(tmp_path, proto))
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    (wanted,) = session.run(None, {"x": np.zeros(1, np.float32)})
    assert np.array_equal(graph.constants["wr"], wanted)
