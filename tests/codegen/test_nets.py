"""Architectures as data: round trips, and every fault named at once."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from codegen.errors import GateBreach, HvError
from codegen.nets import Architecture
from tests.architectures import CONV_HEAD, DEPTHWISE_ALL, Json


def _changed(**fields: Any) -> Json:  # noqa: ANN401
    return {**copy.deepcopy(CONV_HEAD), **fields}


def _layer(index: int, **fields: Any) -> Json:  # noqa: ANN401
    data = copy.deepcopy(CONV_HEAD)
    data["layers"][index].update(fields)
    return data


@pytest.mark.parametrize("data", [CONV_HEAD, DEPTHWISE_ALL], ids=lambda data: data["name"])
def test_json_round_trip(data: Json) -> None:
    arch = Architecture.from_json(data)
    assert Architecture.from_json(arch.to_json()) == arch


def test_shapes_costs_and_parameters() -> None:
    arch = Architecture.from_json(CONV_HEAD)
    assert arch.shapes()["sum"] == (5, 4, 5)
    assert arch.macs() == 20 * 5 * 27 + 20 * 5 * 45 + 100
    assert arch.parameters() == (135 + 5 + 5) + (225 + 5 + 5) + (100 + 1)
    assert arch.prefix == "hv_conv_head"
    assert arch.is_personal("decision.threshold")
    assert not arch.is_personal("conv0.weight")


def test_tables_that_address_memory_are_never_personal() -> None:
    """A bundle could otherwise make the kernel read elsewhere, or divide by zero."""
    data = _changed(personal=["*"])
    rows = {"op": "resize", "inputs": ["conv0"], "rows": [0, 4], "columns": [3]}
    data["layers"].insert(1, {"name": "small", **rows})
    data["layers"].insert(1, {"name": "shares", "op": "softmax", "inputs": ["conv0"], "axis": 2})
    arch = Architecture.from_json(data)
    assert not any(arch.is_personal(f"small.{name}") for name in ("rows", "columns"))
    assert not arch.is_personal("shares.table")
    assert arch.is_personal("conv0.weight")
    assert arch.is_personal("decision.threshold")


def test_every_fault_at_once() -> None:
    data = _changed(name="Bad Name")
    data["layers"][0]["kernel"] = [30, 3]
    data["layers"][2]["inputs"] = ["conv0", "nothing"]
    data["layers"][4]["inputs"] = ["image"]
    data["layers"].append(dict(data["layers"][5], name="again"))
    with pytest.raises(GateBreach) as caught:
        Architecture.from_json(data)
    message = str(caught.value)
    for part in (
        "no architecture name",
        "larger than its padded input",
        "'nothing', which is no earlier layer",
        "dense cannot read camera bytes",
        "there must be one decision",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "has no name, image, layers, personal"),
        (_layer(0, op="conv3d"), "unknown operator 'conv3d'"),
        (_layer(0, chanels=3), "no field chanels"),
        (_layer(0, activation={"kind": "gelu"}), "unknown activation 'gelu'"),
        (_layer(0, activation={"kind": "clip", "lo": 1.0}), "clip needs both"),
        (_layer(0, activation={"kind": "clip", "lo": 1.0, "hi": 1.0}), "lo < hi"),
        (_layer(0, activation={"kind": "relu", "lo": 1.0, "hi": 2.0}), "belong to clip"),
        (_layer(1, name="conv0"), "used twice"),
        (_layer(1, name="Conv"), "no layer name"),
        (_layer(1, name="image"), "no layer name"),
        (_layer(1, inputs=["conv1"]), "no earlier layer"),
        (_layer(1, inputs=[]), "takes 1 inputs"),
        (_layer(2, inputs=["conv0"]), "takes 2 inputs"),
        (_changed(personal=["haed.*"]), "matches no tensor"),
        (_changed(layers=[]), "must be a decision"),
        (_changed(layers=CONV_HEAD["layers"][:-1]), "must be a decision"),
    ],
)
def test_a_fault_is_named(data: Json, message: str) -> None:
    with pytest.raises(HvError, match=message):
        Architecture.from_json(data)


@pytest.mark.parametrize(
    "data",
    [
        _changed(image={"height": 9, "width": 7, "channels": 3}),
        _changed(image={"height": 9, "width": 7, "channels": 3, "scale": 1.0, "depth": 1}),
        _changed(image={"height": 0, "width": 7, "channels": 3, "scale": 1.0}),
        _changed(image={"height": 9.5, "width": 7, "channels": 3, "scale": 1.0}),
        _changed(image={"height": 9, "width": 7, "channels": 3, "scale": -1.0}),
        _changed(image={"height": 9, "width": 7, "channels": 3, "scale": float("nan")}),
        _changed(image=None),
        _changed(layers=[None]),
        _changed(layers={"conv0": {}}),
        _changed(personal="*"),
        _changed(name=7),
        _layer(0, kernel=3),
        _layer(0, kernel=[3]),
        _layer(0, kernel=[3, "3"]),
        _layer(0, padding=[1, 1]),
        _layer(0, stride=[1.5, 1]),
        _layer(0, channels=0),
        _layer(0, channels=-4),
        _layer(0, channels="five"),
        _layer(0, inputs="image"),
        _layer(0, inputs=None),
        _layer(0, activation="relu"),
        _layer(0, activation={"kind": "clip", "lo": "a", "hi": "b"}),
        _layer(0, name=None),
    ],
)
def test_nonsense_is_refused_without_a_traceback(data: Json) -> None:
    with pytest.raises(HvError):
        Architecture.from_json(data)


@pytest.mark.parametrize("name", ["types", "person", "model", "vectors", "bundle", "at"])
def test_names_that_the_runtime_uses_are_refused(name: str) -> None:
    """hv_model.h would be written twice."""
    with pytest.raises(HvError, match="the name hv_"):
        Architecture.from_json(_changed(name=name))


@pytest.mark.parametrize("name", ["run", "layer", "tensors", "abi", "shared"])
def test_names_that_the_kernel_uses_are_refused(name: str) -> None:
    data = copy.deepcopy(CONV_HEAD)
    data["layers"][3]["name"] = name
    data["layers"][4]["inputs"] = [name]
    data["layers"][5]["inputs"] = ["head", name]
    with pytest.raises(HvError, match="uses the name"):
        Architecture.from_json(data)


@pytest.mark.parametrize("name", ["conv0_scratch", "conv0_negative"])
def test_names_that_collide_in_c_are_refused(name: str) -> None:
    """conv0's scratch memory; conv0.negative_multiplier and conv0_negative.multiplier."""
    data = copy.deepcopy(CONV_HEAD)
    data["layers"][1]["name"] = name
    data["layers"][2]["inputs"] = ["conv0", name]
    with pytest.raises(HvError, match="would be called conv0_"):
        Architecture.from_json(data)


def test_a_layer_is_personal_as_a_whole() -> None:
    """Shared multipliers of personal weights would be another kernel for each person."""
    with pytest.raises(HvError, match="some of its tensors are personal"):
        Architecture.from_json(_changed(personal=["head.weight"]))
