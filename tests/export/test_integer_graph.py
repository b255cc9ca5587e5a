"""The integer graph in ONNX Runtime: the bits of the reference, and no floating point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from export_cases import NETWORKS, architectures, check, run_model, seeds
from hypothesis import Phase, given, settings
from onnx import TensorProto, helper, numpy_helper

from codegen import reference
from codegen.export.builder import model_bytes
from codegen.export.integer_graph import integer_graph
from codegen.gates import check_network
from codegen.nets import Architecture, QuantNet
from codegen.ops.normalised_decision import NormalisedDecision
from host_tools.compare import compare
from host_tools.witness import run_witness
from tests.architectures import Json
from tests.networks import extreme, images, quant_net, with_constants, with_tensor
from tests.ops.harness import assert_same, bench

pytest.importorskip("onnxruntime", reason="pip install 'hvcodegen[witness]'")

# Everything that may appear. Whatever computes with real numbers is missing on purpose.
INTEGER_OPERATORS = {
    "Add", "And", "ArgMax", "Cast", "Clip", "Concat", "ConvInteger", "Div", "Expand", "Flatten",
    "Gather", "Greater", "GreaterOrEqual", "MatMulInteger", "MaxPool", "Mul", "Pad", "ReduceMax",
    "ReduceSum", "Reshape", "Shape", "Slice", "Sub", "Transpose", "Unsqueeze", "Where",
}  # fmt: skip
INTEGERS = {
    TensorProto.BOOL,
    TensorProto.INT8,
    TensorProto.UINT8,
    TensorProto.INT32,
    TensorProto.INT64,
}


def check_same_bits(net: QuantNet, seed: int, count: int = 12) -> None:
    """Whole tensors, in the model as written and in the model as ONNX Runtime optimises it."""
    check_network(net)
    batch = images(net.arch, count, seed)
    expected = reference.run(net, batch)
    model = integer_graph(net, every_layer=True)
    answers = {
        "as written": run_witness(model_bytes(model), {"image": batch}),
        "optimised": run_model(model, batch),
    }
    for way, got in answers.items():
        assert list(got) == list(expected)
        for layer in net.layers:
            where = f"{way}, layer {layer.name} ({layer.op}), seed {seed}"
            assert_same(expected[layer.name], got[layer.name], where)


@settings(max_examples=12, phases=(Phase.explicit, Phase.generate))
@given(architectures(), seeds)
def test_every_operator_gives_the_bits_of_the_reference(arch: Architecture, seed: int) -> None:
    net = quant_net(arch, shared_seed=seed, person_seed=seed)
    for person in (net, extreme(net, seed), extreme(net, seed + 1)):
        check_same_bits(person, seed)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network["name"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_small_networks_give_the_bits_of_the_reference(network: Json, seed: int) -> None:
    net = quant_net(Architecture.from_json(network), person_seed=seed)
    for person in (net, extreme(net, seed)):
        check_same_bits(person, seed, count=70)  # more than the witness runs at a time


@pytest.mark.parametrize("left_shift", [1, 3, 7])
def test_left_shifts(left_shift: int) -> None:
    """Of layers with weights, with and without PReLU, of means and of products."""
    layers: list[Json] = [
        {"op": "pointwise", "inputs": ["first"], "channels": 2, "activation": {"kind": "prelu"}},
        {"op": "conv2d", "inputs": ["image"], "channels": 2, "kernel": [2, 2]},
        {"op": "global_pool", "inputs": ["first"]},
        {"op": "mul", "inputs": ["first", "second"]},
    ]
    net = quant_net(bench((3, 3, 2), layers))
    for name in ("case0", "case1", "case2", "case3"):
        net = with_constants(net, name, left_shift=left_shift)
    check_same_bits(net, seed=left_shift)
    check_same_bits(extreme(net, left_shift), seed=left_shift)


@pytest.mark.parametrize(
    "first",
    [
        {"op": "softmax", "inputs": ["first"], "axis": 2},
        {"op": "concat", "inputs": ["first", "second"], "axis": 2},
        {"op": "mul", "inputs": ["first", "second"]},
        {"op": "lookup", "inputs": ["first"], "function": ["tanh", ["x"]]},
    ],
    ids=lambda layer: layer["op"],
)
def test_tables_and_convolutions_may_read_anything(first: Json) -> None:
    """What a layer calls its tensors is not what the conversion to bytes calls them."""
    layers: list[Json] = [
        first,
        {"op": "lookup", "inputs": ["case0"], "function": ["abs", ["x"]]},
        {"op": "conv2d", "inputs": ["case0"], "channels": 2, "kernel": [2, 2]},
    ]
    check_same_bits(quant_net(bench((3, 3, 2), layers)), seed=1)


def test_thresholds_around_the_value_of_an_image() -> None:
    net = quant_net(bench((4, 3, 2), [], decision="normalised_decision"))
    assert isinstance(net.layers[-1].op, NormalisedDecision)
    verdicts = reference.run(net, images(net.arch, 12, 1))["decision"]
    thresholds = {1, 2**31 - 1}
    for score, norm_squared, _ in verdicts.tolist():
        exact = score * score * 2 ** net.layers[-1].constants["shift"] // max(norm_squared, 1)
        thresholds |= {t for t in (exact, exact + 1) if 0 < t < 2**31}
    for threshold in sorted(thresholds)[:12]:
        value = np.array([threshold], np.int32)
        check_same_bits(with_tensor(net, "decision.threshold", value), seed=1)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network["name"])
def test_no_floating_point_anywhere(network: Json) -> None:
    check_integers_only(Architecture.from_json(network))


@settings(max_examples=3, phases=(Phase.explicit, Phase.generate))
@given(architectures())
def test_no_floating_point_in_any_operator(arch: Architecture) -> None:
    check_integers_only(arch)


def check_integers_only(arch: Architecture) -> None:
    """Operators, constants, tensors and casts."""
    model = integer_graph(quant_net(arch))
    assert {node.op_type for node in model.graph.node} <= INTEGER_OPERATORS
    assert {constant.data_type for constant in model.graph.initializer} <= INTEGERS
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    infos = (*inferred.input, *inferred.output, *inferred.value_info)
    assert {info.type.tensor_type.elem_type for info in infos} <= INTEGERS
    made = {name for node in model.graph.node for name in node.output}
    assert made <= {info.name for info in infos}  # nothing escaped the line above
    casts = [node for node in model.graph.node if node.op_type == "Cast"]
    assert {helper.get_attribute_value(node.attribute[0]) for node in casts} <= INTEGERS


@settings(max_examples=5, phases=(Phase.explicit, Phase.generate))
@given(architectures())
def test_the_checker_accepts_it_and_names_are_the_layers(arch: Architecture) -> None:
    net = quant_net(arch)
    model = integer_graph(net)
    check(model)
    assert [output.name for output in model.graph.output] == [net.layers[-1].name]
    made = {name for node in model.graph.node for name in node.output}
    assert {layer.name for layer in net.layers} <= made


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network["name"])
def test_the_outputs_do_not_change_the_graph(network: Json) -> None:
    net = quant_net(Architecture.from_json(network))
    one, all_of_them = integer_graph(net), integer_graph(net, every_layer=True)
    assert one.graph.node == all_of_them.graph.node
    assert one.graph.initializer == all_of_them.graph.initializer


@pytest.mark.parametrize(
    ("constant", "layer"),
    [
        ("conv0.weight", "conv0"),
        ("conv1.bias", "conv1"),
        ("conv1.multiplier", "conv1"),
        ("sum.first_multiplier", "sum"),
        ("Q32/offset", "conv0"),
        ("BYTE/zero_point", "conv0"),
        ("head.bias", "head"),
        ("decision.threshold", "decision"),
    ],
)
def test_a_planted_fault_is_found_where_it_is(constant: str, layer: str) -> None:
    net = quant_net(Architecture.from_json(NETWORKS[0]))
    batch = images(net.arch, 40, 1)
    expected = reference.run(net, batch)
    model = integer_graph(net, every_layer=True)
    assert compare(expected, run_witness(model_bytes(model), {"image": batch})).bit_exact
    broken = run_witness(model_bytes(with_fault(model, constant)), {"image": batch})
    parted = [name for name in expected if (expected[name] != broken[name]).any()]
    assert parted[0] == layer
    comparison = compare(expected, broken)
    assert comparison.first_difference is not None
    assert not comparison.bit_exact


def with_fault(model: onnx.ModelProto, constant: str) -> onnx.ModelProto:
    """The model with a changed constant; a threshold falls to 1, all others change by a little."""
    faulty = onnx.ModelProto()
    faulty.CopyFrom(model)
    (found,) = [entry for entry in faulty.graph.initializer if entry.name == constant]
    values = numpy_helper.to_array(found).copy()
    steps: dict[str, Sequence[int]] = {"Q32/offset": (2**31,), "conv1.multiplier": (2**26,)}
    values[...] = 1 if constant.endswith("threshold") else values + steps.get(constant, (1,))[0]
    found.CopyFrom(numpy_helper.from_array(values, constant))
    return faulty
