"""softmax: exact integers along any axis, on numpy, torch and C; against real numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_everywhere, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import benches, compiled, seeds

from codegen import reference
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.nets import QuantNet
from codegen.ops.base import Quantity
from codegen.ops.softmax import MOST_STEPS, Softmax
from codegen.quantise import quantise
from tests.networks import float_net, images, quant_net, with_constants, with_tensor

_ONE: list[Json] = [{"op": "softmax", "inputs": ["vector"], "axis": 0}]


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    del shape
    source, rank = draw(st.sampled_from((("first", 3), ("second", 3), ("vector", 1))))
    return {"op": "softmax", "inputs": [source], "axis": draw(st.integers(0, rank - 1))}


@compiled
@given(benches(_case, count=6), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


def _with_quantities(shape: Shape3, **own: Quantity) -> QuantNet:
    return quantise(dataclasses.replace(float_net(bench(shape, _ONE)), quantities=own))


@pytest.mark.parametrize("scale", [1e-3, 0.02, 0.3, 40.0])
@pytest.mark.parametrize("steps", [1, 100, 255, 256, 1000, MOST_STEPS])
def test_any_scale_in_and_out(scale: float, steps: int) -> None:
    """All alike, one alone, and all between; more than 255 steps saturate at 127."""
    net = _with_quantities(
        (3, 2, 3),
        first=Quantity(scale=scale, zero_point=5),
        case0=Quantity(scale=1 / steps, zero_point=-128),
    )
    assert net.layers[3].constants["steps"] == steps
    batch = images(net.arch, 12, 1)
    outputs = reference.run(net, batch)
    real = torch.from_numpy(outputs["vector"].astype(np.float64) * scale).softmax(dim=1).numpy()
    got = outputs["case0"].astype(np.float64) + 128
    table_error = steps * 18 / (2 * net.layers[3].constants["one"])
    assert (np.abs(got - np.minimum(real * steps, 255)) <= 0.5 + table_error + 1e-9).all()
    check_everywhere((net,), seed=3)


def test_a_scale_of_its_own_is_kept_but_for_float32() -> None:
    """What quantisers observe of probabilities: 1/255, nearly."""
    own = Quantity(scale=float(np.float32(0.99999988) / np.float32(255)), zero_point=-128)
    net = _with_quantities((3, 2, 3), case0=own)
    assert own.scale != 1 / 255
    assert net.layers[3].quantity == own
    assert net.layers[3].constants["steps"] == 255


def test_the_sum_of_the_largest_is_proved_and_reached() -> None:
    """Equal inputs: every e is table[0]; with one input the share is everything."""
    for shape in ((1, 1, 1), (9, 9, 6)):
        net = quant_net(bench(shape, _ONE))
        count = int(np.prod(shape))
        flat = np.zeros((1, count), np.int8)
        (got,) = np.unique(net.layers[3].op.reference(net.layers[3], (flat,)))
        assert got == -128 + (255 * 2 + count) // (2 * count)
        one, steps = net.layers[3].constants["one"], net.layers[3].constants["steps"]
        limit = max(count * one, one * steps + count * one // 2)
        assert limit < 2**32
        assert 2 * limit >= 2**32 or one == 2**30  # the finest table there is


def test_the_observed_output_makes_the_steps() -> None:
    net = float_net(bench((3, 3, 2), _ONE))
    for largest, steps in ((1.0, 255), (0.5, 510), (0.1, 2550), (1e-6, MOST_STEPS), (3.0, 255)):
        quant = quantise(dataclasses.replace(net, ranges={**net.ranges, "case0": (0.0, largest)}))
        assert quant.layers[3].constants["steps"] == steps
        assert quant.layers[3].quantity == Quantity(scale=1 / steps, zero_point=-128)
        check_network(quant)


@pytest.mark.parametrize(("scale", "zero_point"), [(1 / 255, 0), (1 / 260.5, -128), (2.5, -128)])
def test_a_scale_that_is_no_share_is_refused(scale: float, zero_point: int) -> None:
    with pytest.raises(HvError, match="a softmax cannot have the scale") as refused:
        _with_quantities((2, 2, 2), case0=Quantity(scale=scale, zero_point=zero_point))
    assert refused.value.where == "layer case0"


def test_what_does_not_fit_is_refused() -> None:
    net = quant_net(bench((2, 2, 2), _ONE))
    one = net.layers[3].constants["one"]
    table = net.tensors()["case0.table"]
    for broken in (
        with_constants(net, "case0", one=2 * one),
        with_constants(net, "case0", steps=2**20),
        with_tensor(net, "case0.table", np.zeros_like(table)),
        with_tensor(net, "case0.table", -table),
        with_tensor(net, "case0.table", np.where(np.arange(256) == 9, 2**31 - 1, table)),
    ):
        with pytest.raises(GateBreach, match="does not fit 32 bits"):
            check_network(broken)


def test_real_numbers_match_torch_nn() -> None:
    x = torch.randn(2, 3, 4, 5)
    for axis in range(3):
        expected = torch.nn.Softmax(dim=axis + 1)(x)
        torch.testing.assert_close(Softmax(axis=axis).float_forward({}, (x,)), expected)


def test_any_rank() -> None:
    for shape in ((5,), (2, 3), (2, 3, 4), (2, 1, 3, 2)):
        assert Softmax(axis=len(shape) - 1).output_shape((shape,)) == shape


def test_an_axis_that_is_not_there_is_refused() -> None:
    with pytest.raises(HvError, match=r"softmax along axis 1, but the shape is \(8,\)"):
        bench((2, 2, 2), [{"op": "softmax", "inputs": ["vector"], "axis": 1}])
    with pytest.raises(HvError, match="axis cannot be -1"):
        bench((2, 2, 2), [{"op": "softmax", "inputs": ["vector"], "axis": -1}])
