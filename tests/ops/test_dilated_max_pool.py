"""dilated_max_pool: geometry on numpy, torch and C; against torch.nn and max_pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from harness import Json, Shape3, assert_same, bench, check_bench, check_step, quantised
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import benches, compiled, meeting_windows, seeds, windows

from codegen import reference
from codegen.errors import HvError
from codegen.ops.dilated_max_pool import DilatedMaxPool
from tests.networks import images, quant_net


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    return {"op": "dilated_max_pool", "inputs": ["second"], **draw(meeting_windows(shape))}


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_comparisons_round_nothing(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


@settings(max_examples=10)
@given(st.data(), seeds)
def test_without_gaps_it_is_max_pool(data: Any, seed: int) -> None:  # noqa: ANN401
    shape = (6, 5, 3)
    window = {"inputs": ["second"], **data.draw(windows(shape))}
    arch = bench(shape, [{"op": kind, **window} for kind in ("max_pool", "dilated_max_pool")])
    net = quant_net(arch, shared_seed=seed, person_seed=seed)
    got = reference.run(net, images(arch, 8, seed))
    assert_same(got["case0"], got["case1"], f"seed {seed}")


@pytest.mark.parametrize("padding", [0, 1])
def test_real_numbers_match_torch_nn(padding: int) -> None:
    x = torch.randn(2, 9, 8, 3, dtype=torch.float64)
    fields = {"kernel": (3, 2), "stride": (2, 1), "dilation": (2, 3)}
    op = DilatedMaxPool(**fields, padding=(padding,) * 4)
    module = torch.nn.MaxPool2d(
        fields["kernel"], fields["stride"], padding=padding, dilation=fields["dilation"]
    )
    expected = module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(op.float_forward({}, (x,)), expected)


def test_a_window_without_a_pixel_is_refused() -> None:
    """One row between two taps; a second row would be met."""
    case = {"op": "dilated_max_pool", "inputs": ["first"], "kernel": [2, 1], "dilation": [2, 1]}
    with pytest.raises(HvError, match="straddles the image"):
        bench((1, 3, 2), [{**case, "padding": [1, 0, 1, 0]}])
    assert bench((2, 3, 2), [{**case, "padding": [1, 0, 1, 0]}]).shapes()["case0"] == (2, 3, 2)
    with pytest.raises(HvError, match=r"dilation .* must be positive"):
        bench((3, 3, 2), [{**case, "dilation": [1, -1]}])


def test_padding_never_wins() -> None:
    """Not even over a dark image, whose every pixel is below zero and the zero point."""
    op = DilatedMaxPool(kernel=(2, 2), dilation=(2, 2), padding=(2, 2, 2, 2))
    layer = quantised(op, {}, (3, 3, 1))
    dark = np.full((1, 3, 3, 1), -100, np.int8)
    assert_same(np.full((1, 5, 5, 1), -100, np.int8), op.reference(layer, (dark,)), "dark")
