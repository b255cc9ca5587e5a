"""inner_average_pool: which taps count, on numpy, torch and C; against torch.nn."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from harness import Json, Shape3, assert_same, bench, check_bench, check_everywhere, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import benches, compiled, seeds, windows

from codegen import reference
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.ops.inner_average_pool import InnerAveragePool
from codegen.quantise import quantise
from tests.networks import float_net, images, quant_net, with_tensor

_COUNTED = st.lists(st.integers(0, 3), min_size=4, max_size=4)


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    fields = {"counted": draw(_COUNTED), **draw(windows(shape))}
    return {"op": "inner_average_pool", "inputs": ["second"], **fields}


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


@settings(max_examples=40)
@given(st.data(), st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(1)))
def test_counts_are_those_of_a_loop(data: Any, shape: Shape3) -> None:  # noqa: ANN401
    """Position by position, and never none."""
    fields = {name: tuple(values) for name, values in data.draw(windows(shape)).items()}
    counted = tuple(data.draw(_COUNTED))
    op = InnerAveragePool(counted=counted, **fields)  # type: ignore[arg-type]
    counts = op.counts((shape,))
    top, left, _, _ = op.padding
    for y, x in np.ndindex(*counts.shape[:2]):
        taps = [
            (y * op.stride[0] + ky - top, x * op.stride[1] + kx - left)
            for ky in range(op.kernel[0])
            for kx in range(op.kernel[1])
        ]
        inside = sum(
            -counted[0] <= row < shape[0] + counted[2]
            and -counted[1] <= column < shape[1] + counted[3]
            for row, column in taps
        )
        assert counts[y, x, 0] == inside >= 1


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("ceil", [True, False])
@pytest.mark.parametrize("padding", [0, 1])
def test_real_numbers_match_torch_nn(include: bool, ceil: bool, padding: int) -> None:
    """count_include_pad is a counted frame, ceil_mode more padding below and to the right."""
    x = torch.randn(2, 7, 8, 3, dtype=torch.float64)
    module = torch.nn.AvgPool2d(
        (3, 2), stride=(3, 3), padding=padding, ceil_mode=ceil, count_include_pad=include
    )
    frame = (padding,) * 4
    below, beside = {(True, 0): (2, 0), (True, 1): (1, 1)}.get((ceil, padding), (padding, padding))
    op = InnerAveragePool(
        kernel=(3, 2),
        stride=(3, 3),
        padding=(padding, padding, below, beside),
        counted=frame if include else (0, 0, 0, 0),
    )
    expected = module(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    torch.testing.assert_close(op.float_forward({}, (x,)), expected)


@settings(max_examples=10)
@given(st.data(), seeds)
def test_all_counted_is_average_pool(data: Any, seed: int) -> None:  # noqa: ANN401
    shape = (6, 5, 3)
    window = {"inputs": ["second"], **data.draw(windows(shape))}
    cases: list[Json] = [
        {"op": "average_pool", **window},
        {"op": "inner_average_pool", "counted": window["padding"], **window},
    ]
    net = quant_net(bench(shape, cases), shared_seed=seed, person_seed=seed)
    got = reference.run(net, images(net.arch, 8, seed))
    assert_same(got["case0"], got["case1"], f"seed {seed}")


@pytest.mark.parametrize("reach", [0.02, 0.5, 40.0])
def test_an_observed_range_changes_the_scale(reach: float) -> None:
    """Narrow ranges need a left shift, wide ones small multipliers."""
    window = {"kernel": [2, 3], "padding": [1, 2, 0, 0], "counted": [0, 1, 0, 0]}
    net = float_net(
        bench((5, 4, 3), [{"op": "inner_average_pool", "inputs": ["second"], **window}])
    )
    ranges = {**net.ranges, "case0": (-reach, reach / 2)}
    check_everywhere((quantise(dataclasses.replace(net, ranges=ranges)),), seed=5)


def test_a_wrong_multiplier_is_found() -> None:
    """Each entry that some window uses matters, and only those."""
    window = {"kernel": [2, 2], "padding": [1, 1, 1, 1]}  # 1, 2 or 4 taps count
    net = quant_net(
        bench((4, 4, 2), [{"op": "inner_average_pool", "inputs": ["second"], **window}])
    )
    batch = images(net.arch, 6, 1)
    expected = reference.run(net, batch)["case0"]
    multiplier = net.layers[3].tensors["multiplier"]
    assert multiplier.tolist()[0] == multiplier.tolist()[3] == 1
    for count in range(5):
        changed = multiplier.copy()
        changed[count] = 2**29 + 12345
        got = reference.run(with_tensor(net, "case0.multiplier", changed), batch)["case0"]
        assert (got != expected).any() == (count in (1, 2, 4))


def test_what_does_not_fit_is_refused() -> None:
    case = {"op": "inner_average_pool", "inputs": ["first"], "kernel": [2, 2]}
    with pytest.raises(HvError, match="must not be negative"):
        bench((5, 5, 1), [{**case, "counted": [0, 0, -1, 0]}])
    with pytest.raises(HvError, match="smaller than the kernel"):
        bench((5, 5, 1), [{**case, "padding": [0, 0, 2, 0]}])
    net = float_net(bench((5, 5, 1), [case]))
    ranges = {**net.ranges, "case0": (0.0, 1e-9)}
    with pytest.raises(GateBreach, match="does not fit the integer contract"):
        check_network(quantise(dataclasses.replace(net, ranges=ranges)))
    zero = np.zeros(5, np.int32)
    with pytest.raises(GateBreach, match="does not fit the integer contract"):
        check_network(with_tensor(quantise(net), "case0.multiplier", zero))
