"""sub: what add is, the other way round; on numpy, torch and C; against real numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_everywhere, check_step
from hypothesis import given, settings
from pair_cases import pair_benches
from strategies import compiled, seeds

from codegen import reference
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.ops.base import Activation
from codegen.ops.sub import Sub
from codegen.quantise import quantise
from tests.networks import float_net, images, quant_net


@compiled
@given(pair_benches("sub"), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(pair_benches("sub"), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


def test_a_tensor_minus_itself_is_zero() -> None:
    net = quant_net(bench((3, 2, 2), [{"op": "sub", "inputs": ["first", "first"]}]))
    zero = net.layers[3].quantity.zero_point
    assert np.unique(reference.run(net, images(net.arch, 6, 1))["case0"]).tolist() == [zero]
    check_everywhere((net,), seed=1)


@pytest.mark.parametrize("total", [0.02, 1.0, 1e3])
def test_far_scales_same_bits(total: float) -> None:
    net = float_net(bench((3, 2, 2), [{"op": "sub", "inputs": ["first", "second"]}]))
    ranges = {"first": (0.0, 100.0), "second": (-0.5, 0.0), "case0": (-total, total / 7)}
    quant = quantise(dataclasses.replace(net, ranges={**net.ranges, **ranges}))
    check_everywhere((quant,), seed=3)


def test_real_numbers_match_torch() -> None:
    a, b = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 1, 5)
    op = Sub(activation=Activation(kind="relu"))
    torch.testing.assert_close(op.float_forward({}, (a, b)), torch.nn.ReLU()(a - b))


def test_impossible_differences_are_refused() -> None:
    net = float_net(bench((2, 2, 2), [{"op": "sub", "inputs": ["first", "second"]}]))
    ranges = {**net.ranges, "first": (-1e9, 1e9), "case0": (-1e-3, 1e-3)}
    with pytest.raises(GateBreach, match="too far from the difference's scale"):
        check_network(quantise(dataclasses.replace(net, ranges=ranges)))
    with pytest.raises(HvError, match="sub cannot carry a PReLU"):
        Sub(activation=Activation(kind="prelu"))
