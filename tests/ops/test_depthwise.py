"""depthwise: geometry and values, on numpy, torch and C; against torch.nn; against real numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_step
from hypothesis import given, settings
from strategies import activations, benches, compiled, seeds, sources, windows

from codegen.errors import HvError
from codegen.ops.base import Activation
from codegen.ops.depthwise import Depthwise


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    return {
        "op": "depthwise",
        "inputs": [draw(sources)],
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


@pytest.mark.parametrize("stride", [(1, 1), (3, 2)])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (0, 1, 2, 1)])
def test_real_numbers_match_torch_nn(
    stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> None:
    top, left, bottom, right = padding
    conv = torch.nn.Conv2d(4, 4, (3, 2), stride=stride, groups=4).double()
    module = torch.nn.Sequential(
        torch.nn.ZeroPad2d((left, right, top, bottom)), conv, torch.nn.ReLU6()
    )
    x = 4 * torch.randn(2, 8, 7, 4, dtype=torch.float64)
    op = Depthwise(
        kernel=(3, 2), stride=stride, padding=padding, activation=Activation(kind="relu6")
    )
    tensors = {"weight": conv.weight[:, 0].permute(1, 2, 0), "bias": conv.state_dict()["bias"]}
    expected = module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(op.float_forward(tensors, (x,)), expected)


def test_each_channel_has_its_own_scale() -> None:
    arch = bench((3, 3, 2), [{"op": "depthwise", "inputs": ["image"], "kernel": [2, 3]}])
    assert arch.float_tensor_shapes()["case0.weight"] == (2, 3, 2)
    assert arch.tensor_specs()["case0.multiplier"].shape == (2,)


def test_impossible_geometry_is_refused() -> None:
    with pytest.raises(HvError, match="smaller than the kernel"):
        bench(
            (3, 3, 2),
            [{"op": "depthwise", "inputs": ["image"], "kernel": [1, 1], "padding": [1, 0, 0, 0]}],
        )
