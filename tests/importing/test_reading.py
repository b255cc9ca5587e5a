"""Shapes become static, constants are folded, and what computes nothing goes."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from codegen.errors import HvError
from codegen.importing.reading import read_model
from tests.importing.onnx_models import kinds, model, node, one, read, real


def test_a_dynamic_batch_is_one(tmp_path: Path) -> None:
    proto = model([node("Relu", "x", "y")], {"x": real("N", 4)}, {"y": real("N", 4)})
    graph = read(tmp_path, proto)
    assert graph.inputs[0].shape == graph.outputs[0].shape == (1, 4)
    assert graph.remarks == (
        "input x: axis 0 ('N') is dynamic, taken as 1: the C runs one sample at a time",
    )


def two_inputs() -> onnx.ModelProto:
    return model(
        [node("Relu", "x", "y"), node("Relu", "z", "w"), node("Relu", "t", "u")],
        {"x": real("N", 3, "height", None), "z": (TensorProto.FLOAT, None), "t": real(2, "time")},
        {"y": real(None, 3, "h", "w"), "w": (TensorProto.FLOAT, None), "u": real(2, "time")},
    )


def test_all_open_sizes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(HvError) as caught:
        read(tmp_path, two_inputs())
    assert caught.value.what == (
        "sizes that C needs are not known: input x: axis 2 ('height'); input x: axis 3;"
        " input z: no shape at all; input t: axis 1 ('time')"
    )
    assert caught.value.hint == (
        "export the model with fixed sizes, or give them: --input-shape x=1,3,96,96"
    )


def test_given_sizes(tmp_path: Path) -> None:
    given = {"x": (1, 3, 5, 6), "z": (7,), "t": (2, 9)}
    graph = read(tmp_path, two_inputs(), given)
    assert {tensor.name: tensor.shape for tensor in graph.inputs} == given
    assert [tensor.shape for tensor in graph.outputs] == list(given.values())
    assert graph.remarks == ()


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"v": (1,)}, "the model has no input v"),
        ({"t": (2, 9, 1)}, "input t has 2 axes, not the 3 of 2,9,1"),
        ({"t": (3, 9)}, "input t: axis 0 is 2 in the file, not 3"),
        (
            {"x": (1, 3, 0, 6), "z": (7,), "t": (2, 9)},
            "input x has no elements: its shape is [1, 3, 0, 6]",
        ),
    ],
)
def test_given_sizes_that_cannot_be(
    tmp_path: Path, given: dict[str, tuple[int, ...]], what: str
) -> None:
    with pytest.raises(HvError) as caught:
        read(tmp_path, two_inputs(), given)
    assert caught.value.what == what
    assert caught.value.hint


def test_the_classic_chain_of_a_flatten(tmp_path: Path) -> None:
    proto = model(
        [
            node("Shape", "x", "s"),
            node("Gather", "s zero", "b"),
            node("Unsqueeze", "b axes", "bu"),
            node("Concat", "bu rest", "target", axis=0),
            node("Reshape", "x target", "y"),
        ],
        {"x": real("N", 3, 4, 5)},
        {"y": real("N", 60)},
        {"zero": np.int64(0), "axes": [0], "rest": [-1]},
    )
    graph = read(tmp_path, proto)
    assert kinds(graph) == ["Reshape"]
    assert graph.constants["target"].tolist() == [1, -1]
    assert list(graph.constants) == ["target"]
    assert graph.shapes == {"x": (1, 3, 4, 5), "y": (1, 60), "target": (2,)}


def test_shapes_of_shapes_are_found_step_by_step(tmp_path: Path) -> None:
    """The second Reshape's shape is known only when the first's is."""
    proto = model(
        [
            node("Shape", "x", "s"),
            node("ReduceProd", "s", "n", keepdims=1),
            node("Reshape", "x n", "flat"),
            node("Size", "flat", "size"),
            node("Range", "zero size one", "range"),
            node("Cast", "range", "steps", to=TensorProto.FLOAT),
            node("Add", "flat steps", "y"),
        ],
        {"x": real(2, 3)},
        {"y": real(None)},
        {"zero": np.int64(0), "one": np.int64(1)},
    )
    graph = read(tmp_path, proto)
    assert kinds(graph) == ["Reshape", "Add"]
    assert np.array_equal(graph.constants["steps"], np.arange(6, dtype=np.float32))


@pytest.mark.parametrize(
    ("attribute", "wanted"),
    [
        ({"value": numpy_helper.from_array(np.array([[2.5]], np.float32))}, [[2.5]]),
        ({"value_float": 2.5}, 2.5),
        ({"value_floats": [1.0, 2.0]}, [1.0, 2.0]),
    ],
)
def test_forms_of_a_constant(tmp_path: Path, attribute: dict, wanted: object) -> None:
    nodes = [node("Constant", "", "c", **attribute), node("Add", "x c", "y")]
    graph = read(tmp_path, model(nodes, {"x": real(1, 2)}, {"y": real(1, 2)}))
    assert kinds(graph) == ["Add"]
    assert graph.constants["c"].dtype == np.float32
    assert graph.constants["c"].tolist() == wanted


@pytest.mark.parametrize("attribute", [{"value_int": 2}, {"value_ints": [2, 1]}])
def test_integers_as_a_constant(tmp_path: Path, attribute: dict) -> None:
    nodes = [node("Constant", "", "c", **attribute), node("Expand", "x c", "y")]
    graph = read(tmp_path, model(nodes, {"x": real(1)}, {"y": real(None)}))
    assert graph.constants["c"].dtype == np.int64


def test_constants_that_are_refused(tmp_path: Path) -> None:
    values = helper.make_tensor("v", TensorProto.FLOAT, [1], [1.0])
    places = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    for attribute, kind in (
        ({"sparse_value": helper.make_sparse_tensor(values, places, [2])}, "sparse"),
        ({"value_string": "text"}, "of strings"),
    ):
        nodes = [node("Constant", "", "c", **attribute), node("Relu", "x", "y")]
        with pytest.raises(HvError, match=f"the constant c is {kind}"):
            read(tmp_path, model(nodes, {"x": real(2)}, {"y": real(2)}))


def test_an_initializer_among_the_inputs_is_a_constant(tmp_path: Path) -> None:
    proto = model(
        [node("Add", "x c", "y")],
        {"x": real(2), "c": real(2)},
        {"y": real(2)},
        {"c": np.ones(2, np.float32)},
    )
    graph = read(tmp_path, proto)
    assert [tensor.name for tensor in graph.inputs] == ["x"]
    assert "c" in graph.constants


def test_chance_is_not_folded(tmp_path: Path) -> None:
    nodes = [node("RandomNormal", "", "r", shape=[1, 2]), node("Add", "x r", "y")]
    graph = read(tmp_path, model(nodes, {"x": real(1, 2)}, {"y": real(1, 2)}))
    assert kinds(graph) == ["RandomNormal", "Add"]


def test_what_computes_nothing_goes(tmp_path: Path) -> None:
    proto = model(
        [
            node("Identity", "x", "a"),
            node("Dropout", "a ratio", "b mask"),
            node("Cast", "b", "c", to=TensorProto.DOUBLE),
            node("Relu", "c", "d"),
            node("Sigmoid", "d", "unread"),
            node("Identity", "d", "y"),
        ],
        {"x": real(1, 2)},
        {"y": (TensorProto.DOUBLE, (1, 2))},
        {"ratio": np.float32(0.5)},
    )
    graph = read(tmp_path, proto)
    assert [(n.op_type, n.inputs, n.outputs) for n in graph.nodes] == [("Relu", ("x",), ("d",))]
    assert (graph.outputs[0].tensor, graph.outputs[0].dtype) == ("d", "float64")
    assert not graph.constants
    assert graph.remarks == ("1 tensor of float64 taken as float32",)


def test_an_output_that_is_an_input(tmp_path: Path) -> None:
    assert read(tmp_path, one("Identity")).outputs[0].tensor == "x"


@pytest.mark.parametrize("read_mask", [True, False])
def test_dropout_in_training_stays(tmp_path: Path, read_mask: bool) -> None:
    """Also one whose mask is read; the importer says why it cannot be."""
    outputs = {"y": real(1, 2)} | ({"mask": (TensorProto.BOOL, (1, 2))} if read_mask else {})
    constants = {"ratio": np.float32(0.5), "training": np.bool_(not read_mask)}
    nodes = [node("Dropout", "x ratio training", "y mask")]
    graph = read(tmp_path, model(nodes, {"x": real(1, 2)}, outputs, constants))
    assert [n.outputs for n in graph.nodes] == [("y", "mask" if read_mask else "")]


def test_a_cast_that_changes_numbers_stays(tmp_path: Path) -> None:
    nodes = [
        node("Cast", "x", "i", to=TensorProto.INT32),
        node("Cast", "i", "y", to=TensorProto.FLOAT),
    ]
    graph = read(tmp_path, model(nodes, {"x": real(1, 2)}, {"y": real(1, 2)}))
    assert kinds(graph) == ["Cast", "Cast"]


@pytest.mark.parametrize(
    ("kind", "dtype", "name"),
    [(TensorProto.FLOAT16, np.float16, "float16"), (TensorProto.DOUBLE, np.float64, "float64")],
)
def test_other_real_types_become_float32(tmp_path: Path, kind: int, dtype: type, name: str) -> None:
    weights = np.array([[0.1, 0.2], [0.3, 0.4]], dtype)
    ends = {"x": (kind, (1, 2))}, {"y": (kind, (1, 2))}
    graph = read(tmp_path, model([node("MatMul", "x w", "y")], *ends, {"w": weights}))
    assert graph.constants["w"].dtype == np.float32
    assert np.array_equal(graph.constants["w"], weights.astype(np.float32))
    assert graph.inputs[0].dtype == name
    assert graph.remarks == (f"3 tensors of {name} taken as float32",)


def test_numbers_that_are_not_finite(tmp_path: Path) -> None:
    bad = np.array([[1, np.nan], [np.inf, 2]], np.float32)
    proto = model(
        [node("MatMul", "x w", "a"), node("Add", "a b", "y")],
        {"x": real(1, 2)},
        {"y": real(1, 2)},
        {"w": bad, "b": np.float32(-np.inf)},
    )
    with pytest.raises(HvError) as caught:
        read(tmp_path, proto)
    assert caught.value.what == (
        "constants with numbers that are not finite: b (1 of 1), w (2 of 4)"
    )


def test_infinity_as_a_bound(tmp_path: Path) -> None:
    nodes = [node("Clip", "x - inf", "a"), node("Max", "a low", "y")]
    constants = {"inf": np.float32(np.inf), "low": np.float32(-np.inf)}
    graph = read(tmp_path, model(nodes, {"x": real(1, 2)}, {"y": real(1, 2)}, constants))
    assert graph.nodes[0].inputs == ("x", "", "inf")
    constants["inf"] = np.float32(np.nan)
    with pytest.raises(HvError, match=r"not finite: inf \(1 of 1\)"):
        read(tmp_path, model(nodes, {"x": real(1, 2)}, {"y": real(1, 2)}, constants))


def test_nodes_of_other_domains_stay_with_their_domain(tmp_path: Path) -> None:
    gelu = helper.make_node("Gelu", ["x"], ["g"], domain="com.microsoft")
    proto = model(
        [gelu, node("Relu", "g", "y")],
        {"x": real(1, 2)},
        {"y": real(1, 2)},
        opsets={"com.microsoft": 1},
    )
    assert kinds(read(tmp_path, proto)) == ["com.microsoft::Gelu", "Relu"]


def test_local_functions_are_opened(tmp_path: Path) -> None:
    twice = helper.make_function(
        "house",
        "Twice",
        ["a"],
        ["b"],
        [node("Add", "a a", "b")],
        [helper.make_opsetid("", 17)],
    )
    call = helper.make_node("Twice", ["x"], ["y"], domain="house")
    proto = model([call], {"x": real(1, 2)}, {"y": real(1, 2)}, opsets={"house": 1})
    proto.functions.append(twice)
    assert kinds(read(tmp_path, proto)) == ["Add"]


def test_shapes_that_depend_on_numbers(tmp_path: Path) -> None:
    given = {"x": real(1, 4), "s": (TensorProto.INT64, (2,))}
    proto = model([node("Reshape", "x s", "y")], given, {"y": (TensorProto.FLOAT, None)})
    with pytest.raises(HvError) as caught:
        read(tmp_path, proto)
    assert caught.value.what == "the shape of y cannot be found out"
    assert "node y (Reshape)" in caught.value.where


def test_shapes_of_what_is_refused_anyway_are_not_asked_for(tmp_path: Path) -> None:
    """The importer lists such nodes, all of them at once."""
    proto = model([node("NonZero", "x", "y")], {"x": real(1, 2)}, {"y": (TensorProto.INT64, None)})
    assert kinds(read(tmp_path, proto)) == ["NonZero"]


def test_shapes_that_do_not_fit(tmp_path: Path) -> None:
    weights = np.ones((3, 4), np.float32)
    proto = model(
        [node("MatMul", "x w", "y")], {"x": real(1, 2)}, {"y": real(1, 4)}, {"w": weights}
    )
    with pytest.raises(HvError) as caught:
        read(tmp_path, proto)
    assert "MatMul" in str(caught.value)


def test_sequences_are_named(tmp_path: Path) -> None:
    nodes = [
        node("SplitToSequence", "x", "parts"),
        node("ConcatFromSequence", "parts", "y", axis=0),
    ]
    with pytest.raises(HvError, match=r"not tensors of numbers: parts \(sequence\)"):
        read(tmp_path, model(nodes, {"x": real(2, 2)}, {"y": real(2, 2)}))


def test_strings_are_named(tmp_path: Path) -> None:
    text = {"x": (TensorProto.STRING, (1,))}, {"y": (TensorProto.STRING, (1,))}
    with pytest.raises(HvError, match=r"not tensors of numbers: x \(strings\)"):
        read(tmp_path, model([node("Identity", "x", "y")], *text))


def test_a_sequence_as_an_input(tmp_path: Path) -> None:
    proto = model([node("SequenceAt", "s zero", "y")], {}, {"y": real(2)}, {"zero": np.int64(0)})
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, [2])
    proto.graph.input.append(sequence)
    with pytest.raises(HvError, match="input s is no tensor but a sequence"):
        read(tmp_path, proto)


class Small(torch.nn.Module):
    """What exporters like to write in many nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.norm = torch.nn.BatchNorm2d(4)
        self.drop = torch.nn.Dropout()
        self.dense = torch.nn.Linear(4 * 144, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.norm(self.conv(x)))
        y = torch.nn.functional.interpolate(y, scale_factor=2.0)
        y = self.drop(y).view(y.size(0), -1)
        return self.dense(y).reshape(y.shape[0], 5, 1).transpose(1, 2).squeeze(1)


@pytest.mark.parametrize("opset", [11, 17])
def test_a_file_of_the_usual_exporter(tmp_path: Path, opset: int) -> None:
    path = tmp_path / "small.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Small().eval(),
            (torch.zeros(1, 3, 8, 8),),
            path,
            dynamo=False,
            opset_version=opset,
            input_names=["x"],
            dynamic_axes={"x": {0: "N", 2: "H", 3: "W"}},
        )
    with pytest.raises(HvError, match=r"input x: axis 2 \('H'\); input x: axis 3 \('W'\)"):
        read_model(path)
    graph = read_model(path, {"x": (1, 3, 8, 8)})
    assert kinds(graph) == [
        *("Conv", "Relu", "Resize", "Reshape", "Gemm", "Reshape", "Transpose", "Squeeze"),
    ]
    assert graph.outputs[0].shape == (1, 5)
