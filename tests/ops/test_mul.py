"""mul: one product per element, on numpy, torch and C; against real numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_everywhere, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_cases import pair_benches
from strategies import compiled, seeds

from codegen import reference
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.ops.base import Activation, Quantity
from codegen.ops.mul import Mul
from codegen.quantise import quantise
from tests.networks import float_net, images, with_constants

_PRODUCT: list[Json] = [{"op": "mul", "inputs": ["first", "second"]}]


@compiled
@given(pair_benches("mul"), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(pair_benches("mul"), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


@settings(max_examples=60)
@given(st.floats(1e-4, 1e4), st.floats(1e-4, 1e4), st.floats(1e-4, 1e4))
def test_any_mix_of_scales_fits_or_is_refused(first: float, second: float, out: float) -> None:
    net = float_net(bench((2, 2, 2), _PRODUCT))
    ranges = {"first": (-first, first), "second": (-second, 0.0), "case0": (-out, out)}
    quant = quantise(dataclasses.replace(net, ranges={**net.ranges, **ranges}))
    constants = quant.layers[3].constants
    try:
        check_network(quant)
    except GateBreach:
        return
    assert 255 * 255 << constants["left_shift"] < 2**31
    assert 1 <= constants["multiplier"] < 2**31


@pytest.mark.parametrize("out", [0.001, 0.1, 1e4])
def test_far_scales_same_bits(out: float) -> None:
    """0.001: the ratio of the scales is far above 1/2, so a left shift is at work."""
    net = float_net(bench((3, 2, 2), _PRODUCT))
    ranges = {"first": (0.0, 3.0), "second": (-0.5, 0.0), "case0": (-out, out / 7)}
    quant = quantise(dataclasses.replace(net, ranges={**net.ranges, **ranges}))
    assert (quant.layers[3].constants["left_shift"] > 0) == (out < 0.01)
    check_everywhere((quant,), seed=3)


def test_the_extreme_products() -> None:
    """Zero points at both ends: (a - zero_point) reaches -255 and 255."""
    net = float_net(bench((3, 2, 2), _PRODUCT))
    for low, high in ((-128, 127), (127, -128), (127, 127), (-128, -128)):
        own = {
            "first": Quantity(scale=0.01, zero_point=low),
            "second": Quantity(scale=0.02, zero_point=high),
            "case0": Quantity(scale=0.1, zero_point=-1),
        }
        quant = quantise(dataclasses.replace(net, quantities=own))
        check_everywhere((quant,), seed=4)
        shifted = with_constants(quant, "case0", left_shift=15, multiplier=2**31 - 1)
        check_everywhere((shifted,), seed=5)


def test_a_square() -> None:
    net = float_net(bench((3, 2, 2), [{"op": "mul", "inputs": ["first", "first"]}]))
    quant = quantise(dataclasses.replace(net, ranges={**net.ranges, "case0": (0.0, 2.0)}))
    zero_point = quant.layers[3].quantity.zero_point
    assert reference.run(quant, images(net.arch, 12, 2))["case0"].min() >= zero_point
    check_everywhere((quant,), seed=2)


def test_a_planted_fault_is_seen() -> None:
    net = float_net(bench((3, 2, 2), _PRODUCT))
    right = quantise(net)
    wrong = with_constants(right, "case0", first_zero_point=1)
    batch = images(net.arch, 6, 2)
    both = [reference.run(quant, batch)["case0"] for quant in (right, wrong)]
    assert not np.array_equal(*both)


def test_real_numbers_match_torch() -> None:
    a, b = torch.randn(2, 3, 4, 5), torch.randn(2, 1, 4, 1)
    op = Mul(activation=Activation(kind="relu"))
    torch.testing.assert_close(op.float_forward({}, (a, b)), torch.nn.ReLU()(a * b))


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_impossible_products_are_refused(scale: float) -> None:
    net = float_net(bench((2, 2, 2), _PRODUCT))
    own = {"case0": Quantity(scale=scale, zero_point=0)}
    with pytest.raises(GateBreach, match="too far from the product's scale"):
        check_network(quantise(dataclasses.replace(net, quantities=own)))
    with pytest.raises(HvError, match="mul cannot carry a PReLU"):
        Mul(activation=Activation(kind="prelu"))
