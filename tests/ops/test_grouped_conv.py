"""grouped_conv: groups, gaps and geometry on numpy, torch and C; against torch.nn."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from harness import Json, Shape3, assert_same, bench, check_bench, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import (
    activations,
    benches,
    compiled,
    dilated_windows,
    grouped_channels,
    seeds,
    windows,
)

from codegen import reference
from codegen.errors import HvError
from codegen.ops.base import Activation
from codegen.ops.grouped_conv import GroupedConv
from tests.networks import images, quant_net

Pair = tuple[int, int]


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    return {
        "op": "grouped_conv",
        "activation": draw(activations),
        **draw(grouped_channels(shape, "second")),
        **draw(dilated_windows(shape)),
    }


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


@settings(max_examples=10)
@given(st.data(), seeds)
def test_the_general_one_gives_the_bits_of_conv2d(data: Any, seed: int) -> None:  # noqa: ANN401
    """One group, no gaps: the same layer, written twice."""
    shape = (6, 5, 3)
    fields = {"inputs": ["first"], "channels": 4, **data.draw(windows(shape))}
    kinds = ({"op": "conv2d"}, {"op": "grouped_conv"})
    arch = bench(shape, [{**fields, **kind} for kind in kinds])
    net = quant_net(arch, shared_seed=seed, person_seed=seed)
    plain, general = net.layers[3:5]
    same = dataclasses.replace(general, tensors=plain.tensors, quantity=plain.quantity)
    values = reference.run(net, images(arch, 6, seed))["first"]
    expected = plain.op.reference(plain, (values,))
    assert_same(expected, general.op.reference(same, (values,)), f"seed {seed}")


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("dilation", [(1, 1), (3, 2)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
def test_real_numbers_match_torch_nn(groups: int, dilation: Pair, stride: Pair) -> None:
    conv = torch.nn.Conv2d(4, 8, (3, 2), stride=stride, dilation=dilation, groups=groups).double()
    module = torch.nn.Sequential(torch.nn.ZeroPad2d((1, 0, 2, 2)), conv, torch.nn.ReLU6())
    x = torch.randn(2, 8, 7, 4, dtype=torch.float64)
    op = GroupedConv(
        channels=8,
        groups=groups,
        kernel=(3, 2),
        stride=stride,
        padding=(2, 1, 2, 0),
        dilation=dilation,
        activation=Activation(kind="relu6"),
    )
    tensors = {"weight": conv.weight.permute(0, 2, 3, 1), "bias": conv.state_dict()["bias"]}
    expected = module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(op.float_forward(tensors, (x,)), expected)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"groups": 3}, "do not fall into 3 groups"),
        ({"groups": 4, "channels": 2}, "do not fall into 4 groups"),
        ({"groups": 0}, "groups cannot be 0"),
        ({"dilation": [0, 1]}, "dilation .* must be positive"),
        ({"dilation": [3, 1]}, "larger than its padded input"),
        ({"dilation": [2, 2], "padding": [5, 0, 0, 0]}, "smaller than the kernel"),
        ({"kernel": [0, 3], "dilation": [2, 2]}, "must be positive"),
        ({"inputs": ["image"]}, "cannot read camera bytes"),
    ],
)
def test_what_does_not_fit_is_refused(fields: Json, message: str) -> None:
    case = {"op": "grouped_conv", "inputs": ["first"], "channels": 6, "kernel": [3, 3], **fields}
    with pytest.raises(HvError, match=message):
        bench((5, 5, 4), [case])


def test_padding_may_reach_as_far_as_the_gaps() -> None:
    fields = {"kernel": [3, 3], "dilation": [2, 2], "padding": [4, 4, 4, 4]}
    case = {"op": "grouped_conv", "inputs": ["first"], "channels": 6, "groups": 2, **fields}
    arch = bench((5, 5, 4), [case])
    layer = arch.layers[3]
    assert arch.shapes()["case0"] == (9, 9, 6)
    assert layer.op.macs(arch.input_shapes(layer)) == 9 * 9 * 6 * 9 * 2
    assert layer.op.scratch_bytes(arch.input_shapes(layer)) == 2 * 9 * 2
