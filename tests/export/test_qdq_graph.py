"""The QDQ graph in ONNX Runtime stays near the integer reference, layer by layer."""

from __future__ import annotations

import numpy as np
import pytest
from export_cases import NETWORKS, architectures, check, run_model, seeds
from hypothesis import Phase, given, settings
from onnx import TensorProto

from codegen import reference
from codegen.enrolment_gate import integer_scores
from codegen.errors import HvError
from codegen.export.qdq_graph import qdq_graph
from codegen.nets import Architecture, QuantNet
from tests.architectures import Json
from tests.networks import images, quant_net, with_tensor

MEAN_LIMIT = 1.0  # quantisation steps, averaged over a layer
SCORE_LIMIT = 0.15  # two of the largest features of these networks off by a step


def mean_steps(net: QuantNet, seed: int) -> dict[str, float]:
    """By layer: the mean distance from the reference in quantisation steps."""
    batch = images(net.arch, 24, seed)
    expected = reference.run(net, batch)
    got = run_model(qdq_graph(net, every_layer=True), batch)
    steps = {}
    for layer in net.layers:
        if layer.op.output_dtype == "int8":
            values = got[layer.name]
            values = values.transpose(0, 2, 3, 1) if values.ndim == 4 else values
            distance = np.abs(values.astype(np.int64) - expected[layer.name])
            steps[layer.name] = float(distance.mean())
    return steps


@settings(max_examples=8, phases=(Phase.explicit, Phase.generate))
@given(architectures(), seeds)
def test_every_operator_stays_within_a_step_on_average(arch: Architecture, seed: int) -> None:
    steps = mean_steps(quant_net(arch, shared_seed=seed, person_seed=seed), seed)
    assert max(steps.values()) <= MEAN_LIMIT, steps


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network["name"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_small_networks_stay_within_a_step_on_average(network: Json, seed: int) -> None:
    net = quant_net(Architecture.from_json(network), person_seed=seed)
    steps = mean_steps(net, seed)
    print(f"mean steps from the reference: {steps}")
    assert max(steps.values()) <= MEAN_LIMIT, steps
    batch = images(net.arch, 24, seed)
    got = run_model(qdq_graph(net), batch)["score"]
    expected = integer_scores(net, reference.run(net, batch))
    assert np.abs(got - expected).max() <= SCORE_LIMIT


@settings(max_examples=5, phases=(Phase.explicit, Phase.generate))
@given(architectures())
def test_the_checker_accepts_it(arch: Architecture) -> None:
    check(qdq_graph(quant_net(arch)))


def test_weights_are_int8_and_biases_int32_per_channel() -> None:
    net = quant_net(Architecture.from_json(NETWORKS[0]))
    constants = {entry.name: entry for entry in qdq_graph(net).graph.initializer}
    assert constants["conv0.weight"].data_type == TensorProto.INT8
    assert list(constants["conv0.weight"].dims) == [5, 3, 3, 3]
    assert list(constants["conv0.weight/scale"].dims) == [5]
    assert constants["conv0.bias"].data_type == TensorProto.INT32
    assert constants["conv0/output_zero_point"].data_type == TensorProto.INT8


def test_a_bias_beyond_int32_is_refused() -> None:
    net = quant_net(Architecture.from_json(NETWORKS[0]))
    bias = net.tensors()["conv1.bias"].copy()
    bias[:] = [2**31 - 1, -(2**31) + 1, 2**31 - 1, -(2**31) + 1, 2**31 - 1]
    with pytest.raises(HvError, match="does not fit int32") as refused:
        qdq_graph(with_tensor(net, "conv1.bias", bias))
    assert refused.value.where == "layer conv1"
