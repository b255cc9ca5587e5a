"""conv2d: geometry and values, on numpy, torch and C; against torch.nn; against real numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import activations, benches, compiled, seeds, sources, windows

from codegen.errors import HvError
from codegen.nets import Architecture
from codegen.ops.base import Activation
from codegen.ops.conv2d import Conv2d


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    return {
        "op": "conv2d",
        "inputs": [draw(sources)],
        "channels": draw(st.integers(1, 7)),
        "activation": draw(activations),
        **draw(windows(shape)),
    }


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 0, 2, 1)])
def test_real_numbers_match_torch_nn(
    stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> None:
    top, left, bottom, right = padding
    conv = torch.nn.Conv2d(3, 5, (3, 2), stride=stride).double()
    slopes = torch.linspace(-0.5, 1.5, 5).double()
    prelu = torch.nn.PReLU(5).double()
    prelu.load_state_dict({"weight": slopes})
    module = torch.nn.Sequential(torch.nn.ZeroPad2d((left, right, top, bottom)), conv, prelu)
    x = torch.randn(2, 8, 7, 3, dtype=torch.float64)
    op = Conv2d(
        channels=5,
        kernel=(3, 2),
        stride=stride,
        padding=padding,
        activation=Activation(kind="prelu"),
    )
    tensors = {
        "weight": conv.weight.permute(0, 2, 3, 1),
        "bias": conv.state_dict()["bias"],
        "slope": slopes,
    }
    expected = module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(op.float_forward(tensors, (x,)), expected)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kernel": [6, 1]}, "larger than its padded input"),
        ({"kernel": [3, 3], "padding": [3, 0, 0, 0]}, "smaller than the kernel"),
        ({"kernel": [3, 3], "stride": [0, 1]}, "must be positive"),
        ({"kernel": [3, 3], "padding": [0, -1, 0, 0]}, "not negative"),
        ({"kernel": [3, 3], "groups": 2}, "no field groups"),
        ({}, "kernel"),
    ],
)
def test_impossible_geometry_is_refused(fields: Json, message: str) -> None:
    case = {"op": "conv2d", "inputs": ["first"], "channels": 2, **fields}
    with pytest.raises(HvError, match=message):
        bench((5, 5, 2), [case])


def test_a_vector_is_no_image() -> None:
    case = {"op": "conv2d", "inputs": ["vector"], "channels": 2, "kernel": [1, 1]}
    with pytest.raises(HvError, match="needs an image"):
        bench((5, 5, 2), [case])


def test_shapes_and_costs() -> None:
    arch: Architecture = bench(
        (9, 7, 3),
        [
            {
                "op": "conv2d",
                "inputs": ["image"],
                "channels": 4,
                "kernel": [3, 2],
                "stride": [2, 3],
                "padding": [1, 0, 0, 1],
            }
        ],
    )
    layer = arch.layers[3]
    assert arch.shapes()["case0"] == (4, 3, 4)
    assert layer.op.macs(arch.input_shapes(layer)) == 4 * 3 * 4 * 3 * 2 * 3
    assert layer.op.scratch_bytes(arch.input_shapes(layer)) == 2 * 3 * 2 * 3
