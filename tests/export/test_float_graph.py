"""The real-valued graph in ONNX Runtime against PyTorch."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest
from export_cases import NETWORKS, architectures, check, run_model, seeds
from hypothesis import Phase, given, settings

from codegen.enrolment_gate import float_scores
from codegen.export.float_graph import float_graph
from codegen.nets import Architecture, FloatNet
from tests.architectures import Json
from tests.networks import float_net, images

TOLERANCE = 1e-4


def check_scores(net: FloatNet, seed: int) -> None:
    """Scores close, verdicts equal where the score is not at the threshold."""
    batch = images(net.arch, 12, seed)
    expected = float_scores(net, batch)
    got = run_model(float_graph(net), batch)
    np.testing.assert_allclose(got["score"], expected, atol=TOLERANCE, rtol=TOLERANCE)
    clear = np.abs(expected - net.threshold) > 10 * TOLERANCE * (1 + np.abs(expected))
    assert (got["accepted"] == (expected >= net.threshold))[clear].all()


@settings(max_examples=8, phases=(Phase.explicit, Phase.generate))
@given(architectures(), seeds)
def test_every_operator_computes_what_pytorch_does(arch: Architecture, seed: int) -> None:
    """Every layer: each case in turn feeds the score that is compared."""
    net = float_net(arch, shared_seed=seed, person_seed=seed)
    check_scores(net, seed)
    check_layers(net, seed)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network["name"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_small_networks_compute_what_pytorch_does(network: Json, seed: int) -> None:
    net = float_net(Architecture.from_json(network), person_seed=seed)
    check_scores(net, seed)
    check_layers(net, seed)


@settings(max_examples=5, phases=(Phase.explicit, Phase.generate))
@given(architectures())
def test_the_checker_accepts_it(arch: Architecture) -> None:
    model = float_graph(float_net(arch))
    check(model)
    assert [output.name for output in model.graph.output] == ["score", "accepted"]


@pytest.mark.parametrize("name", ["score", "accepted"])
def test_a_layer_may_be_called_what_an_output_is_called(name: str) -> None:
    renamed = NETWORKS[0] | {"layers": _renamed(NETWORKS[0]["layers"], "sum", name)}
    net = float_net(Architecture.from_json(renamed))
    check(float_graph(net))
    check_scores(net, 1)


def test_an_image_without_features_scores_zero() -> None:
    """0 / 0 is no number, and no reason to open a door."""
    net = float_net(Architecture.from_json(NETWORKS[0]))
    dark = {name: np.zeros_like(values) for name, values in net.tensors.items()}
    weight = net.tensors["head.weight"]
    net = dataclasses.replace(net, tensors={**dark, "head.weight": weight})
    got = run_model(float_graph(net), images(net.arch, 3, 1))
    assert got["score"].tolist() == [0.0, 0.0, 0.0]
    assert not got["accepted"].any()


def check_layers(net: FloatNet, seed: int) -> None:
    """Every layer's tensor, made an output."""
    import torch

    from codegen.nets import float_forward

    batch = images(net.arch, 6, seed)
    model = float_graph(net)
    model.graph.output.extend(model.graph.value_info)
    got = run_model(model, batch)
    tensors = {name: torch.from_numpy(values) for name, values in net.tensors.items()}
    real = (torch.from_numpy(batch).float() - 128) * net.arch.image.scale
    expected = float_forward(net.arch, tensors, real)
    compared = [layer.name for layer in net.arch.layers if not layer.op.is_decision]
    for name in compared:
        values = got[name].transpose(0, 2, 3, 1) if got[name].ndim == 4 else got[name]
        limit = TOLERANCE * (1 + float(np.abs(values).max()))
        np.testing.assert_allclose(values, expected[name].numpy(), atol=limit, err_msg=name)


def _renamed(layers: list[Json], old: str, new: str) -> list[Json]:
    return [
        layer
        | {
            "name": new if layer["name"] == old else layer["name"],
            "inputs": [new if source == old else source for source in layer["inputs"]],
        }
        for layer in layers
    ]


def test_the_model_says_who_made_it_and_not_when() -> None:
    model = float_graph(float_net(Architecture.from_json(NETWORKS[0])))
    assert model.producer_name == "hvcodegen"
    assert model.producer_version
    assert isinstance(model, onnx.ModelProto)
    assert model.doc_string
