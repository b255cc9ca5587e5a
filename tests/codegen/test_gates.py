"""Gates: what cannot be proved is refused, with layer, channel and number, all at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen import reference
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.nets import FloatNet, QuantNet
from codegen.ops.mac import MacOp
from codegen.quantise import quantise
from tests.networks import (
    conv_head,
    depthwise_all,
    extreme,
    float_net,
    images,
    with_constants,
    with_tensor,
)

LIMIT = 2**31


def _with_bias(net: QuantNet, name: str, channel: int, room: int) -> QuantNet:
    """The channel's bound becomes 2**31 - 1 + room."""
    layer = next(layer for layer in net.layers if layer.name == name)
    assert isinstance(layer.op, MacOp)
    bias = layer.tensors["bias"].astype(np.int64)
    reach = layer.op.accumulator_bounds(layer) - np.abs(bias)
    bias[channel] = LIMIT - 1 - reach[channel] + room
    return with_tensor(net, f"{name}.bias", bias.astype(np.int32))


def test_an_accumulator_at_the_limit_passes_and_one_more_is_refused() -> None:
    check_network(_with_bias(conv_head(), "conv1", 3, room=0))
    with pytest.raises(GateBreach) as caught:
        check_network(_with_bias(conv_head(), "conv1", 3, room=1))
    assert len(caught.value.breaches) == 1
    breach = caught.value.breaches[0]
    assert breach.where == "layer conv1, channel 3"
    assert str(LIMIT) in breach.what
    assert breach.hint


def test_a_left_shift_counts() -> None:
    net = _with_bias(conv_head(), "conv1", 0, room=0)
    with pytest.raises(GateBreach, match="accumulator of channel 0"):
        check_network(with_constants(net, "conv1", left_shift=1))


@settings(max_examples=15)
@given(st.integers(0, 2**31))
def test_no_image_exceeds_a_proved_bound(seed: int) -> None:
    """Each channel is given the image that is worst for it, in exact integers."""
    for net in (extreme(conv_head(), seed), extreme(depthwise_all(), seed)):
        for layer in net.layers:
            if isinstance(layer.op, MacOp):
                weight = layer.tensors["weight"].astype(np.int64)
                axes = tuple(
                    a for a in range(weight.ndim) if a != layer.op.channel_axis % weight.ndim
                )
                high = np.where(weight > 0, 127 * weight, -128 * weight).sum(axis=axes)
                low = np.where(weight > 0, -128 * weight, 127 * weight).sum(axis=axes)
                bias = layer.tensors["bias"].astype(np.int64)
                worst = np.maximum(np.abs(bias + high), np.abs(bias + low))
                bounds = layer.op.accumulator_bounds(layer)
                assert (worst <= bounds).all()
                assert (bounds < LIMIT).all()


@pytest.mark.parametrize(
    ("tensor", "value", "passes"),
    [
        ("multiplier", 1, True),
        ("multiplier", LIMIT - 1, True),
        ("multiplier", 0, False),
        ("multiplier", -1, False),
        ("multiplier", LIMIT, False),
        ("negative_multiplier", 0, True),
        ("negative_multiplier", 1 - LIMIT, True),
        ("negative_multiplier", LIMIT - 1, True),
        ("negative_multiplier", -LIMIT, False),
    ],
)
def test_multipliers_stay_in_the_contract(tensor: str, value: int, passes: bool) -> None:
    name = f"conv0.{tensor}"
    values = conv_head().tensors()[name].astype(np.int64)
    values[2] = value
    fits = -LIMIT <= value < LIMIT
    net = with_tensor(conv_head(), name, values.astype(np.int32) if fits else values)
    if passes:
        check_network(net)
        return
    with pytest.raises(GateBreach) as caught:
        check_network(net)
    first = caught.value.breaches[0]
    assert first.where == "layer conv0, channel 2"
    assert f"{tensor} {value} is outside" in first.what


def test_a_weight_of_minus_128_is_refused() -> None:
    values = conv_head().tensors()["conv0.weight"].copy()
    values[0, 0, 0, 0] = -128
    with pytest.raises(GateBreach, match="a weight is -128"):
        check_network(with_tensor(conv_head(), "conv0.weight", values))


