"""argmax: positions along any axis, on numpy, torch and C; ties as they were asked for."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_everywhere, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import benches, compiled, seeds

from codegen import reference
from codegen.errors import HvError
from codegen.export.float_graph import float_graph
from codegen.export.integer_graph import integer_graph
from codegen.export.qdq_graph import qdq_graph
from codegen.nets import Architecture
from codegen.ops.argmax import Argmax
from codegen.ops.base import Quantity
from codegen.quantise import quantise
from tests.networks import float_net, images, quant_net


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    del shape
    source, rank = draw(st.sampled_from((("first", 3), ("second", 3), ("vector", 1))))
    ties = draw(st.sampled_from(("first", "last")))
    axis = draw(st.integers(0, rank - 1))
    return {"op": "argmax", "inputs": [source], "axis": axis, "ties": ties}


@compiled
@given(benches(_case, count=6), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_the_same_as_of_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_step(bench(*cases), seed)


@pytest.mark.parametrize("shape", [(7,), (2, 5), (3, 4, 2), (2, 3, 1, 4)])
def test_first_and_last_of_equals(shape: tuple[int, ...]) -> None:
    """Few different values, so that there are ties; numpy's argmax takes the first."""
    generator = np.random.default_rng(3)
    x = generator.integers(-128, -125, (6, *shape)).astype(np.int8)
    net = quant_net(bench((2, 2, 2), [{"op": "argmax", "inputs": ["first"], "axis": 0}]))
    for axis in range(len(shape)):
        first, last = Argmax(axis=axis), Argmax(axis=axis, ties="last")
        expected = np.argmax(x, axis=axis + 1)
        backwards = shape[axis] - 1 - np.argmax(np.flip(x, axis + 1), axis=axis + 1)
        for op, answer in ((first, expected), (last, backwards)):
            layer = dataclasses.replace(net.layers[3], op=op)
            places = (6, *op.output_shape((shape,)))
            for array in (x, torch.from_numpy(x)):
                got = np.asarray(op.reference(layer, (array,)))
                assert got.dtype == np.int32
                assert got.shape == places
                np.testing.assert_array_equal(got, answer.reshape(places))


@pytest.mark.parametrize("ties", ["first", "last"])
def test_ties_in_c(ties: str) -> None:
    """A scale so coarse that most elements are equal, the lowest integer among them."""
    cases: list[Json] = [
        {"op": "argmax", "inputs": [source], "axis": axis, "ties": ties}
        for source, axis in (("first", 0), ("first", 1), ("first", 2), ("vector", 0))
    ]
    net = float_net(bench((4, 3, 5), cases))
    for zero_point in (-128, 0):
        own = {"first": Quantity(scale=1.0, zero_point=zero_point)}
        quant = quantise(dataclasses.replace(net, quantities=own))
        counts = reference.run(quant, images(net.arch, 12, 1))["vector"]
        assert any(np.bincount(row + 128).max() > 20 for row in counts.astype(int))
        check_everywhere((quant,), seed=1)


def test_a_class_can_be_decided_on() -> None:
    """Accepted where the position is at least the threshold; the exports follow."""
    data = bench((2, 2, 2), [{"op": "argmax", "inputs": ["vector"], "axis": 0}]).to_json()
    data["layers"] = [layer for layer in data["layers"] if layer["name"] != "head"]
    data["layers"][-1]["inputs"] = ["case0"]
    net = float_net(Architecture.from_json(data), threshold=3.5)
    quant = quantise(net)
    batch = images(net.arch, 40, 1)
    outputs = reference.run(quant, batch)
    accepted = outputs["decision"][:, 2]
    np.testing.assert_array_equal(accepted, outputs["case0"][:, 0] >= 4)
    assert 0 < accepted.sum() < 40
    check_everywhere((quant,), seed=1)
    for graph in (float_graph(net), qdq_graph(quant), integer_graph(quant)):
        onnx.checker.check_model(graph, full_check=True)


def test_real_numbers_match_torch() -> None:
    x = torch.randn(2, 3, 4, 5)
    for axis in range(3):
        expected = x.argmax(dim=axis + 1).to(x.dtype)
        torch.testing.assert_close(Argmax(axis=axis).float_forward({}, (x,)), expected)
    vector = torch.randn(3, 6)
    assert Argmax(axis=0).float_forward({}, (vector,)).shape == (3, 1)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(HvError, match="ties must be first or last"):
        Argmax(axis=0, ties="any")  # type: ignore[arg-type]
    with pytest.raises(HvError, match="argmax along axis 3"):
        bench((2, 2, 2), [{"op": "argmax", "inputs": ["first"], "axis": 3}])
    with pytest.raises(HvError, match="needs int8 values, and case0 is int32"):
        bench(
            (2, 2, 2),
            [
                {"op": "argmax", "inputs": ["first"], "axis": 0},
                {"op": "flatten", "inputs": ["case0"]},
            ],
        )
