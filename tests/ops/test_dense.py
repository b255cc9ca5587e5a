"""dense: values on numpy, torch and C; against torch.nn; against real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_step
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import activations, benches, compiled, seeds

from codegen import reference
from codegen.errors import HvError
from codegen.ops.base import Activation
from codegen.ops.dense import Dense
from tests.networks import extreme, images, quant_net


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    del shape
    return {
        "op": "dense",
        "inputs": ["vector"],
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
    linear = torch.nn.Linear(7, 4).double()
    x = torch.randn(3, 7, dtype=torch.float64)
    op = Dense(channels=4, activation=Activation(kind="relu"))
    tensors = {"weight": linear.weight, "bias": linear.bias}
    torch.testing.assert_close(op.float_forward(tensors, (x,)), linear(x).relu())


@settings(max_examples=20)
@given(seeds)
def test_a_kept_accumulator_is_the_exact_sum(seed: int) -> None:
    net = extreme(quant_net(bench((4, 3, 5), []), shared_seed=seed), seed)
    outputs = reference.run(net, images(net.arch, 8, seed))
    head = next(layer for layer in net.layers if layer.name == "head")
    for row, kept in zip(outputs["vector"].tolist(), outputs["head"].tolist(), strict=True):
        weights = head.tensors["weight"][0].tolist()
        exact = sum(w * x for w, x in zip(weights, row, strict=True)) + int(head.tensors["bias"][0])
        assert kept == [exact]
    assert outputs["head"].dtype == np.int32


def test_impossible_fields_are_refused() -> None:
    with pytest.raises(HvError, match="put a flatten before it"):
        bench((3, 3, 2), [{"op": "dense", "inputs": ["first"], "channels": 2}])
    with pytest.raises(HvError, match="int8 or int32"):
        bench((3, 3, 2), [{"op": "dense", "inputs": ["vector"], "channels": 2, "output": "int16"}])
    with pytest.raises(HvError, match="takes no activation"):
        Dense(channels=1, output="int32", activation=Activation(kind="relu"))
