"""Networks that are no verifiers: named inputs and outputs, the same bits everywhere."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from codegen import reference
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.nets import Architecture, QuantNet, float_forward
from codegen.packing import pack_inputs, packed_bytes, unpack_inputs
from codegen.plan import plan_memory
from codegen.quantise import quantise
from codegen.scheduled_net import portable
from host_tools.simulator import Simulator
from tests.architectures import TWO_INPUTS
from tests.c_host import emitted
from tests.networks import extreme, float_net, samples, two_inputs
from tests.on_target import traces_on_target
from tests.ops.harness import assert_same


def _nets() -> list[QuantNet]:
    net = two_inputs()
    return [net, extreme(net, 1), extreme(net, 2)]


def test_json_round_trip() -> None:
    arch = Architecture.from_json(TWO_INPUTS)
    assert not arch.is_verifier
    assert Architecture.from_json(arch.to_json()) == arch
    with pytest.raises(TypeError, match="no verifier"):
        arch.image  # noqa: B018 - reading it is the test


@pytest.mark.parametrize("index", range(3))
def test_every_tensor_on_torch_and_on_this_machine(index: int, tmp_path: Path) -> None:
    net = _nets()[index]
    check_network(net)
    batch = samples(net.arch, 12, seed=3)
    expected = reference.run(net, batch)
    on_torch = reference.run(net, {k: torch.from_numpy(v) for k, v in batch.items()})
    emitted(net, tmp_path / "folder")
    simulator = Simulator(tmp_path / "folder")
    in_c = simulator.trace(pack_inputs(net.arch, batch))
    for name, values in expected.items():
        assert_same(values, on_torch[name].numpy(), f"torch, {name}")
        assert_same(values, in_c[name], f"host C, {name}")
    answers = simulator.run_bytes(pack_inputs(net.arch, batch))
    both, exact = net.arch.outputs[:2]
    assert (answers[:, :4].view(np.int8) == expected[both]).all()
    assert (answers[:, 16:28].copy().view(np.int32) == expected[exact]).all()


def test_every_tensor_on_the_target(tmp_path: Path) -> None:
    net = _nets()[1]
    batch = samples(net.arch, 6, seed=4)
    expected = reference.run(net, batch)
    for where, tensors in traces_on_target(net, pack_inputs(net.arch, batch), tmp_path):
        for name, values in expected.items():
            assert_same(values, tensors[name], f"{where}, {name}")


def test_integers_are_near_the_real_numbers() -> None:
    net = float_net(Architecture.from_json(TWO_INPUTS))
    generator = torch.Generator().manual_seed(5)
    real = {
        given.name: torch.rand(20, *given.shape, generator=generator) * 2 - 1
        for given in net.arch.inputs
    }
    tensors = {name: torch.from_numpy(values) for name, values in net.tensors.items()}
    wanted = float_forward(net.arch, tensors, real)
    observed = {k: (float(v.min()), float(v.max())) for k, v in {**real, **wanted}.items()}
    quant = quantise(dataclasses.replace(net, ranges=observed))
    batch = {
        name: quant.input_quantities[name].integers(values.numpy()) for name, values in real.items()
    }
    layer = next(layer for layer in quant.layers if layer.name == "exact")
    got = reference.run(quant, batch)["exact"] * layer.quantity.scale
    exact = wanted["exact"].numpy()
    assert np.square(got - exact).sum() < 0.01 * np.square(exact).sum()  # 20 dB


def test_packed_rows_are_the_struct() -> None:
    arch = two_inputs().arch
    assert packed_bytes(arch) == 64 + 16
    batch = samples(arch, 4, seed=1)
    rows = pack_inputs(arch, batch)
    assert rows.shape == (4, 80)
    assert (rows[:, 60:64] == 0).all()
    back = unpack_inputs(arch, rows)
    assert isinstance(back, dict)
    for name, values in batch.items():
        assert_same(values, back[name], name)


def test_outputs_live_to_the_end() -> None:
    net = two_inputs()
    plan = plan_memory(portable(net))
    alive = {b.name: b.last for b in plan.buffers}
    for name in net.arch.outputs:
        assert alive[plan.buffer_of[name]] == len(net.layers)


def test_an_input_without_a_range_is_refused() -> None:
    net = float_net(Architecture.from_json(TWO_INPUTS))
    ranges = {name: bounds for name, bounds in net.ranges.items() if name != "motion"}
    with pytest.raises(HvError, match="no observed range"):
        quantise(dataclasses.replace(net, ranges=ranges))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("outputs", [], "no output"),
        ("outputs", ["nothing"], "'nothing' is no layer"),
        ("inputs", [{"name": "Motion", "shape": [7]}], "no name of an input"),
        ("inputs", [{"name": "motion", "shape": [0]}], "positive integer"),
        ("inputs", [{"name": "motion", "shape": []}], "positive integer"),
    ],
)
def test_faults(field: str, value: Any, message: str) -> None:  # noqa: ANN401
    data = copy.deepcopy(TWO_INPUTS)
    data[field] = value
    with pytest.raises(GateBreach, match=message):
        Architecture.from_json(data)


def test_no_decision_and_no_alias_of_an_input() -> None:
    data = copy.deepcopy(TWO_INPUTS)
    data["layers"].insert(0, {"name": "flat", "op": "flatten", "inputs": ["picture"]})
    data["layers"].append({"name": "who", "op": "plain_decision", "inputs": ["exact"]})
    with pytest.raises(GateBreach) as caught:
        Architecture.from_json(data)
    assert "flatten cannot read an input of the network" in str(caught.value)
    assert "a decision needs the camera's image" in str(caught.value)
