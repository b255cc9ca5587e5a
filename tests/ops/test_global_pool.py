"""global_pool: values on numpy, torch and C; against torch.nn and real numbers."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from harness import Shape3, bench, check_bench, check_everywhere, check_step
from hypothesis import given, settings
from strategies import compiled, seeds, shapes

from codegen.errors import HvError
from codegen.ops.global_pool import GlobalPool
from codegen.quantise import quantise
from tests.networks import float_net

_CASES = [
    {"op": "global_pool", "inputs": ["first"]},
    {"op": "global_pool", "inputs": ["second"]},
]


@compiled
@given(shapes, seeds)
def test_same_bits_everywhere(shape: Shape3, seed: int) -> None:
    check_bench(bench(shape, _CASES), seed)


@settings(max_examples=15)
@given(shapes, seeds)
def test_one_rounding_from_real_numbers(shape: Shape3, seed: int) -> None:
    check_step(bench(shape, _CASES), seed)


@pytest.mark.parametrize("reach", [0.05, 20.0])
def test_an_observed_range_changes_the_scale(reach: float) -> None:
    net = float_net(bench((9, 9, 3), _CASES))
    ranges = {**net.ranges, "case0": (-reach, reach), "case1": (0.0, reach)}
    check_everywhere((quantise(dataclasses.replace(net, ranges=ranges)),), seed=6)


def test_real_numbers_match_torch_nn() -> None:
    x = torch.randn(2, 5, 6, 3, dtype=torch.float64)
    expected = torch.nn.AdaptiveAvgPool2d(1)(x.permute(0, 3, 1, 2)).flatten(1)
    torch.testing.assert_close(GlobalPool().float_forward({}, (x,)), expected)


def test_a_vector_is_no_image() -> None:
    with pytest.raises(HvError, match="needs an image"):
        bench((3, 3, 2), [{"op": "global_pool", "inputs": ["vector"]}])
