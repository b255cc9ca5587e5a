"""average_pool: geometry and values on numpy, torch and C; against torch.nn and real numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_everywhere, check_step
from hypothesis import given, settings
from strategies import benches, compiled, seeds, windows

from codegen.errors import GateBreach
from codegen.gates import check_network
from codegen.ops.average_pool import AveragePool
from codegen.quantise import quantise
from tests.networks import float_net


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    return {"op": "average_pool", "inputs": ["first"], **draw(windows(shape))}


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


@pytest.mark.parametrize("reach", [0.02, 0.5, 40.0])
def test_an_observed_range_changes_the_scale(reach: float) -> None:
    """Narrow ranges need a left shift, wide ones a small multiplier."""
    case = {"op": "average_pool", "inputs": ["second"], "kernel": [2, 3], "padding": [1, 2, 0, 0]}
    net = float_net(bench((5, 4, 3), [case]))
    ranges = {**net.ranges, "case0": (-reach, reach / 2)}
    check_everywhere((quantise(dataclasses.replace(net, ranges=ranges)),), seed=5)


def test_a_range_too_narrow_is_refused() -> None:
    net = float_net(
        bench((5, 5, 1), [{"op": "average_pool", "inputs": ["first"], "kernel": [5, 5]}])
    )
    ranges = {**net.ranges, "case0": (0.0, 1e-9)}
    with pytest.raises(GateBreach, match="does not fit the integer contract"):
        check_network(quantise(dataclasses.replace(net, ranges=ranges)))


@pytest.mark.parametrize("padding", [0, 1])
def test_real_numbers_match_torch_nn(padding: int) -> None:
    x = torch.randn(2, 7, 8, 3, dtype=torch.float64)
    op = AveragePool(kernel=(3, 2), stride=(2, 1), padding=(padding,) * 4)
    module = torch.nn.AvgPool2d((3, 2), stride=(2, 1), padding=padding)  # counts the padding
    expected = module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(op.float_forward({}, (x,)), expected)
