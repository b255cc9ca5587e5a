"""constant: numbers without inputs, on numpy, torch and C; for any number of images."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_everywhere, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import compiled, seeds, shapes

from codegen import reference
from codegen.errors import HvError
from codegen.nets import Architecture, float_forward
from codegen.ops.base import Quantity
from codegen.ops.constant import Constant
from codegen.plan import plan_memory
from codegen.quantise import quantise
from codegen.scheduled_net import portable
from tests.networks import float_net, images, quant_net, with_tensor


@st.composite
def _benches(draw: Any) -> tuple[Shape3, list[Json]]:  # noqa: ANN401
    """Constants of any rank alone, and one that an image is multiplied and shifted by."""
    shape = draw(shapes)
    alone = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    part = [size if draw(st.booleans()) else 1 for size in shape]
    return shape, [
        {"op": "constant", "inputs": [], "shape": alone},
        {"op": "constant", "inputs": [], "shape": part},
        {"op": "mul", "inputs": ["first", "case1"]},
        {"op": "add", "inputs": ["case1", "case2"]},
    ]


@compiled
@given(_benches(), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(_benches(), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


def _one(*sizes: int) -> Architecture:
    return bench((2, 2, 2), [{"op": "constant", "inputs": [], "shape": list(sizes)}])


@pytest.mark.parametrize("count", [1, 3])
def test_every_image_gets_it(count: int) -> None:
    net = quant_net(_one(2, 3))
    batch = images(net.arch, count, 1)
    stored = net.tensors()["case0.values"]
    for array in (batch, torch.from_numpy(batch)):
        got = np.asarray(reference.run(net, array)["case0"])
        assert got.shape == (count, 2, 3)
        assert (got == stored).all()
    real = float_net(net.arch)
    tensors = {name: torch.from_numpy(values) for name, values in real.tensors.items()}
    got = float_forward(net.arch, tensors, torch.zeros(count, 2, 2, 2))["case0"].numpy()
    np.testing.assert_array_equal(got, np.stack([real.tensors["case0.values"]] * count))


def test_its_numbers_make_its_quantity() -> None:
    net = float_net(_one(3))
    values = {**net.tensors, "case0.values": np.array([-0.5, 0.0, 2.05], np.float32)}
    layer = quantise(dataclasses.replace(net, tensors=values, ranges={**net.ranges})).layers[3]
    assert layer.quantity == Quantity.from_range(-0.5, float(np.float32(2.05)))
    assert layer.tensors["values"].tolist() == [-128, layer.quantity.zero_point, 127]
    own = {"case0": Quantity(scale=0.5, zero_point=1)}
    layer = quantise(dataclasses.replace(net, tensors=values, quantities=own)).layers[3]
    assert layer.quantity == own["case0"]
    assert layer.tensors["values"].tolist() == [0, 1, 5]  # -0.5 / 0.5, 0, 4.1 rounded


def test_values_beyond_its_own_quantity_clamp() -> None:
    net = float_net(_one(2))
    values = {**net.tensors, "case0.values": np.array([-1e6, 1e6], np.float32)}
    own = {"case0": Quantity(scale=0.5, zero_point=1)}
    quant = quantise(dataclasses.replace(net, tensors=values, quantities=own))
    assert quant.layers[3].tensors["values"].tolist() == [-128, 127]
    check_everywhere((quant, with_tensor(quant, "case0.values", np.array([5, 6], np.int8))), 1)


def test_it_has_a_place_in_the_arena_from_its_own_step() -> None:
    plan = plan_memory(portable(quant_net(_one(2, 3))))
    buffer = next(buffer for buffer in plan.buffers if buffer.name == "case0")
    assert (buffer.first, buffer.last, buffer.size_bytes) == (3, 3, 6)


def test_a_constant_may_be_the_first_layer() -> None:
    data = bench((2, 2, 2), []).to_json()
    data["layers"].insert(0, {"name": "offset", "op": "constant", "inputs": [], "shape": [1, 1, 2]})
    data["layers"].insert(3, {"name": "moved", "op": "add", "inputs": ["first", "offset"]})
    check_bench(Architecture.from_json(data), seed=4)


def test_impossible_constants_are_refused() -> None:
    for shape in ((), (2, 0)):
        with pytest.raises(HvError, match="a constant cannot have the shape"):
            Constant(shape=shape)
    with pytest.raises(HvError, match="takes 0 inputs"):
        bench((2, 2, 2), [{"op": "constant", "inputs": ["first"], "shape": [2]}])
