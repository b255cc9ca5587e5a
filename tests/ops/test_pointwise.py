"""pointwise: values on numpy, torch and C; against torch.nn; against real numbers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import activations, benches, compiled, seeds, sources

from codegen.errors import HvError
from codegen.ops.base import Activation
from codegen.ops.pointwise import Pointwise


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    del shape
    return {
        "op": "pointwise",
        "inputs": [draw(sources)],
        "channels": draw(st.integers(1, 9)),
        "activation": draw(activations),
    }


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


def test_real_numbers_match_torch_nn() -> None:
    conv = torch.nn.Conv2d(3, 4, 1).double()
    x = torch.randn(2, 5, 6, 3, dtype=torch.float64)
    op = Pointwise(channels=4, activation=Activation(kind="clip", lo=-0.25, hi=0.5))
    tensors = {"weight": conv.weight.permute(0, 2, 3, 1), "bias": conv.state_dict()["bias"]}
    expected = torch.nn.Hardtanh(-0.25, 0.5)(conv(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
    torch.testing.assert_close(op.float_forward(tensors, (x,)), expected)


def test_a_vector_is_no_image() -> None:
    with pytest.raises(HvError, match="needs an image"):
        bench((3, 3, 2), [{"op": "pointwise", "inputs": ["vector"], "channels": 2}])