def test_wrong_types_and_shapes_are_refused() -> None:
    tensors = conv_head().tensors()
    for name, values in (
        ("conv0.bias", tensors["conv0.bias"].astype(np.int64)),
        ("conv0.weight", tensors["conv0.weight"].astype(np.int16)),
        ("head.weight", tensors["head.weight"].T),
    ):
        with pytest.raises(GateBreach, match="expected int"):
            check_network(with_tensor(conv_head(), name, values))


def test_all_breaches_at_once() -> None:
    net = _with_bias(_with_bias(conv_head(), "conv0", 1, room=1), "conv1", 2, room=5)
    values = net.tensors()["conv1.multiplier"].copy()
    values[4] = 0
    with pytest.raises(GateBreach) as caught:
        check_network(with_tensor(net, "conv1.multiplier", values))
    where = [breach.where for breach in caught.value.breaches]
    assert where == ["layer conv0, channel 1", "layer conv1, channel 2", "layer conv1, channel 4"]
    assert "3 checks failed" in str(caught.value)


# --- what quantise() refuses ---


def _changed(net: FloatNet, tensors: Mapping[str, np.ndarray]) -> FloatNet:
    return dataclasses.replace(net, tensors={**net.tensors, **tensors})


def test_every_damaged_tensor_is_named() -> None:
    net = float_net(conv_head().arch)
    weight = net.tensors["conv0.weight"].copy()
    weight[0, 0, 0, :2] = np.nan
    bias = net.tensors["conv1.bias"].copy()
    bias[1] = np.inf
    tensors = {**net.tensors, "conv0.weight": weight, "conv1.bias": bias}
    tensors["head.weight"] = net.tensors["head.weight"].T
    del tensors["conv0.slope"]
    damaged = dataclasses.replace(
        net,
        tensors=tensors,
        ranges={**net.ranges, "conv0": (1.0, -1.0), "conv1": (0.0, float("nan"))},
        threshold=float("inf"),
    )
    with pytest.raises(GateBreach) as caught:
        quantise(damaged)
    message = str(caught.value)
    assert "7 checks failed" in message
    for part in (
        "2 of 135 values are NaN or infinite",
        "1 of 5 values are NaN or infinite",
        "the tensor is missing",
        "expected (1, 100)",
        "observed range (1.0, -1.0)",
        "observed range (0.0, nan)",
        "the threshold is inf",
    ):
        assert part in message


def test_a_missing_range_is_refused() -> None:
    net = float_net(conv_head().arch)
    ranges = {name: bounds for name, bounds in net.ranges.items() if name != "sum"}
    with pytest.raises(HvError, match="no observed output range"):
        quantise(dataclasses.replace(net, ranges=ranges))


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-12, 1e12, 3e38])
def test_weights_of_any_size_pass_or_are_refused_never_wrap(size: float) -> None:
    net = float_net(conv_head().arch)
    changed = _changed(
        net,
        {
            "conv0.weight": np.full(net.tensors["conv0.weight"].shape, size, np.float32),
            "conv1.bias": np.full(net.tensors["conv1.bias"].shape, -size, np.float32),
        },
    )
    quant = quantise(changed)
    try:
        check_network(quant)
    except GateBreach:
        return
    assert quant.tensors()["conv0.weight"].dtype == np.int8
    assert quant.tensors()["conv1.bias"].dtype == np.int32


def test_a_bias_much_larger_than_its_weights_keeps_its_value() -> None:
    """Batch norm folds channels to nothing: then the bias sets the scale, not the weights."""
    net = float_net(conv_head().arch)
    weight = net.tensors["conv0.weight"].copy()
    weight[1] = 1e-9
    bias = net.tensors["conv0.bias"].copy()
    bias[1] = 1.5
    quant = quantise(_changed(net, {"conv0.weight": weight, "conv0.bias": bias}))
    check_network(quant)
    outputs = reference.run(quant, images(quant.arch, 4, 0))["conv0"][..., 1]
    quantity = quant.layers[0].quantity
    real = (outputs.astype(float) - quantity.zero_point) * quantity.scale
    assert np.abs(real - 1.5).max() <= quantity.scale


def test_quantise_is_deterministic() -> None:
    one, two = depthwise_all().tensors(), depthwise_all().tensors()
    assert list(one) == list(two)
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name])
