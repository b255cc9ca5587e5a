"""What a model's outputs are called in the house."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from codegen.importing.importer import ImportedNet, import_graph
from codegen.importing.reading import read_model


def _imported(nodes: list[onnx.NodeProto], outputs: list[str], folder: Path) -> ImportedNet:
    """A model from x [1, 6] with scales for everything."""
    constants = {"scale": np.float32(0.05), "share": np.float32(1 / 300), "zero": np.int8(-128)}
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 6])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 6]) for name in outputs],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    file = folder / "named.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), file)
    return import_graph(read_model(file))


def _quantised(source: str, target: str, scale: str) -> list[onnx.NodeProto]:
    inputs = [scale, "zero"]
    return [
        helper.make_node("QuantizeLinear", [source, *inputs], [f"{target}_q"], name=f"{target}_q"),
        helper.make_node("DequantizeLinear", [f"{target}_q", *inputs], [target], name=target),
    ]


def test_an_output_behind_a_table_keeps_its_name(tmp_path: Path) -> None:
    """A softmax has steps of its own; the scale of the model is reached by one more table."""
    nodes = [
        *_quantised("x", "x_real", "scale"),
        helper.make_node("Softmax", ["x_real"], ["exact"], name="softmax", axis=1),
        *_quantised("exact", "probs", "share"),
    ]
    net = _imported(nodes, ["probs"], tmp_path)
    assert net.net.arch.outputs == ("probs",)
    assert [tensor.name for tensor in net.outputs] == ["probs"]
    assert net.net.quantities["probs"].scale == np.float32(1 / 300)
    assert net.net.quantities["probs"].zero_point == -128


def test_an_inner_tensor_gives_way_to_an_output(tmp_path: Path) -> None:
    """A node called as an output is: the output has the name."""
    nodes = [
        *_quantised("x", "x_real", "scale"),
        helper.make_node("Tanh", ["x_real"], ["inner"], name="answer"),
        *_quantised("inner", "inner_real", "share"),
        helper.make_node("Sigmoid", ["inner_real"], ["exact"], name="sigmoid"),
        *_quantised("exact", "answer", "share"),
    ]
    net = _imported(nodes, ["answer"], tmp_path).net
    assert net.arch.outputs == ("answer",)
    last = net.arch.layers[-1]
    assert last.name == "answer"
    assert last.inputs == (net.arch.layers[0].name,)
    assert set(net.quantities) == {"x", *(layer.name for layer in net.arch.layers)}
