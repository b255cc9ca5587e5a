"""concat: inputs with scales of their own, on numpy, torch and C; against numpy.concatenate."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_everywhere, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import benches, compiled, seeds

from codegen import reference
from codegen.emit import emit
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.nets import QuantNet
from codegen.ops.base import Quantity
from codegen.ops.concat import Concat
from codegen.quantise import quantise
from codegen.schedule import schedule
from codegen.targets import find_target
from tests.networks import float_net, images, quant_net, with_constants

_SOURCES = st.lists(st.sampled_from(("first", "second")), min_size=1, max_size=4)


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    del shape
    return {"op": "concat", "inputs": draw(_SOURCES), "axis": draw(st.integers(0, 2))}


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


def test_other_ranks_and_parts_of_other_sizes() -> None:
    cases: list[Json] = [
        {"op": "concat", "inputs": ["vector", "vector"], "axis": 0},
        {"op": "concat", "inputs": ["case0", "vector", "case0"], "axis": 0},
        {"op": "pointwise", "inputs": ["second"], "channels": 1},
        {"op": "concat", "inputs": ["case2", "first", "case2", "second"], "axis": 2},
        {"op": "max_pool", "inputs": ["second"], "kernel": [1, 4]},
        {"op": "concat", "inputs": ["case4", "first"], "axis": 1},
    ]
    check_bench(bench((3, 4, 2), cases), seed=1)


def _joined(quantities: tuple[Quantity, ...], output: Quantity) -> QuantNet:
    """Inputs first, second with quantities of their own, joined to `output`."""
    case: Json = {"op": "concat", "inputs": ["first", "second", "first"], "axis": 0}
    net = float_net(bench((2, 3, 2), [case]))
    own = {"first": quantities[0], "second": quantities[1], "case0": output}
    return quantise(dataclasses.replace(net, quantities=own))


_ZERO_POINTS = st.integers(-128, 127)
_SCALES = st.floats(2.0**-8, 2.0**8)
_QUANTITIES = st.builds(Quantity, scale=_SCALES, zero_point=_ZERO_POINTS)


@settings(max_examples=60)
@given(_QUANTITIES, _QUANTITIES, _QUANTITIES, seeds)
def test_each_part_is_rescaled_by_itself(
    first: Quantity, second: Quantity, output: Quantity, seed: int
) -> None:
    """Against real numbers in numpy: at most half a step of the output, whatever the scales."""
    net = _joined((first, second), output)
    check_network(net)
    outputs = reference.run(net, images(net.arch, 4, seed))
    real = [
        (outputs[name].astype(np.float64) - quantity.zero_point) * quantity.scale
        for name, quantity in (("first", first), ("second", second), ("first", first))
    ]
    exact = np.concatenate(real, axis=1) / output.scale + output.zero_point
    assert (np.abs(outputs["case0"] - exact.clip(-128, 127)) <= 0.5 + 1e-6).all()


@pytest.mark.parametrize("ratio", [2.0**-20, 0.499, 0.5, 0.75, 1.0, 1.7, 2.0, 300.0])
def test_any_ratio_of_scales_has_the_same_bits(ratio: float) -> None:
    """From a multiplier of a few units to a left shift of nine."""
    quantities = (Quantity(scale=1.0, zero_point=-7), Quantity(scale=0.01, zero_point=100))
    net = _joined(quantities, Quantity(scale=1.0 / ratio, zero_point=5))
    check_everywhere((net,), seed=3)


def test_an_input_of_the_same_quantity_is_copied() -> None:
    """The reference requantises it all the same: the compared bits say that both are one."""
    output = Quantity(scale=0.3, zero_point=-9)
    net = _joined((output, Quantity(scale=0.3, zero_point=-8)), output)
    layer = next(layer for layer in net.layers if layer.name == "case0")
    assert isinstance(layer.op, Concat)
    assert [layer.op.is_copy(layer, index) for index in range(3)] == [True, False, True]
    outputs = reference.run(net, images(net.arch, 8, 1))
    np.testing.assert_array_equal(outputs["case0"][:, :2], outputs["first"])
    np.testing.assert_array_equal(outputs["case0"][:, 4:], outputs["first"])
    check_everywhere((net,), seed=2)
    text = emit(schedule(net, find_target("cortex-m4")), "someone").files["hv_bench.c"].decode()
    assert "= input0[i]; /* the output's scale already */" in text
    assert "= hv_requantise(input1[i] - (-8)," in text


@pytest.mark.parametrize(("second", "total"), [(1e9, 1.0), (1e-9, 100.0)])
def test_scales_too_far_apart_are_refused(second: float, total: float) -> None:
    """A left shift of 30 would leave int32; a multiplier would be zero."""
    case: Json = {"op": "concat", "inputs": ["first", "second"], "axis": 2}
    net = float_net(bench((2, 2, 2), [case]))
    ranges = {**net.ranges, "second": (-second, second), "case0": (-total, total)}
    with pytest.raises(GateBreach, match="the scale of second is too far") as refused:
        check_network(quantise(dataclasses.replace(net, ranges=ranges)))
    assert "layer case0, input 1" in {breach.where for breach in refused.value.breaches}


def test_constants_out_of_the_contract_are_refused() -> None:
    net = quant_net(bench((2, 2, 2), [{"op": "concat", "inputs": ["first"], "axis": 1}]))
    check_network(net)
    for fault in (
        {"input0_multiplier": 0},
        {"input0_multiplier": 2**31},
        {"input0_left_shift": 24},
    ):
        with pytest.raises(GateBreach, match="too far from the scale"):
            check_network(with_constants(net, "case0", **fault))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_real_numbers_match_numpy(axis: int) -> None:
    a = np.random.default_rng(1).normal(size=(2, 3, 4, 5))
    inputs = (torch.from_numpy(a), torch.from_numpy(2 * a), torch.from_numpy(-a))
    expected = np.concatenate([a, 2 * a, -a], axis=axis + 1)
    np.testing.assert_array_equal(Concat(axis=axis).float_forward({}, inputs).numpy(), expected)


def test_impossible_joins_are_refused() -> None:
    with pytest.raises(HvError, match="equal but for axis 0"):
        bench((3, 3, 2), [{"op": "concat", "inputs": ["first", "vector"], "axis": 0}])
    pooled: Json = {"op": "max_pool", "inputs": ["first"], "kernel": [2, 1]}
    with pytest.raises(HvError, match="equal but for axis 2"):
        bench((3, 3, 2), [pooled, {"op": "concat", "inputs": ["case0", "first"], "axis": 2}])
    with pytest.raises(HvError, match="has 1 axes"):
        bench((3, 3, 2), [{"op": "concat", "inputs": ["vector"], "axis": 1}])
    with pytest.raises(HvError, match="one input or more"):
        bench((3, 3, 2), [{"op": "concat", "inputs": [], "axis": 1}])
    with pytest.raises(HvError, match="axis cannot be -1"):
        bench((3, 3, 2), [{"op": "concat", "inputs": ["first"], "axis": -1}])
    with pytest.raises(HvError, match="cannot read camera bytes"):
        bench((3, 3, 2), [{"op": "concat", "inputs": ["first", "image"], "axis": 1}])


def test_without_a_range_it_asks_for_one() -> None:
    net = float_net(bench((2, 2, 2), [{"op": "concat", "inputs": ["first"], "axis": 1}]))
    ranges = {name: ends for name, ends in net.ranges.items() if name != "case0"}
    with pytest.raises(HvError, match="no observed output range"):
        quantise(dataclasses.replace(net, ranges=ranges))
