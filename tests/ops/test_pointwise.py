"""pointwise: values on numpy, torch and C; against torch.nn; against real numbers."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from harness import (
    ACTIVATIONS,
    Json,
    Shape3,
    assert_same,
    bench,
    check_bench,
    check_step,
    quantised,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import activations, benches, compiled, seeds, sources

from codegen.errors import HvError
from codegen.ops.base import Activation, Shape
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


def test_a_vector_has_no_positions() -> None:
    with pytest.raises(HvError, match="needs positions and channels"):
        bench((3, 3, 2), [{"op": "pointwise", "inputs": ["vector"], "channels": 2}])


@pytest.mark.parametrize("shape", [(6, 5), (1, 3), (2, 3, 5), (2, 1, 3, 5), (3, 1, 2, 1, 5)])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation["kind"])
def test_any_rank_is_an_image_of_one_row(shape: Shape, activation: Json) -> None:
    """The kernel sees positions and channels only, so the shape decides nothing but the shape."""
    op = Pointwise(channels=4, activation=Activation(**activation))
    row = (1, math.prod(shape[:-1]), shape[-1])
    real = np.random.default_rng(len(shape))
    tensors = {
        name: real.integers(-64, 65, size).astype(np.float32) / 64
        for name, size in op.float_tensors((shape,)).items()
    }
    layer, flat = (quantised(op, tensors, size) for size in (shape, row))
    x = real.integers(-128, 128, (3, *shape)).astype(np.int8)
    expected = flat.op.reference(flat, (x.reshape(3, *row),))
    assert_same(expected.reshape(3, *shape[:-1], 4), op.reference(layer, (x,)), str(shape))
    assert op.macs((shape,)) == op.macs((row,))
    kernels = [which.op.kernel_context(which, "f") for which in (layer, flat)]
    assert dataclasses.replace(kernels[0], summary="") == dataclasses.replace(
        kernels[1], summary=""
    )
    points = torch.from_numpy(x).float() / 64
    floats = {name: torch.from_numpy(values) for name, values in tensors.items()}
    on_row = op.float_forward(floats, (points.reshape(3, *row),))
    torch.testing.assert_close(
        op.float_forward(floats, (points,)), on_row.reshape(3, *shape[:-1], 4)
    )
