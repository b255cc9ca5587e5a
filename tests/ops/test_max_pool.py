"""max_pool: geometry and values on numpy, torch and C; against torch.nn; exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from harness import Json, Shape3, bench, check_bench
from hypothesis import given, settings
from strategies import benches, compiled, seeds, windows

from codegen import reference
from codegen.errors import HvError
from codegen.ops.max_pool import MaxPool
from tests.networks import images, quant_net


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    return {"op": "max_pool", "inputs": ["first"], **draw(windows(shape))}


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_is_exactly_the_real_maximum(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    """No rounding: torch's own pool on the integers gives the same integers."""
    net = quant_net(bench(*cases), shared_seed=seed)
    outputs = reference.run(net, images(net.arch, 8, seed))
    x = torch.from_numpy(outputs["first"].astype(np.float64))
    for layer in net.layers:
        if layer.name.startswith("case"):
            expected = layer.op.float_forward({}, (x,)).numpy()
            np.testing.assert_array_equal(outputs[layer.name], expected)


@pytest.mark.parametrize("padding", [0, 1])
def test_real_numbers_match_torch_nn(padding: int) -> None:
    x = torch.randn(2, 7, 8, 3) - 5  # all negative: zeros in the padding would win
    op = MaxPool(kernel=(3, 2), stride=(2, 1), padding=(padding,) * 4)
    module = torch.nn.MaxPool2d((3, 2), stride=(2, 1), padding=padding)
    expected = module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(op.float_forward({}, (x,)), expected)


def test_camera_bytes_are_refused() -> None:
    with pytest.raises(HvError, match="cannot read camera bytes"):
        bench((4, 4, 2), [{"op": "max_pool", "inputs": ["image"], "kernel": [2, 2]}])
