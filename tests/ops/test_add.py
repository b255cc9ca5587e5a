"""add: two operands with scales of their own, on numpy, torch and C; against real numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_everywhere, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_cases import pair_benches
from strategies import benches, compiled, seeds

from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.ops.add import Add
from codegen.ops.base import Activation
from codegen.quantise import quantise
from tests.networks import float_net

_ACTIVATIONS = st.sampled_from(
    ({"kind": "none"}, {"kind": "relu"}, {"kind": "relu6"}, {"kind": "clip", "lo": -0.5, "hi": 2})
)
_PAIRS = st.sampled_from((["first", "second"], ["second", "first"], ["first", "first"]))


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    del shape
    return {"op": "add", "inputs": draw(_PAIRS), "activation": draw(_ACTIVATIONS)}


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@compiled
@given(pair_benches("add"), seeds)
def test_same_bits_everywhere_when_it_broadcasts(
    cases: tuple[Shape3, list[Json]], seed: int
) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(st.one_of(benches(_case), pair_benches("add")), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


@settings(max_examples=40)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.floats(0.0, 1.0), seeds)
def test_any_mix_of_scales_fits_or_is_refused(
    first: float, second: float, total: float, tilt: float, seed: int
) -> None:
    """255 * (first_multiplier + second_multiplier) < 2**31 whatever the observed ranges."""
    net = float_net(bench((2, 2, 2), [{"op": "add", "inputs": ["first", "second"]}]))
    ranges = {
        "first": (-first * tilt, first),
        "second": (-second, second * tilt),
        "case0": (-total, total * tilt),
    }
    quant = quantise(dataclasses.replace(net, ranges={**net.ranges, **ranges}))
    constants = quant.layers[3].constants
    try:
        check_network(quant)
    except GateBreach:
        return
    assert 255 * (constants["first_multiplier"] + constants["second_multiplier"]) < 2**31
    assert constants["multiplier"] & (constants["multiplier"] - 1) == 0


@pytest.mark.parametrize("total", [0.02, 1.0, 1e3])
def test_far_scales_same_bits(total: float) -> None:
    net = float_net(bench((3, 2, 2), [{"op": "add", "inputs": ["first", "second"]}]))
    ranges = {"first": (0.0, 100.0), "second": (-0.5, 0.0), "case0": (-total, total / 7)}
    quant = quantise(dataclasses.replace(net, ranges={**net.ranges, **ranges}))
    check_everywhere((quant,), seed=3)


def test_a_sum_beyond_its_operands_is_refused() -> None:
    net = float_net(bench((2, 2, 2), [{"op": "add", "inputs": ["first", "second"]}]))
    ranges = {**net.ranges, "first": (-1e9, 1e9), "case0": (-1e-3, 1e-3)}
    with pytest.raises(GateBreach, match="operands' scales are too far"):
        check_network(quantise(dataclasses.replace(net, ranges=ranges)))


def test_real_numbers_match_torch() -> None:
    a, b = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    op = Add(activation=Activation(kind="relu"))
    torch.testing.assert_close(op.float_forward({}, (a, b)), torch.nn.ReLU()(a + b))


def test_impossible_sums_are_refused() -> None:
    with pytest.raises(HvError, match="two shapes of equal rank"):
        bench((3, 3, 2), [{"op": "add", "inputs": ["first", "vector"]}])
    with pytest.raises(HvError, match="cannot carry a PReLU"):
        Add(activation=Activation(kind="prelu"))
    with pytest.raises(HvError, match="takes 2 inputs"):
        bench((3, 3, 2), [{"op": "add", "inputs": ["first"]}])
    with pytest.raises(HvError, match="cannot read camera bytes"):
        bench((3, 3, 2), [{"op": "add", "inputs": ["first", "image"]}])
